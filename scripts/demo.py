#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The work of bin/demo: one program on Verglas, what it draws with, how fast, and a picture."""

import argparse
import contextlib
import os
import pty
import re
import select
import signal
import statistics
import subprocess
import sys
import time

import verglas_host
from verglas_host import HostError, warn

# Programs that draw until somebody ends them.
ENDLESS = re.compile(r'gears|^glx(demo|heads)$|^es2tri$|^eglkms$|^xeglgears$')
# Programs that print a frame rate themselves, every 5 seconds or at the end of a scene.
GEARS = re.compile(r'gears')
REPORTS = re.compile(r'gears|^glmark2')
GLES = re.compile(r'es[123]|gles|opengles')
# "4523 frames in 5.0 seconds = 904.441 FPS" and "[build] use-vbo=false: FPS: 184 FrameTime: ...".
FRAME_RATE = re.compile(r'\bFPS:\s*([0-9.]+)|([0-9.]+)\s*(?:FPS|fps|frames/s)\b')
SCORE = re.compile(r'glmark2 Score:\s*(\d+)')
GEARS_PERIOD = 5.0
DEFAULT_SECONDS = 8.0
UNATTENDED_LIMIT = 600.0


def parse_arguments():
    parser = argparse.ArgumentParser(
        prog='bin/demo', usage='bin/demo [--seconds N] [--out FILE.png] [PROGRAM [ARG...]]',
        description='Run a GL, GLX or EGL program (glxgears if none is named) on Verglas, against '
        'a private virgl_test_server; no VM is needed. It is shown on $DISPLAY where that is '
        'usable, else on an Xvfb of its own.',
        epilog='The exit status is that of PROGRAM, or 0 when we end it after its time; 1 when '
        'gears are asked for and none are seen.')
    parser.add_argument('--seconds', type=float, metavar='N',
                        help=f'end PROGRAM after N seconds (default: {DEFAULT_SECONDS:.0f} for '
                        'programs that never end, such as glxgears; any other runs to its end)')
    parser.add_argument('--out', metavar='FILE.png', help='the screenshot (default: build/demo.png)')
    parser.add_argument('--driver', choices=verglas_host.DRIVERS, default='verglas',
                        help='run it on stock virgl or native llvmpipe instead, to compare')
    parser.add_argument('program', nargs=argparse.REMAINDER, metavar='PROGRAM [ARG...]',
                        help='the program and its arguments')
    options = parser.parse_args()
    if options.program[:1] == ['--']:
        del options.program[0]
    options.program = options.program or ['glxgears']
    if options.seconds is not None and not 0 < options.seconds < 1e6:
        parser.error('--seconds must be a number above 0')
    options.out = options.out or os.path.join(verglas_host.build_folder(), 'demo.png')
    return options


class Camera:
    """Takes the picture: of the new window on the display, and again while it shows nothing."""

    TRIES = 6

    def __init__(self, host, path, first):
        self.env = verglas_host.clean_env()
        self.env['DISPLAY'] = host.display.name
        self.private = host.display.private
        self.path = path
        self.next_try = first
        self.tries = 0
        self.taken = False
        self.colours = 0
        self.size = ''
        self.error = 'the program ended before it could be taken'
        self.before = {window for window, _ in self._windows()}

    def _run(self, *args):
        try:
            done = subprocess.run(args, env=self.env, stdin=subprocess.DEVNULL, capture_output=True,
                                  text=True, timeout=15, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            self.error = f'{args[0]}: {error}'
            return None
        if done.returncode != 0:
            self.error = (done.stderr.strip().splitlines() or [args[0] + ' failed'])[0]
            return None
        return done.stdout

    def _windows(self):
        """(id, area) of each window, outermost first."""
        tree = self._run('xwininfo', '-root', '-tree') or ''
        found = re.findall(r'^\s+(0x[0-9a-f]+) .*?(\d+)x(\d+)[+-]', tree, re.M)
        return [(window, int(width) * int(height)) for window, width, height in found]

    def _target(self):
        new = sorted(((area, window) for window, area in self._windows()
                      if window not in self.before and area >= 32 * 32), reverse=True)
        for _, window in new:
            if 'IsViewable' in (self._run('xwininfo', '-id', window) or ''):
                return window
        return None

    def due(self, elapsed):
        return self.tries < self.TRIES and self.colours < 2 and elapsed >= self.next_try

    def shoot(self, elapsed):
        self.tries += 1
        self.next_try = elapsed + 1.0
        window = self._target()
        if window is None:
            self.error = 'the program has no window'
            return
        partial = f'{self.path}.{os.getpid()}.png'
        try:
            if self._run('import', '-silent', '-window', window, 'png:' + partial) is None:
                return
            answer = (self._run('convert', partial, '-format', '%k %wx%h', 'info:') or '').split()
            if len(answer) == 2:
                os.replace(partial, self.path)
                self.taken = True
                self.colours, self.size = int(answer[0]), answer[1]
        finally:
            with contextlib.suppress(OSError):
                os.unlink(partial)


class Output:
    """The program's standard output, passed on, with the frame rates in it remembered."""

    def __init__(self, descriptor):
        self.descriptor = descriptor
        self.pending = b''
        self.rates = []
        self.score = None
        self.open = True

    def pump(self, timeout):
        """Pass on what there is, or wait so long for some."""
        if not self.open:
            time.sleep(timeout)
            return
        if not select.select([self.descriptor], [], [], timeout)[0]:
            return
        try:
            more = os.read(self.descriptor, 65536)
        except OSError:  # EIO: a terminal's way to say that the last writer is gone
            more = b''
        if not more:
            self.open = False
        sys.stdout.buffer.write(more.replace(b'\r\n', b'\n'))
        sys.stdout.buffer.flush()
        *lines, self.pending = (self.pending + more).split(b'\n')
        for line in lines if self.open else lines + [self.pending]:
            self._line(line.decode(errors='replace'))

    def drain(self):
        """What is left after the program's end."""
        while self.open and select.select([self.descriptor], [], [], 0)[0]:
            self.pump(0)

    def _line(self, line):
        rate, score = FRAME_RATE.search(line), SCORE.search(line)
        if rate:
            with contextlib.suppress(ValueError):
                self.rates.append(float(rate[1] or rate[2]))
        if score:
            self.score = int(score[1])


class Run:
    """The program under observation, until it ends or its time is over."""

    def __init__(self, host, options):
        name = os.path.basename(options.program[0])
        self.endless = bool(ENDLESS.search(name))
        self.limit = options.seconds
        if self.limit is None and self.endless:
            self.limit = DEFAULT_SECONDS
        elif self.limit is None and host.display.private:
            self.limit = UNATTENDED_LIMIT  # nobody is there to close its window
        self.env = host.env(options.driver)
        self.hud = None
        # Who does not count frames himself, or would not get as far, has Gallium's invisible
        # head-up display count them, into a file.
        too_short = self.limit is not None and self.limit < GEARS_PERIOD + 1
        if not REPORTS.search(name) or (GEARS.search(name) and too_short):
            if not any(key.startswith('GALLIUM_HUD') for key in self.env):
                self.hud = os.path.join(host.folder, 'fps')
                self.env.update(GALLIUM_HUD='fps', GALLIUM_HUD_VISIBLE='false',
                                GALLIUM_HUD_PERIOD='0.5', GALLIUM_HUD_DUMP_DIR=host.folder)
        self.command = options.program
        self.camera = Camera(host, options.out, min(2.0, (self.limit or 4.0) / 2))
        self.output = None
        self.timed_out = False

    def go(self):
        master, slave = pty.openpty()  # a terminal, so that the program prints line by line
        try:
            process = verglas_host.spawn(self.command, env=self.env, stdout=slave)
        except OSError as error:
            raise HostError(f'cannot run {self.command[0]}: {error.strerror}') from None
        finally:
            os.close(slave)
        self.output = Output(master)
        started = time.monotonic()
        try:
            while process.poll() is None:
                elapsed = time.monotonic() - started
                if self.limit is not None and elapsed >= self.limit:
                    self.timed_out = True
                    break
                if self.camera.due(elapsed):
                    self.camera.shoot(elapsed)
                self.output.pump(0.05)
        finally:
            verglas_host.end(process)
            self.output.drain()
            os.close(master)
        return 0 if self.timed_out else process.returncode

    def frame_rate(self):
        """Text about the frame rate, and None where nobody counted."""
        if self.output.score is not None:
            scenes = len(self.output.rates)
            return f'glmark2 score {self.output.score} ({scenes} scene{"s"[:scenes != 1]})'
        if self.output.rates:
            return f'{statistics.median(self.output.rates):.1f}'
        if self.hud:
            with contextlib.suppress(OSError, ValueError):
                with open(self.hud, encoding='ascii') as f:
                    rates = [float(line) for line in f.read().split()]
                # The first half second holds the program's start.
                if rates:
                    return f'{statistics.median(rates[1:] or rates):.1f}'
        return None


def main():
    options = parse_arguments()
    if options.driver == 'verglas' and not os.path.exists(
            os.path.join(verglas_host.driver_folder(), 'swrast_dri.so')):
        raise HostError(f'there is no driver in {verglas_host.driver_folder()}: run bin/setup')
    verglas_host.find_program(options.program[0], None)
    try:
        os.makedirs(os.path.dirname(os.path.abspath(options.out)), exist_ok=True)
    except OSError as error:
        raise HostError(f'cannot write {options.out}: {error.strerror}') from None

    gles = bool(GLES.search(os.path.basename(options.program[0])))
    with verglas_host.Host(server=options.driver != 'native') as host:
        vendor, renderer, version = verglas_host.gl_strings(host.env(options.driver), gles)
        for name, value in (('VENDOR', vendor), ('RENDERER', renderer), ('VERSION', version)):
            print(f'GL_{name}: {value}', flush=True)
        if options.driver == 'verglas' and vendor != 'Verglas' and 'VERGLAS_DRI' not in os.environ:
            raise HostError(f'the loader took another driver than the one in '
                            f'{verglas_host.driver_folder()}')
        run = Run(host, options)
        status = run.go()
        rate = run.frame_rate()
        print(f'frames/s: {rate or "not counted"}')
        host_died = host.server is not None and not host.server.alive()

    camera = run.camera
    if camera.taken:
        near = os.path.relpath(options.out)
        print(f'screenshot: {options.out if near.startswith("..") else near} ({camera.size})')
        if camera.colours < 2:
            warn('the screenshot shows one colour only')
    else:
        warn(f'no screenshot: {camera.error}')
    if run.timed_out and not run.endless and options.seconds is None:
        warn(f'{run.command[0]} was ended after {run.limit:.0f} s (--seconds sets another limit)')
    if host_died:
        warn('the embedded host ended before the program did: '
             + (host.server.log_text.strip().splitlines() or ['it said nothing'])[-1])
    # Gears that nobody saw turning are no success, whatever the program says.
    if status == 0 and GEARS.search(os.path.basename(options.program[0])):
        if rate is None or camera.colours < 2:
            warn(f'{options.program[0]} drew nothing')
            status = 1
    if status < 0:
        number = -status
        with contextlib.suppress(ValueError):
            number = f'{number} ({signal.Signals(number).name})'
        warn(f'{run.command[0]} was ended by signal {number}')
    return verglas_host.exit_status(status)


if __name__ == '__main__':
    verglas_host.run_main(main)
