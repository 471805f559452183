# SPDX-License-Identifier: MIT
"""What programs in the guest asked the kernel's DRM devices for, as ioctl_counter.c counted it."""

import collections
import glob
import json
import os

import verglas_host
from guest.errors import GuestError

LIBRARY = os.path.join('tests', 'guest', 'libioctl_counter.so')
PREFIX = 'ioctls'  # of the reports, in the shared folder
# The frames in which a program still fills its pools and caches.
WARM_UP = 100
HELD = {'fds': 'descriptors', 'maps': 'mappings', 'device_maps': 'mappings of devices',
        'handles': 'GEM handles'}


def preload_library():
    """The path of the counter, which the build makes."""
    path = os.path.join(verglas_host.build_folder(), LIBRARY)
    if not os.path.exists(path):
        raise GuestError(f'there is no {path}: run bin/setup')
    return path


def environment(share, name=PREFIX, base=None):
    """What to give to a program that is to be counted; reports are called NAME.PID.json."""
    others = (base or {}).get('LD_PRELOAD', os.environ.get('LD_PRELOAD'))
    return {'LD_PRELOAD': preload_library() + (':' + others if others else ''),
            'VERGLAS_IOCTLS': os.path.join(share, name)}


class IoctlReport:
    """The report of one process."""

    def __init__(self, path):
        try:
            with open(path, encoding='utf-8') as f:
                self.raw = json.load(f)
        except (OSError, ValueError) as error:
            raise GuestError(f'no report of ioctls in {path}: {error}') from None
        self.program = self.raw['program']
        self.pid = self.raw['pid']
        self.frames = self.raw['frames']
        self.seconds = self.raw['seconds']
        self.calls = {kind: each['calls'] for kind, each in self.raw['ioctls'].items()}
        self.failed = {kind: each['failed'] for kind, each in self.raw['ioctls'].items()
                       if each['failed']}
        self.samples = self.raw['samples']

    def steady(self, warm_up=WARM_UP):
        """[(frames, what each of them asked for)] of the patterns seen after the warm-up.

        A pattern that began in the warm-up and goes on counts with its frames before it too.
        """
        found = [(each['frames'], each['ioctls']) for each in self.raw['patterns']
                 if each['last'] >= warm_up]
        return sorted(found, key=lambda item: -item[0])

    def steady_calls(self, warm_up=WARM_UP):
        """A Counter of what all these frames asked for, and their number."""
        total, frames = collections.Counter(), 0
        for count, calls in self.steady(warm_up):
            frames += count
            for kind, each in calls.items():
                total[kind] += each * count
        return total, frames

    def growth(self, warm_up=WARM_UP):
        """How much each of fds, maps, device_maps and handles rose since the warm-up: (most, last)
        sample less the first one after it."""
        samples = [each for each in self.samples if each['frame'] >= warm_up]
        if len(samples) < 2:
            raise GuestError(f'{self.program} drew too few frames ({self.frames}) to tell')
        return {key: (max(each[key] for each in samples) - samples[0][key],
                      samples[-1][key] - samples[0][key])
                for key in HELD}

    def table(self, warm_up=WARM_UP):
        """Lines of text."""
        lines = [f'{"ioctls of " + self.program:<36}{"total":>9}{"failed":>8}{"µs each":>10}']
        for kind, each in sorted(self.raw['ioctls'].items(), key=lambda item: -item[1]['calls']):
            mean = each['ns'] / each['calls'] / 1e3
            lines.append(f'   {kind:<33}{each["calls"]:>9}{each["failed"]:>8}{mean:>10.1f}')
        steady = self.steady(warm_up)
        if steady:
            lines.append(f'frames of {self.program} by what they asked for '
                         f'({self.frames} frames; without the first {warm_up})')
            for count, calls in steady:
                text = ' + '.join(f'{n} {kind}' if n > 1 else kind for kind, n in calls.items())
                lines.append(f'   {count:>7}  {text or "nothing"}')
        after = [each for each in self.samples if each['frame'] >= warm_up]
        if after:
            first, last = after[0], after[-1]
            lines.append(f'held at frame {first["frame"]} and at frame {last["frame"]}')
            for key, what in HELD.items():
                lines.append(f'   {what:<33}{first[key]:>9}{last[key]:>8}')
        return lines


def paths(share, name=PREFIX):
    """The files of the reports in SHARE."""
    return glob.glob(os.path.join(glob.escape(share), f'{glob.escape(name)}.*.json'))


def reports(share, name=PREFIX):
    """The reports in SHARE, the one with the most frames first."""
    found = [IoctlReport(path) for path in paths(share, name)]
    return sorted(found, key=lambda each: (-each.frames, -sum(each.calls.values())))
