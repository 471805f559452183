# SPDX-License-Identifier: MIT
"""What runs without X: sharing, fences, many frames, the screen driven directly, Weston."""

import os
import re
import shutil
import time

from guest_checks import pictures
from guest_checks.pictures import Picture

FRAMES = 10000
FENCES = 10000
SPARE = 4  # resources that a pool may hold at one look and not at another


def run(bench):
    with bench.part('dma-bufs between processes'):
        bench.program('dmabuf-share')
    with bench.part('planes of one buffer'):
        if bench.stock:
            bench.report.skipped('guest: planes', 'stock does not tell planes of one buffer apart')
        else:
            bench.program('planes')
    with bench.part('EGLImages'):
        bench.program('egl-image')
    with bench.part('global names'):
        bench.program('flink')
    for label, env in bench.fences():
        with bench.part(f'fences, {label}'.strip(', ')):
            fences(bench, label, env)
    with bench.part(f'{FRAMES} frames'):
        frames(bench)
    with bench.part('the screen'):
        screen(bench)
    with bench.part('kmscube'):
        kmscube(bench)
    with bench.part('Weston'):
        weston(bench)


def fences(bench, label, env):
    name = f'fences, {label}' if label else 'fences'
    result = bench.program('fences', '--many', str(FENCES), label=name, env=env, timeout=180)
    native = 'ok native fence, descriptor' in result.out
    # Without fence fds from the kernel there can be no such extension; with them it must be there.
    bench.check(native != label.startswith('bo'), f'{name}, native fences',
                'EGL_ANDROID_native_fence_sync is ' + ('there' if native else 'missing'))


def frames(bench):
    """Descriptors, mappings and handles the program itself looks at; here, what the host holds."""
    machine = bench.machine
    process = machine.spawn(['/run/verglas/bin/guest-frames', '--frames', str(FRAMES), '--pause'],
                            input=True)
    held = {}
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline and process.status is None:
        for mark in re.findall(r'^mark (.+)$', process.out, re.M):
            if mark not in held:
                held[mark] = machine.trace.resources()
                process.send_input(b'\n')
        time.sleep(0.05)
    timed_out = process.status is None
    process.end()
    result = type('Ended', (), {'out': process.out, 'err': process.err,
                                'status': None if timed_out else process.status})
    bench.log('frames', result)
    bench.judge_lines('frames', result)
    for line in re.findall(r'^note (.*a second)$', process.out, re.M):
        bench.report.say(f'guest: {line}')
    for name in ('surface', 'surfaceless'):
        first, last = held.get(f'{name} begin'), held.get(f'{name} end')
        bench.check(first and last and last <= first + SPARE, f'frames: {name}, host resources',
                    f'{first} at first, {last} at last')


def screen(bench):
    process = bench.machine.spawn(['/run/verglas/bin/guest-kms', '--hold'], input=True)
    ready = bench.wait(lambda: process.status is not None or 'ready' in process.out.split(), 90)
    path = os.path.join(bench.logs, 'kms.png')
    wrong = 'it was not shown'
    if ready and process.status is None:
        def shows():
            bench.machine.shot(path)
            return pictures.quarters(Picture(path), [(255, 0, 0), (0, 255, 0), (0, 0, 255),
                                                     (255, 255, 0)])
        bench.wait(lambda: shows() is None, 10)
        wrong = shows()
        process.send_input(b'\n')
    process.wait(30)
    process.end()
    bench.log('kms', process)
    bench.judge_lines('kms', process)
    bench.check(wrong is None, 'kms, picture', wrong)


def kmscube(bench):
    if not shutil.which('kmscube'):
        bench.report.skipped('guest: kmscube', 'it is not installed (Debian package kmscube)')
        return
    # It would stop at the end of its input.
    process = bench.machine.spawn(['stdbuf', '-oL', 'kmscube'], input=True)
    path = os.path.join(bench.logs, 'kmscube.png')
    wrong = ['it shows nothing']

    def shows():
        bench.machine.shot(path)
        wrong[0] = pictures.cube(Picture(path))
        return wrong[0] is None or process.status is not None
    bench.wait(lambda: process.status is not None or 'Rendered' in process.out, 30)
    bench.wait(shows, 10)
    running = process.status is None
    process.end()
    bench.log('kmscube', process)
    bench.check(running, 'kmscube', f'it ended with status {process.status}: '
                + (process.err.strip().splitlines() or ['?'])[-1])
    bench.check(wrong[0] is None, 'kmscube, picture', wrong[0])
    rates = re.findall(r'Rendered \d+ frames in [0-9.]+ sec \(([0-9.]+) fps\)', process.out)
    if rates:
        bench.report.say(f'guest: kmscube: {rates[-1]} frames/s')


def weston(bench):
    for program, package in (('weston', 'weston'), ('es2gears_wayland', 'mesa-utils')):
        if not shutil.which(program):
            bench.report.skipped('guest: Weston', f'{program} is not installed (Debian package '
                                 f'{package})')
            return
    machine = bench.machine
    machine.start_weston()
    try:
        log = os.path.join(machine.share, 'weston.log')
        with open(log, encoding='utf-8', errors='replace') as f:
            said = f.read()
        shutil.copyfile(log, os.path.join(bench.logs, 'weston.log'))
        renderer = re.search(r'GL renderer: (.*)', said)
        bench.check(renderer and renderer[1].startswith('virgl ('), "Weston's renderer",
                    f'it is {renderer[1] if renderer else "not GL"}')
        path = os.path.join(bench.logs, 'weston.png')
        machine.shot(path)
        before = Picture(path)
        bench.check(len(set(before.part(0, 0, 1, 1))) > 16, 'Weston, picture', 'it is empty')

        # On a terminal, or its lines would come in one piece at an end that never comes.
        process = machine.spawn(['es2gears_wayland'], terminal=(25, 100))
        rate = re.compile(r'(\d+) frames in [0-9.]+ seconds = *([0-9.]+) FPS')
        bench.wait(lambda: process.status is not None or rate.search(process.out), 40)
        path = os.path.join(bench.logs, 'es2gears_wayland.png')
        machine.shot(path)
        shown = Picture(path).part(0, 0, 1, 1)
        for name in ('es2gears_wayland', 'weston'):
            bench.check_mapped(name)
        process.end()
        bench.log('es2gears_wayland', process)
        found = rate.search(process.out)
        bench.check(found and float(found[2]) > 0, 'es2gears_wayland', 'it tells no frame rate: '
                    + (process.out.strip().splitlines() or ['it said nothing'])[-1])
        if found:
            bench.report.say(f'guest: es2gears_wayland: {found[2]} frames/s')
        for name, colour in (('red', pictures.red), ('green', pictures.green),
                             ('blue', pictures.blue)):
            least = 400
            count = sum(map(colour, shown)) - sum(map(colour, before.part(0, 0, 1, 1)))
            bench.check(count > least, f'es2gears_wayland, {name} gear', f'{count} pixels of it')
        bench.check(machine.weston_alive(), 'Weston after its client', 'it has ended')
    finally:
        machine.stop_weston()

