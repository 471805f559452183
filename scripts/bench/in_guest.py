# SPDX-License-Identifier: MIT
"""What a frame costs in a guest on a real kernel: bin/guest --compare, read as figures."""

import os
import re
import shutil

import verglas_host
from cases import CaseFailed
from jobs import Figure, Job, Skipped, last_said, output, program

PROGRAMS = {'gears': ['glxgears'], 'stream': None}  # the latter is ours, and in the build folder
# Figure, unit, and the rows of the table that it is the sum of.
ROWS = {
    'submits': ('/frame', r'\S+: submissions'),
    'transfers': ('/frame', r'\S+: transfers'),
    'made': ('/frame', r'\S+: resources made'),
    'dropped': ('/frame', r'\S+: resources dropped'),
    'bytes': ('bytes/frame', r'\S+: bytes submitted'),
    'ioctls': ('/frame', r'ioctl \S+'),
}
LABELS = {'submits': 'submissions', 'transfers': 'transfers', 'made': 'resources made',
          'dropped': 'resources dropped', 'bytes': 'bytes submitted', 'ioctls': 'ioctls'}
ROW = re.compile(r'^   (\S.*?)\s+([0-9.]+)\s+([0-9.]+)$', re.M)
# What is no driver's doing: then there is no such figure on this machine.
NO_GUEST = re.compile(r'cannot download|did not start within|no display for the guest|'
                      r'is not installed|apt knows no package|apt-get update failed|'
                      r'cannot install|needs the Debian packages')


def parse(text):
    """{'verglas': {row: value}, 'stock': …} of a table that bin/guest --compare has printed."""
    rows = ROW.findall(text)
    return {driver: {name: float(values[i]) for name, *values in rows}
            for i, driver in enumerate(('verglas', 'stock'))}


def figures_of(rows, name):
    """Our figures of one driver's rows; what others sent is not the program's."""
    mine = {row: value for row, value in rows.items() if not row.startswith('others:')}
    found = {f'guest-{name}': rows['frames/s']}
    for key, (_, pattern) in ROWS.items():
        found[f'guest-{name}-{key}'] = sum(
            value for row, value in mine.items() if re.fullmatch(pattern, row))
    return found


class InGuest(Job):
    """Both drivers in one boot: the second to be asked for has been measured with the first."""
    native = False
    rounds = 1

    def __init__(self, name):
        self.name = name
        self.found = {}
        self.figures = [Figure(f'guest-{name}', 'guest', 'frames/s', f'{name} in the guest')]
        self.figures += [Figure(f'guest-{name}-{key}', 'guest', unit,
                                f'{name} in the guest: {LABELS[key]}', less=True)
                         for key, (unit, _) in ROWS.items()]

    def run(self, bed, driver, wanted):
        if not isinstance(self.found, Exception) and driver not in self.found:
            self.found = self.compare()
        if isinstance(self.found, Exception):
            raise self.found
        return figures_of(self.found.pop(driver), self.name)

    def compare(self):
        if not shutil.which('apt-get') and not shutil.which('qemu-system-x86_64'):
            return Skipped('QEMU is not installed, and there is no apt-get')
        command = PROGRAMS[self.name] or [program('stream')]
        status, text = output([os.path.join(verglas_host.ROOT, 'bin', 'guest'), '--compare',
                               '--seconds', '16', '--', *command], dict(os.environ), 590)
        if status != 0:
            said = last_said(text).removeprefix(': ')
            return Skipped(said) if NO_GUEST.search(text) else CaseFailed(said)
        found = parse(text)
        if not all('frames/s' in rows for rows in found.values()):
            return CaseFailed('no frame was counted' + last_said(text))
        return found


def jobs():
    return [InGuest(name) for name in PROGRAMS]
