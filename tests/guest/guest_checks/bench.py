# SPDX-License-Identifier: MIT
"""What all parts of the guest suite use: the machine, programs in it, results, times."""

import contextlib
import os
import re
import subprocess
import time

import verglas_host
from guest.errors import GuestError
from verglas_host import HostError

# What QEMU's renderer says when a command of the guest's was no good, and what the kernel says when
# the device refused one, or worse.
HOST_COMPLAINT = re.compile(r'error|illegal|invalid|fail|assert', re.I)
KERNEL_COMPLAINT = re.compile(r'\*ERROR\*|\bBUG:|\bOops|WARNING:|hung_task|blocked for more than')
FENCES = ('fd', 'bo')  # VERGLAS_DRM_FENCE


class Bench:
    """One boot and what is found in it."""

    def __init__(self, report, config, machine, logs):
        self.report = report
        self.config = config
        self.machine = machine
        self.logs = logs
        self.times = []
        self._host_said = 0
        self._kernel_said = 0

    @property
    def stock(self):
        return self.machine.driver == 'stock'

    def fences(self):
        """The kinds of fences to try: (name, environment)."""
        if self.stock:  # it has one kind, the kernel's
            return [('', {})]
        return [(f'{kind} fences', {'VERGLAS_DRM_FENCE': kind}) for kind in FENCES]

    def check(self, good, name, reason=''):
        if good:
            self.report.passed(f'guest: {name}')
        else:
            self.report.failed(f'guest: {name}', reason or 'it is not so')
        return good

    @contextlib.contextmanager
    def part(self, name):
        """A part of the suite: its time, its troubles, and what host and kernel say to it."""
        began = time.monotonic()
        try:
            yield
        except GuestError as error:
            self.report.failed(f'guest: {name}', str(error))
            self.machine.run(['true'], timeout=30)  # raises when the guest is gone
        except (OSError, ValueError, LookupError, subprocess.SubprocessError, HostError) as error:
            # Something of this machine's, or a log that is not as expected.
            self.report.failed(f'guest: {name}', f'{type(error).__name__}: {error}')
        self.complaints(name)
        self.times.append((name, time.monotonic() - began))
        self.report.say(f'guest: {name}: {self.times[-1][1]:.1f} s')

    def complaints(self, name):
        with open(os.path.join(self.machine.share, 'qemu.log'), encoding='utf-8',
                  errors='replace') as f:
            lines = [line.strip() for line in f]
        said = [line for line in lines[self._host_said:] if HOST_COMPLAINT.search(line)]
        self._host_said = len(lines)
        if said:
            self.report.failed(f'guest: {name}: the host complains',
                               f'{said[0][:160]} ({len(said)} lines)')
        lines = self.machine.run(['dmesg'], timeout=60).out.splitlines()
        said = [line for line in lines[self._kernel_said:] if KERNEL_COMPLAINT.search(line)]
        self._kernel_said = len(lines)
        if said:
            self.report.failed(f'guest: {name}: the kernel complains',
                               f'{said[0][:160]} ({len(said)} lines)')

    def log(self, label, result):
        """Keep what a program said."""
        name = re.sub(r'[^a-z0-9]+', '-', label.lower()).strip('-')
        path = os.path.join(self.logs, name + '.log')
        with open(path, 'w', encoding='utf-8') as f:
            f.write(f'{result.out}\n--- errors\n{result.err}\n--- status {result.status}\n')

    def run(self, argv, label, timeout=120, env=None, **options):
        result = self.machine.run(argv, timeout=timeout, env=env, **options)
        self.log(label, result)
        return result

    def program(self, name, *arguments, label=None, timeout=120, env=None):
        """One of ours: each line "ok …", "FAIL …: why" or "SKIP …: why" is a result."""
        label = label or name
        result = self.run([f'/run/verglas/bin/guest-{name}', *arguments], label, timeout, env)
        self.judge_lines(label, result)
        return result

    def judge_lines(self, label, result):
        good = bad = 0
        for line in result.out.splitlines():
            word, _, rest = line.partition(' ')
            what, _, why = rest.partition(': ')
            if word == 'ok':
                good += 1
                self.report.passed(f'guest: {label}: {rest}')
            elif word == 'FAIL':
                bad += 1
                self.report.failed(f'guest: {label}: {what}', why)
            elif word == 'SKIP':
                good += 1
                self.report.skipped(f'guest: {label}: {what}', why)
        if result.status is None:
            self.report.failed(f'guest: {label}', 'runs too long')
        elif result.status < 0:
            self.report.failed(f'guest: {label}', f'crash (signal {-result.status})')
        elif not good and not bad or result.status != 0 and not bad:
            said = (result.err.strip().splitlines() or ['it said nothing'])[-1]
            self.report.failed(f'guest: {label}', f'status {result.status}: {said[:160]}')

    def check_mapped(self, program):
        """Is it the driver under test that a running program has loaded, and no other one?"""
        # The kernel keeps 15 characters of a program's name.
        maps = self.run(['sh', '-c', f'cat /proc/$(pgrep -o {program[:15]})/maps'],
                        f'maps of {program}')
        mapped = {line.split()[-1] for line in maps.out.splitlines() if line.endswith('_dri.so')}
        folder = verglas_host.stock_folder() if self.stock else '/run/verglas/dri'
        self.check(mapped == {f'{folder}/virtio_gpu_dri.so'}, f'{program} has the driver mapped',
                   f'it has {sorted(mapped)}')

    def wait(self, condition, seconds):
        """Until CONDITION() gives something, which is then given back."""
        deadline = time.monotonic() + seconds
        while True:
            found = condition()
            if found or time.monotonic() > deadline:
                return found
            time.sleep(0.1)
