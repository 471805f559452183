# SPDX-License-Identifier: MIT
"""pictures: every scene of glmark2, in GL and GLES, and the programs of mesa-utils, frame by frame.

Each program is run on native llvmpipe and on the driver under test, with frames.so preloaded: for the
program time goes on only at a swap, and each frame is read and written to a file. The n-th frames of
both are compared: a channel may be off by TOLERANCE, and a share of SHARE of the pixels by more. The
GLES programs are drawn once more on a host that has GLES only.

Natively, llvmpipe calculates what a shader calls mediump with 16 bits where the CPU has F16C, and GLES shaders
call most so. TGSI has no word for it: through virgl it is 32 bits. So GLES programs are drawn natively as if on
a CPU without F16C, and pictures agree to the last bits again.

contact-*.png in the suite's log folder
has the last frame of everything, for eyes.
"""

import glob
import os
import re
import shutil
import subprocess

import verglas_host
from harness.images import Difference, Image
from glmark2 import BENCHMARKS

NAME = 'pictures'
TOLERANCE = 2
# Where a texel is chosen between two, the widths of llvmpipe's vectors decide (see NATIVE_ES).
SHARE = 0.002
SECONDS = 300
# At 0.7 s a frame, what lasts 2 s has a frame for each of 0, 0.7 and 1.4 s and one that ends it.
STEP = 700
PER_SCENE = 4
SIZE = '240x180'


class Program:
    """What is run: a name, the command, and how many frames of it (all, where it ends by itself)."""

    def __init__(self, name, args, frames=None, scenes=()):
        self.name, self.args, self.frames, self.scenes = name, args, frames, scenes

    def expected(self):
        return self.frames or PER_SCENE * len(self.scenes)

    def frame_name(self, number):
        if not self.scenes:
            return f'{self.name}, frame {number + 1}'
        scene = self.scenes[min(number // PER_SCENE, len(self.scenes) - 1)]
        return f'{self.name} {scene}, frame {number % PER_SCENE + 1}'


def glmark2(program):
    args = [program, '-s', SIZE, '-b', ':duration=2']
    for scene in BENCHMARKS:
        args += ['-b', scene]
    return Program(program, args, scenes=BENCHMARKS)


# GLXHEADS draws in a loop, ES2TRI and GLXDEMO when they are shown, which is once.
GL_PROGRAMS = (Program('glxgears', ['glxgears'], 5), Program('glxheads', ['glxheads'], 5),
               Program('glxdemo', ['glxdemo'], 1), glmark2('glmark2'))
ES_PROGRAMS = (Program('es2gears', ['es2gears_x11'], 5), Program('es2tri', ['es2tri'], 1),
               glmark2('glmark2-es2'))
# These draw nothing; they say whose driver they found (eglinfo, whose EGL).
INFOS = {'glxinfo': r'OpenGL vendor string: (.*)', 'eglinfo': r'EGL vendor string: (.*)',
         'es2_info': r'^GL_VENDOR: (.*)'}
NATIVE_ES = {'GALLIUM_OVERRIDE_CPU_CAPS': 'sse4.1'}
VENDORS = {'verglas': 'Verglas', 'stock': 'Mesa', 'native': 'Mesa'}


def draw(program, env, preload, folder):
    """Run a program; None, or what went wrong in a line."""
    os.makedirs(folder)
    path = os.path.join(folder, 'log')
    env = dict(env, FRAMES_FOLDER=folder, FRAMES_STEP=str(STEP))
    env['LD_PRELOAD'] = ':'.join(filter(None, (env.get('LD_PRELOAD'), preload)))
    if program.frames:
        env['FRAMES_COUNT'] = str(program.frames)
    verglas_host.find_program(program.args[0], 'mesa-utils, mesa-utils-extra, glmark2-x11 or '
                              'glmark2-es2-x11')
    with open(path, 'wb') as log:
        process = verglas_host.spawn(program.args, env=env, stdout=log, stderr=log)
        try:
            status = process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            return f'hangs for {SECONDS} s'
        finally:
            verglas_host.end(process)
    if status != 0:
        return f'ends with {status}: {verglas_host.last_line(path)}'
    with open(path, encoding='utf-8', errors='replace') as f:
        driver_lines = [line for line in f.read().splitlines() if line.startswith('verglas: ')]
    return f'the driver complains: {driver_lines[0]}' if driver_lines else None


def frames(folder):
    return [Image.read_pam(path) for path in sorted(glob.glob(os.path.join(folder, '*.pam')))]


def compare(report, config, program, where, mine, native):
    """The frames in two folders; the last one of MINE for the contact sheet, for each scene."""
    got, wanted = frames(mine), frames(native)
    if len(wanted) != program.expected() or len(got) != len(wanted):
        report.failed(f'pictures {program.name}{where}', f'{len(got)} frames instead of '
                      f'{program.expected()} (native llvmpipe: {len(wanted)})')
        return got[-1:]
    bad, empty = {}, []
    for n, (a, b) in enumerate(zip(got, wanted)):
        difference = Difference(a, b, TOLERANCE)
        reason = difference.reason(SHARE)
        if reason is None and b.shades() < 2:
            empty.append(n)
        if reason:
            bad[n] = reason
            stem = os.path.join(config.log_folder(NAME), re.sub(r'\W+', '-', program.frame_name(n) + where))
            a.write_png(stem + '.png')
            b.write_png(stem + '.native.png')
    # A test is a scene, or a program that has none.
    step = PER_SCENE if program.scenes else len(got)
    for first in range(0, len(got), step):
        wrong = [n for n in range(first, first + step) if n in bad]
        if wrong:
            report.failed(f'pictures {program.frame_name(wrong[0])}{where}', bad[wrong[0]])
        elif all(n in empty for n in range(first, first + step)):
            report.failed(f'pictures {program.frame_name(first)}{where}', 'natively nothing is drawn')
        else:
            report.passed(program.frame_name(first) + where)
    return got[step - 1::step]


def contact_sheet(images, path, columns=7):
    """All images in one, each in a cell as large as the largest."""
    if not images:
        return
    width, height = max(i.width for i in images), max(i.height for i in images)
    rows = []
    for first in range(0, len(images), columns):
        cells = images[first:first + columns]
        for y in range(height):
            for image in cells:
                row = image.pixels[y * image.width * 4:(y + 1) * image.width * 4]
                # Alpha is not shown on a screen either.
                row = bytearray(row)
                row[3::4] = b'\xff' * (len(row) // 4)
                rows.append(bytes(row) + b'\x40\x40\x40\xff' * (width - len(row) // 4))
            rows.append(b'\x40\x40\x40\xff' * width * (columns - len(cells)))
    Image(width * columns, height * -(-len(images) // columns), b''.join(rows)).write_png(path)


def infos(report, config, host, where):
    for program, pattern in INFOS.items():
        verglas_host.find_program(program, 'mesa-utils or mesa-utils-extra')
        done, natively = (subprocess.run([program], env=host.env(driver), capture_output=True, text=True,
                                         errors='replace', timeout=60, check=False)
                          for driver in (config.driver, 'native'))
        vendor = re.search(pattern, done.stdout, re.M)
        # eglinfo counts the platforms that are not there.
        if done.returncode != natively.returncode:
            report.failed(f'pictures {program}{where}', f'ends with {done.returncode}')
        elif not vendor or (program != 'eglinfo' and VENDORS[config.driver] not in vendor[1]):
            report.failed(f'pictures {program}{where}', 'another driver is found: '
                          + (vendor[1] if vendor else 'none'))
        else:
            report.passed(program + where)


def run(report, config):
    logs = config.log_folder(NAME)
    shutil.rmtree(logs)
    os.makedirs(logs)
    preload = os.path.join(config.build, 'tests', 'pictures', 'frames.so')
    if not os.path.exists(preload):
        raise verglas_host.HostError(f'{preload} is not built (libegl-dev and libgl-dev are needed)')

    for gles in (False, True):
        where = ' (GLES host)' if gles else ''
        sheet = []
        with verglas_host.Host(gles=gles, private_display=True) as host:
            for program in ES_PROGRAMS if gles else GL_PROGRAMS + ES_PROGRAMS:
                native = os.path.join(logs, 'native', program.name)
                mine = os.path.join(logs, 'gles' if gles else 'gl', program.name)
                trouble = None
                if not os.path.exists(native):
                    extra = NATIVE_ES if program in ES_PROGRAMS else {}
                    trouble = draw(program, dict(host.env('native'), **extra), preload, native)
                    trouble = trouble and 'on native llvmpipe: ' + trouble
                trouble = trouble or draw(program, host.env(config.driver), preload, mine)
                if trouble:
                    report.failed(f'pictures {program.name}{where}', trouble)
                else:
                    sheet += compare(report, config, program, where, mine, native)
                shutil.rmtree(mine, ignore_errors=True)
            infos(report, config, host, where)
        contact_sheet(sheet, os.path.join(logs, f'contact-{"gles" if gles else "gl"}.png'))
    shutil.rmtree(os.path.join(logs, 'native'), ignore_errors=True)
