# SPDX-License-Identifier: MIT
"""What runs in X: glxgears, glamor itself, Render, GL in windows, x11perf, rendercheck."""

import os
import re
import shutil
import subprocess

import verglas_host
from guest_checks import pictures, steady
from guest_checks.pictures import Picture
from harness.images import Difference, Image

# glamor draws some things otherwise than the software renderer, each by very little: how much a
# channel may be off, and how many pixels in a thousand may be off by more. Measured on stock virgl.
EXACT = (0, 0.0)
TOLERANCES = {
    'lines': (0, 1.0),  # GL puts a few pixels of steep lines elsewhere
    'points': (0, 1.0),
    'glyphs': (2, 2.0),
    'gradients': (1, 0.0),
    'render-clipping': (1, 0.0),
    'solid-fills': (3, 0.0),
    'transforms-nearest': (0, 0.1),
    'transforms-bilinear': (2, 0.0),
    'trapezoids': (1, 0.0),
}
# virglrenderer passes a new logic op on only when none was on before, and a driver has to help.
HOST_FAULTS = {'raster-operations': 'the host takes no new logic op while one is on'}

X11PERF = ('rect500', 'copywinwin100', 'putimage100', 'getimage100', 'shmput100',
           'line100', 'ftext', 'aaftext', 'triangle100', 'ellipse100')
RENDERCHECK = ('fill', 'dcoords', 'scoords', 'mcoords', 'tscoords', 'tmcoords', 'bug7366')


def run(bench):
    with bench.part('glamor'):
        glamor(bench)
    for label, env in bench.fences():
        with bench.part(f'glxgears {label}'.strip()):
            gears(bench, label, env)
    with bench.part('Render against software'):
        render(bench)
    with bench.part('GL in windows'):
        bench.program('x-present')
    with bench.part('x11perf'):
        x11perf(bench)
    with bench.part('rendercheck'):
        rendercheck(bench)


def alive(bench, after):
    bench.check(bench.machine.x_alive(), f'X after {after}', 'Xorg has ended')


def glamor(bench):
    """Is it our driver that X draws with?"""
    with open(os.path.join(bench.machine.share, 'Xorg.log'), encoding='utf-8',
              errors='replace') as f:
        log = f.read()
    shutil.copyfile(os.path.join(bench.machine.share, 'Xorg.log'),
                    os.path.join(bench.logs, 'Xorg.log'))
    bench.check(re.search(r'glamor X acceleration enabled on virgl \(', log), 'glamor is on virgl',
                'Xorg.log does not say so')
    bench.check('glamor initialized' in log, 'glamor is initialized', 'Xorg.log does not say so')
    # That there is no keyboard, no mouse and no D-Bus is as it should be.
    errors = [line for line in log.splitlines() if re.match(r'(\[[ 0-9.]+\] )?\(EE\) \S', line)
              and not re.search(r'dbus|mouse|kbd|libinput|input driver', line)]
    bench.check(not errors, 'Xorg has no errors', errors[0] if errors else '')
    bench.check(re.search(r'AIGLX: Loaded and initialized', log), 'AIGLX loads the driver',
                'Xorg.log does not say so')
    bench.check_mapped('Xorg')


def gears(bench, label, env):
    run_of_gears = steady.Gears(bench, label, env)
    name = f'glxgears, {label}' if label else 'glxgears'
    if not bench.check(run_of_gears.warm(), name, 'it does not draw: '
                       + (run_of_gears.process.err.strip().splitlines() or ['?'])[-1]):
        run_of_gears.process.end()
        return
    shots = []
    for number in (1, 2):
        path = os.path.join(bench.logs, f'{name.replace(", ", "-").replace(" ", "-")}-{number}.png')
        bench.machine.shot(path)
        shots.append(Picture(path))
    wrong = pictures.gears(lambda left, top, right, bottom: shots[0].cut(
        int(300 * left), int(300 * top), int(300 * right), int(300 * bottom)))
    bench.check(wrong is None, f'{name}, picture', wrong)
    bench.check(shots[0].cut(0, 0, 300, 300) != shots[1].cut(0, 0, 300, 300), f'{name}, moves',
                'two pictures of it are alike')
    report = run_of_gears.finish()
    said = run_of_gears.process.out
    vendor = re.search(r'GL_VENDOR\s*=\s*(.*)', said)
    bench.check(vendor and ('Verglas' in vendor[1]) != bench.stock, f'{name}, vendor',
                f'it is {vendor[1] if vendor else "not told"}')
    rate = re.search(r'= ([0-9.]+) FPS', said)
    if rate and report:
        bench.report.say(f'guest: {name}: {rate[1]} frames/s, {report.frames} frames counted')


def render(bench):
    """The scenes of guest-x-render on glamor and on an Xvfb."""
    names = ('glamor', 'software')
    folders = [os.path.join(bench.machine.share, 'render'), os.path.join(bench.logs, 'software')]
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
    bench.program('x-render', folders[0], label='Render')
    program = os.path.join(bench.config.build, 'tests', 'guest', 'guest-x-render')
    display = verglas_host.Display(private=True, size='640x480').start()
    try:
        done = subprocess.run([program, folders[1]], stdin=subprocess.DEVNULL, capture_output=True,
                              env=dict(verglas_host.clean_env(), DISPLAY=display.name), text=True,
                              check=False, timeout=120)
    finally:
        display.stop()
    scenes = sorted(each for each in os.listdir(folders[1]) if each.endswith('.pam'))
    if done.returncode != 0 or not scenes:
        bench.check(False, 'Render in software', done.stdout.strip().splitlines()[-1:] or 'nothing')
    for scene in scenes:
        name = scene.removesuffix('.pam')
        if not os.path.exists(os.path.join(folders[0], scene)):
            bench.check(False, f'Render, {name}', 'there is no picture')
            continue
        got, wanted = (Image.read_pam(os.path.join(folder, scene)) for folder in folders)
        tolerance, share = TOLERANCES.get(name, EXACT)
        difference = Difference(got, wanted, tolerance)
        wrong = difference.reason(share / 1000)
        if wanted.shades() < 4:
            wrong = 'the picture is empty'
        if wrong is None:
            bench.check(True, f'Render, {name}')
            continue
        for image, label in ((got, names[0]), (wanted, names[1]),
                             (difference.picture(wanted.width, wanted.height), 'difference')):
            if image:
                image.write_png(os.path.join(bench.logs, f'{name}-{label}.png'))
        if name in HOST_FAULTS and bench.stock:
            bench.report.skipped(f'guest: Render, {name}', HOST_FAULTS[name])
        else:
            bench.check(False, f'Render, {name}', wrong)


def x11perf(bench):
    if not shutil.which('x11perf'):
        bench.report.skipped('guest: x11perf', 'it is not installed (Debian package x11-apps)')
        return
    result = bench.run(['x11perf', '-reps', '40', '-repeat', '1',
                        *(f'-{each}' for each in X11PERF)], 'x11perf', timeout=240)
    # With a number of repetitions it does not look for one first, which takes most of its time.
    rates = re.findall(r'reps @\s+[0-9.]+ msec \(\s*([0-9.]+)/sec\)', result.out)
    rates = [rate for rate in rates if float(rate) > 0]
    bench.check(result.status == 0 and len(rates) >= len(X11PERF), 'x11perf',
                f'status {result.status}, {len(rates)} rates for {len(X11PERF)} tests: '
                + (result.err.strip().splitlines() or [''])[-1])
    alive(bench, 'x11perf')


def rendercheck(bench):
    if not shutil.which('rendercheck'):
        bench.report.skipped('guest: rendercheck', 'it is not installed (Debian package x11-apps)')
        return
    result = bench.run(['rendercheck', '-t', ','.join(RENDERCHECK), '-f', 'a8r8g8b8',
                        '-o', 'src,over'], 'rendercheck', timeout=240)
    found = re.search(r'(\d+) tests passed of (\d+) total', result.out)
    bench.check(result.status == 0 and found and found[1] == found[2] and int(found[2]) > 0,
                'rendercheck', (found[0] if found else f'status {result.status}') + ': '
                + next((line for line in result.out.splitlines() if 'test error' in line), ''))
    alive(bench, 'rendercheck')
