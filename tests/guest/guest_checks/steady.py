# SPDX-License-Identifier: MIT
"""What a frame of glxgears costs in the guest: one EXECBUFFER, one submit to the device."""

import collections
import os

from guest import ioctls

WARM_UP = 100  # frames that may still make shaders, pictures and fences
FRAMES = 400   # so many must come
SECONDS = 60


def faults(patterns, waits):
    """What is too much or too little in frames: {fault: how often}. PATTERNS as they come from
    IoctlReport.steady(); WAITS is how often throttling may wait for the device in a frame."""
    found = collections.Counter()
    for frames, calls in patterns:
        for kind, count in calls.items():
            if kind == 'EXECBUFFER' and count == 1 or kind == 'WAIT' and count <= waits:
                continue
            found[f'{count} {kind} in a frame'] += frames
        if 'EXECBUFFER' not in calls:
            found['no EXECBUFFER in a frame'] += frames
    return found


def self_test():
    """The names of cases that are judged wrongly."""
    cases = {
        'a good frame': ([(100, {'EXECBUFFER': 1})], 0, False),
        'a good frame that waits': ([(100, {'EXECBUFFER': 1, 'WAIT': 1})], 1, False),
        'a wait too many': ([(100, {'EXECBUFFER': 1, 'WAIT': 2})], 1, True),
        'two submissions': ([(1, {'EXECBUFFER': 2})], 0, True),
        'no submission': ([(1, {})], 0, True),
        'a buffer': ([(99, {'EXECBUFFER': 1}), (1, {'EXECBUFFER': 1, 'RESOURCE_CREATE': 1})], 0,
                     True),
        'a handle closed': ([(1, {'EXECBUFFER': 1, 'GEM_CLOSE': 1})], 1, True),
    }
    return [name for name, (patterns, waits, bad) in cases.items()
            if bool(faults(patterns, waits)) != bad]


class Gears:
    """glxgears running with its ioctls counted."""

    def __init__(self, bench, label, env):
        self.bench = bench
        self.label = label
        self._name = 'steady-' + (label.split() or ['stock'])[0]
        machine = bench.machine
        self._run_mark = machine.mark()
        environment = dict(ioctls.environment(machine.share, self._name, base={}), **env)
        self.process = machine.spawn(['stdbuf', '-oL', 'glxgears', '-info'], environment)

    def _latest(self):
        try:
            found = ioctls.reports(self.bench.machine.share, self._name)
        except Exception:  # it is just being written
            return None
        return next((each for each in found if each.program == 'glxgears'), None)

    def warm(self):
        """Wait until the steady state is there; False when it does not come."""
        def enough():
            latest = self._latest()
            return self.process.status is not None or latest and latest.frames > 2 * WARM_UP
        self.bench.wait(enough, SECONDS)
        self._window = self.bench.machine.mark()
        return self.process.status is None

    def finish(self):
        """Let it run on, end it, and judge. Returns the report."""
        bench, machine = self.bench, self.bench.machine
        bench.wait(lambda: self.process.status is not None
                   or (self._latest() and self._latest().frames > FRAMES), SECONDS)
        end = machine.mark()
        device = machine.counts(self._window, end).of('glxgears')
        self.process.end()
        whole = machine.counts(self._run_mark).of('glxgears')
        report = self._latest()
        name = f'steady state, {self.label}' if self.label else 'steady state'
        if report is None or report.frames < FRAMES:
            bench.check(False, name, f'only {report.frames if report else 0} frames came')
            return report
        waits = 0 if self.label.startswith('fd') else 1
        found = faults(report.steady(WARM_UP), waits)
        text = ', '.join(f'{fault} ({n} of {report.frames - WARM_UP})'
                         for fault, n in found.most_common(4))
        bench.check(not found, f'{name}, one EXECBUFFER a frame', text)
        growth = report.growth(WARM_UP)
        bench.check(all(last <= 0 for _, last in growth.values()), f'{name}, nothing piles up',
                    ', '.join(f'{ioctls.HELD[key]} +{last}' for key, (_, last) in growth.items()
                              if last > 0))
        extra = {kind: count for kind, count in device.items() if kind != 'SUBMIT_3D'}
        bench.check(device['SUBMIT_3D'] > 0 and not extra, f'{name}, the device sees submits only',
                    f'{device["SUBMIT_3D"]} submits, ' + ', '.join(
                        f'{count} {kind}' for kind, count in extra.items()))
        submissions = report.calls.get('EXECBUFFER', 0)
        bench.check(abs(whole['SUBMIT_3D'] - submissions) <= 1,
                    f'{name}, one submit for each EXECBUFFER',
                    f'{whole["SUBMIT_3D"]} submits, {submissions} EXECBUFFER')
        with open(os.path.join(bench.logs, self._name + '.txt'), 'w', encoding='utf-8') as f:
            f.write('\n'.join(report.table(WARM_UP)) + '\n')
        return report
