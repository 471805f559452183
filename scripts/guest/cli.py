# SPDX-License-Identifier: MIT
"""bin/guest: boot a guest, run one command in it, show what happened."""

import argparse
import contextlib
import os
import re
import signal
import subprocess
import sys
import time

import demo
import verglas_host
from guest import compare, machine
from guest.errors import GuestError
from guest.report import Report, window
from guest.terminal import Terminal
from verglas_host import HostError, note, warn

ENDLESS_SECONDS = 12.0
# Programs that never end, besides those bin/demo knows; those that want the screen for themselves.
ENDLESS = re.compile(r'^kmscube$|^weston-simple-|^weston-(smoke|flower|gears)$')
KMS = re.compile(r'^(kmscube|eglkms)$')
# coreutils' way to have a program print line by line though nobody sees a terminal.
LINE_BUFFER = '/usr/libexec/coreutils/libstdbuf.so'
TIMED_OUT = 124  # as timeout(1) says it
# When the screen is looked at, in seconds of the command; the last picture is kept.
SHOTS = (2.0, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0)
FRAMES = re.compile(rb'^(\d+) frames in ([0-9.]+) seconds', re.M)


def parse_arguments(argv=None):
    parser = argparse.ArgumentParser(
        prog='bin/guest', usage='bin/guest [OPTION...] [--] COMMAND [ARG...]',
        description='Boot a throwaway virtual machine with a virgl device and run COMMAND in it, on '
        "Verglas and under an X server on Verglas. The guest sees this machine's files; what it "
        'writes is gone with it, except in the folder that --out names.',
        epilog="The exit status is COMMAND's; 0 when a program that never ends was ended by us; 124 "
        'when its time was over; 1 when the guest failed. See docs/guest.md.')
    add = parser.add_argument
    add('--stock', action='store_true', help="use Mesa's own virgl driver, to compare")
    add('--no-x', action='store_true', help='no X server: for GBM, KMS and Wayland programs')
    add('--weston', action='store_true', help='Weston instead of the X server: for its clients')
    add('--shot', metavar='FILE.png', help="save a picture of the guest's screen")
    add('--shot-after', type=float, metavar='S',
        help='take it S seconds after the start of COMMAND (default: the last of several)')
    add('--trace', nargs='?', const='-', metavar='FILE.json',
        help='count the commands that the device was sent, also as JSON in FILE.json')
    add('--ioctls', nargs='?', const='-', metavar='FILE.json',
        help="count COMMAND's ioctls of the device, frame by frame, also as JSON")
    add('--compare', action='store_true',
        help="run COMMAND on Verglas and on Mesa's driver, twice in turn, and count for both")
    add('--timeout', type=float, default=machine.COMMAND_SECONDS, metavar='S',
        help='end COMMAND after S seconds, with exit status 124 (default: %(default).0f)')
    add('--seconds', type=float, metavar='N',
        help='end COMMAND after N seconds and call that a success (default for programs that '
        f'never end, such as glxgears: {ENDLESS_SECONDS:.0f})')
    add('--out', '--keep', metavar='DIR',
        help='a folder that COMMAND can write to ($VERGLAS_OUT), kept, with the logs in it')
    add('--serial', metavar='FILE', help="keep the console's output there")
    add('--env', action='append', default=[], metavar='K=V', help='a variable for COMMAND')
    add('--size', default='1280x800', metavar='WxH', help='the screen (default: %(default)s)')
    add('--shell', action='store_true', help='an interactive shell instead of COMMAND')
    add('--symbols', action='store_true', help='the driver with its symbols, for gdb: loads slowly')
    add('--accel', choices=('kvm', 'tcg'), help='do not find out whether KVM can be used')
    add('--memory', type=int, metavar='MIB', help="the guest's memory")
    add('--boot-timeout', type=float, default=machine.BOOT_SECONDS, metavar='S',
        help='give up when the guest does not start within S seconds (default: %(default).0f)')
    add('command', nargs=argparse.REMAINDER, metavar='COMMAND [ARG...]')
    options = parser.parse_args(argv)
    if options.command[:1] == ['--']:
        del options.command[0]
    if options.shell:
        options.command = options.command or [os.environ.get('SHELL') or 'bash']
    if not options.command:
        parser.error('no command: say bin/guest -- glxgears, or bin/guest --shell')
    size = re.fullmatch(r'([1-9]\d{2,3})x([1-9]\d{2,3})', options.size)
    if not size:
        parser.error(f'--size takes a width and a height such as 1280x800, not {options.size}')
    if options.compare and (options.stock or options.trace or options.ioctls or options.shell):
        parser.error('--compare counts by itself, for both drivers')
    options.size = int(size[1]), int(size[2])
    for name in ('timeout', 'seconds', 'shot_after', 'boot_timeout'):
        value = getattr(options, name)
        if value is not None and not 0 < value < 1e6:
            parser.error(f'--{name.replace("_", "-")} must be a number above 0')
    if options.memory is not None and not 512 <= options.memory <= 1 << 20:
        parser.error('--memory must be a number of MiB, at least 512')
    for name in ('trace', 'ioctls'):
        value = getattr(options, name)
        if value not in (None, '-') and not value.endswith('.json'):
            parser.error(f'--{name} takes a FILE.json or nothing: put -- before the command')
    for each in options.env:
        if not re.match(r'[^=]+=', each):
            parser.error(f'--env takes NAME=VALUE, not {each}')
    return options


def set_up(options):
    """Have the driver built; the packages are installed already."""
    if options.stock:
        return
    args = [os.path.join(verglas_host.ROOT, 'bin', 'setup')]
    if 'VERGLAS_DRI' in os.environ:
        args.append('--packages-only')
    if subprocess.run(args, stdin=subprocess.DEVNULL, check=False).returncode != 0:
        raise SystemExit(1)  # it has said why


def check_writable(path):
    """Complain about a file that cannot be written before a minute is spent."""
    folder = os.path.dirname(os.path.abspath(path))
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise HostError(f'cannot write {path}: {error.strerror}') from None
    if os.path.isdir(path) or not os.access(folder, os.W_OK):
        raise HostError(f'cannot write {path}')


def is_endless(name):
    return bool(demo.ENDLESS.search(name) or ENDLESS.search(name))


class Output:
    """Passes a stream on and remembers the reports of frames in it."""

    def __init__(self, target, session=None):
        self.target = target
        self.session = session
        self.tail = b''
        self.gone = False

    def __call__(self, data):
        if self.session is not None:
            *lines, self.tail = (self.tail + data).split(b'\n')
            for line in lines:
                self.session.line(line)
        if self.gone:
            return
        try:
            self.target.write(data)
            self.target.flush()
        except BrokenPipeError:
            self.gone = True  # nobody reads any more; the main thread ends the command


class Session:
    """One command under observation."""

    def __init__(self, guest, options):
        self.guest = guest
        self.options = options
        name = os.path.basename(options.command[0])
        self.endless = not options.shell and is_endless(name)
        self.limit = options.seconds or (ENDLESS_SECONDS if self.endless else None)
        self.reports = []  # (time, frames, seconds)
        self.rates = []
        self.colours = 0
        self.shots = [options.shot_after] if options.shot_after else list(SHOTS)
        if options.shot is None and not self.endless:
            self.shots = []
        elif self.limit and not options.shot_after:
            # One for sure, however short it runs.
            self.shots = [s for s in SHOTS if s < self.limit] or [self.limit * 0.8]
        self.shot_path = options.shot or os.path.join(guest.folder, 'shot.png')
        self.shot_error = 'the command ended before one could be taken'
        self.began = self.ended = None

    def line(self, line):
        found = FRAMES.match(line)
        if found:
            self.reports.append((time.time(), int(found[1]), float(found[2])))
        rate = demo.FRAME_RATE.search(line.decode(errors='replace'))
        if rate:
            with contextlib.suppress(ValueError):
                self.rates.append(float(rate[1] or rate[2]))

    def go(self, env, driver=None):
        """Run the command; its exit status as a shell gives it."""
        options = self.options
        out, err = Output(sys.stdout.buffer, self), Output(sys.stderr.buffer)
        with Terminal(options.shell) as terminal:
            self.began = time.time()
            process = self.guest.spawn(options.command, env, driver=driver, on_out=out,
                                       on_err=err, **terminal.options())
            terminal.attach(process)
            status = self._watch(process, out)
            self.ended = time.time()
        if out.gone:
            raise BrokenPipeError
        return status

    def _watch(self, process, out):
        started = time.monotonic()
        while True:
            if process.wait(0.1) is not None:
                if self.shots and self.colours == 0 and time.monotonic() - started < self.shots[0]:
                    self._shoot()  # a quick one: what it left on the screen
                return verglas_host.exit_status(process.status)
            elapsed = time.monotonic() - started
            if self.shots and elapsed >= self.shots[0]:
                del self.shots[0]
                self._shoot()
            over = self.limit is not None and elapsed >= self.limit
            if over or elapsed >= self.options.timeout or out.gone:
                if process.end() is None:
                    raise self.guest.silent(process.argv[0])
                if over or out.gone:
                    return 0
                note(f'{process.argv[0]} was ended after {self.options.timeout:.0f} s (--timeout)')
                for line in self.guest.console()[-5:]:
                    note('console: ' + line)
                return TIMED_OUT

    def _shoot(self):
        try:
            self.colours = self.guest.shot(self.shot_path)
        except GuestError as error:
            self.shot_error = str(error).removeprefix('no screenshot: ')


def gl_strings(guest, name, env):
    """What bin/demo prints first: vendor, renderer and version, of a context in the guest."""
    script = os.path.join(verglas_host.ROOT, 'scripts', 'verglas_glinfo.py')
    gles = 'gles' if demo.GLES.search(name) else 'gl'
    done = guest.run(['/usr/bin/python3', script, gles], timeout=90, env=env)
    lines = done.out.splitlines()
    if done.status != 0 or len(lines) < 3:
        said = [line for line in done.err.splitlines() if line.strip()] or ['the driver is silent']
        raise HostError('no GL context in the guest: ' + said[-1].removeprefix('verglas: '))
    return lines[:3]


def main():
    options = parse_arguments()
    for path in (options.shot, options.serial, options.trace, options.ioctls):
        if path and path != '-':
            check_writable(path)
    if options.command[0].count('/') == 0:
        verglas_host.find_program(options.command[0], None)
    set_up(options)
    guest = machine.Guest(driver='stock' if options.stock else 'verglas', size=options.size,
                          share=options.out, trace=bool(options.trace or options.compare),
                          accel=options.accel,
                          symbols=options.symbols, memory=options.memory,
                          boot_seconds=options.boot_timeout)
    report = Report(options, guest)
    try:
        with guest:
            try:
                return run(guest, options, report)
            finally:
                if options.serial:
                    with open(options.serial, 'w', encoding='utf-8') as f:
                        f.writelines(line + '\n' for line in guest.console())
    except GuestError as error:
        if error.console:
            note("the console's last lines:")
            for line in error.console:
                print('   ' + line, file=sys.stderr)
        raise


def start_server(guest, options, driver=None):
    """X or Weston, or neither, as the options say."""
    env = dict(each.split('=', 1) for each in options.env if each.startswith('VERGLAS_'))
    if options.weston:
        guest.start_weston(driver, env)
    elif not options.no_x and not KMS.search(os.path.basename(options.command[0])):
        guest.start_x(driver, env)


def run(guest, options, report):
    env = dict(each.split('=', 1) for each in options.env)
    name = os.path.basename(options.command[0])
    if is_endless(name) and os.path.exists(LINE_BUFFER):
        others = env.get('LD_PRELOAD', os.environ.get('LD_PRELOAD'))
        env['LD_PRELOAD'] = LINE_BUFFER + (':' + others if others else '')
        env['_STDBUF_O'] = 'L'
    if options.compare:
        return compare.run(guest, options, env, lambda driver: start_server(guest, options, driver),
                           lambda: Session(guest, options), window)
    start_server(guest, options)
    session = Session(guest, options)
    if session.endless:
        strings = gl_strings(guest, name, env)
        for what, value in zip(('VENDOR', 'RENDERER', 'VERSION'), strings):
            print(f'GL_{what}: {value}', flush=True)
        if not options.stock and strings[0] != 'Verglas' and 'VERGLAS_DRI' not in os.environ:
            raise HostError('the loader took another driver than Verglas')
    had_server = guest.x_alive() or guest.weston_alive()
    status = session.go(report.prepare(env))
    report.write(session)
    if session.endless:
        rates = sorted(session.rates)
        print(f'frames/s: {rates[len(rates) // 2]:.1f}' if rates else 'frames/s: not counted')
    if options.shot:
        if session.colours:
            print(f'screenshot: {options.shot} ({session.colours} colours)')
        else:
            warn('no screenshot: ' + session.shot_error)
        if session.colours == 1:
            warn('the screenshot shows one colour only')
    if had_server and not guest.x_alive() and not guest.weston_alive():
        warn('the display server ended before the command did')
    # Gears that nobody saw turning are no success, whatever the program says.
    if status == 0 and demo.GEARS.search(name) and session.colours < 2:
        warn(f'{name} drew nothing')
        status = 1
    if status > 128:
        with contextlib.suppress(ValueError):
            warn(f'{name} was ended by signal {status - 128} ({signal.Signals(status - 128).name})')
    return status
