# SPDX-License-Identifier: MIT
"""The sink host under real programs: it serves both drivers, and what they send is in order."""

import os
import time

import cases  # these two are of scripts/bench
import sink as bench_sink
from host import programs
import verglas_host

SECONDS = 30
# Of the 39: little state, new buffers, new textures, uniforms.
DRAWOVERHEAD = (1, 4, 9, 24)
FRAMES = 50


def faults(connections):
    found = [c for c in connections if c['faults']]
    return f'{found[0]["faults"]} faults, first: {found[0]["fault"]}' if found else None


def gears(bench, sink, driver, env):
    """glxgears draws a known number of times a frame, and a frame is one submission."""
    seen = {}

    def until_enough(process):
        deadline = time.monotonic() + SECONDS
        moments = []
        while time.monotonic() < deadline and process.poll() is None and len(moments) < 2:
            now = sink.counters(process.pid)
            if now and now['submits'] > 20 + FRAMES * len(moments):
                moments.append(now)
            time.sleep(0.01)
        seen['moments'] = moments
        seen['all'] = sink.connections(process.pid)

    programs.watch(['glxgears'], env, os.path.join(bench.logs, f'sink-glxgears-{driver}.log'), 0,
                   after=until_enough)
    if len(seen['moments']) < 2:
        return 'too few frames came'
    before, after = seen['moments']
    frames = after['submits'] - before['submits']
    draws = after['draws'] - before['draws']
    if wrong := faults(seen['all']):
        return wrong
    # Three gears, each of them some strips and fans: the same draws in every frame.
    if driver == 'verglas' and draws % frames:
        return f'{draws} draws in {frames} frames'
    return None if draws >= 3 * frames else f'only {draws} draws in {frames} frames'


# The sink has llvmpipe's name. Submissions of draws that change the fragments' state, be they parts of a
# message or not, hold as many as fragment_changes_at_most says, and the last before a wait may hold fewer.
DRAWS_OF_A_SHORT_SUBMISSION = range(80, 100)


def drawoverhead(sink, env, number, driver):
    sample = bench_sink.run_drawoverhead(sink, env, number, 0.3)
    if wrong := faults([sample.counted_after]):
        return wrong
    rate = sample.metrics['kdraws_per_s_sampled']
    # Under load the rate swings; what was counted may still not be another order of magnitude.
    if not sample.said / 20 < rate < sample.said * 20:
        return f'{rate:.0f} thousand draws/s counted, {sample.said:.0f} said'
    held = sample.metrics['draws_per_submit']
    if driver == 'verglas' and number == 9 and round(held) not in DRAWS_OF_A_SHORT_SUBMISSION:
        return f'{held:.1f} draws in a submission'
    return None


def run(bench):
    program = os.path.join(bench.config.build, 'tests', 'bench', 'sink_host')
    with bench_sink.SinkHost(validate=True, program=program) as sink:
        for driver in ('verglas', 'stock'):
            env = verglas_host.client_env(driver if driver == 'stock' else bench.config.driver,
                                          sink.socket, bench.host.display.name)
            checks = {'glxgears': lambda e=env, d=driver: gears(bench, sink, d, e)}
            for number in DRAWOVERHEAD:
                checks[f'drawoverhead {number}'] = (
                    lambda e=env, n=number, d=driver: drawoverhead(sink, e, n, d))
            for name, check in checks.items():
                try:
                    wrong = check()
                except cases.CaseFailed as failure:
                    wrong = str(failure)
                if wrong:
                    bench.report.failed(f'host: sink: {name} on {driver}', wrong)
                else:
                    bench.report.passed(f'sink: {name} on {driver}')
