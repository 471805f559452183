# SPDX-License-Identifier: MIT
"""Ordinary programs, run to their end on the driver under test."""

import os
import re

from glmark2 import BENCHMARKS
from host import programs


def glmark2(bench):
    args = ['glmark2', '-s', '160x120', '-b', ':duration=0.2']
    for scene in BENCHMARKS:
        args += ['-b', scene]
    outcome = programs.watch(args, bench.host.env(bench.config.driver),
                             os.path.join(bench.logs, 'glmark2.log'), 240)
    results = dict(re.findall(r'^\[(\w+)\][^\n]*? (FPS: \d+|Unsupported|Set up failed)',
                              outcome.said, re.M))
    wrong = sorted(scene for scene, result in results.items() if not result.startswith('FPS'))
    done = len(re.findall(r'FPS: \d+', outcome.said))
    if outcome.status != 0:
        what = 'does not end' if outcome.status is None else f'ends with {outcome.status}'
        bench.report.failed('host: glmark2', f'{what} after {done} scenes')
    elif 'glmark2 Score' not in outcome.said or done != len(BENCHMARKS) or wrong:
        bench.report.failed('host: glmark2', f'{done} of {len(BENCHMARKS)} scenes were drawn, '
                                             f'not: {", ".join(wrong) or "unknown"}')
    elif outcome.driver_lines():
        bench.report.failed('host: glmark2', f'the driver complains: {outcome.driver_lines()[0]}')
    else:
        bench.report.passed('glmark2', len(BENCHMARKS))


def gears(bench):
    """glxgears and es2gears draw until they are ended; both say how fast every 5 s."""
    for program in ('glxgears', 'es2gears_x11'):
        outcome = programs.watch([program], bench.host.env(bench.config.driver),
                                 os.path.join(bench.logs, f'{program}.log'), 6.5)
        # Both buffer what they say to a file, so it may be lost when they are ended; that they run
        # and draw is seen by the steady-state test, here only that they go on.
        if outcome.status is not None or outcome.stuck:
            bench.report.failed(f'host: {program}', f'ended with {outcome.status}' if
                                outcome.status is not None else 'hangs')
        elif outcome.driver_lines():
            bench.report.failed(f'host: {program}',
                                f'the driver complains: {outcome.driver_lines()[0]}')
        else:
            bench.report.passed(program)


def glxinfo(bench):
    outcome = programs.watch(['glxinfo'], bench.host.env(bench.config.driver),
                             os.path.join(bench.logs, 'glxinfo.log'), 30)
    if outcome.status != 0:
        bench.report.failed('host: glxinfo', f'ends with {outcome.status}')
    elif 'OpenGL renderer string' not in outcome.said:
        bench.report.failed('host: glxinfo', 'names no renderer')
    else:
        bench.report.passed('glxinfo')


def run(bench):
    glxinfo(bench)
    gears(bench)
    glmark2(bench)
