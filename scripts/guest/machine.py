# SPDX-License-Identifier: MIT
"""The guest as one object: boots, starts and ends X, runs commands, takes pictures, cleans up."""

import contextlib
import dataclasses
import os
import re
import shlex
import shutil
import subprocess
import time

import demo
import verglas_host
from guest import kernel as kernels
from guest import qemu as qemus
from guest.channel import Channel
from guest.errors import GuestError
from guest.trace import Trace
from verglas_host import find_program, note, private_folder

BOOT_SECONDS = 240.0
X_SECONDS = 120.0
COMMAND_SECONDS = 600.0
DRIVERS = ('verglas', 'stock')
DRIVER_FILE = 'virtio_gpu_dri.so'
GUEST_DRI = '/run/verglas/dri'
XORG = '/usr/lib/xorg/Xorg'
WESTON = '/usr/bin/weston'
WAYLAND = 'wayland-1'
XORG_CONF = '''Section "ServerFlags"
   Option "AutoAddDevices" "false"
   Option "AutoAddGPU" "false"
   Option "BlankTime" "0"
   Option "StandbyTime" "0"
EndSection
Section "Device"
   Identifier "virtio"
   Driver "modesetting"
   Option "AccelMethod" "glamor"
EndSection
Section "Screen"
   Identifier "screen"
   Device "virtio"
EndSection
'''
# Nothing that moves by itself, so that frames and pictures are the clients'.
WESTON_INI = '''[core]
idle-time=0
[shell]
startup-animation=none
animation=none
close-animation=none
locking=false
'''
# Of the caller's environment, what says something about his session and not about the command.
SESSION = ('DISPLAY', 'WAYLAND_DISPLAY', 'WAYLAND_SOCKET', 'XAUTHORITY', 'DBUS_SESSION_BUS_ADDRESS',
           'DBUS_SYSTEM_BUS_ADDRESS', 'XDG_RUNTIME_DIR', 'XDG_SESSION_ID', 'XDG_SEAT', 'XDG_VTNR',
           'SSH_AUTH_SOCK', 'SSH_CONNECTION', 'SSH_CLIENT', 'SSH_TTY', 'VERGLAS_DRI', 'VERGLAS_BUILD',
           'VERGLAS_STOCK_DRI')


@dataclasses.dataclass
class Result:
    """How a command ended. status is None when its time was over."""
    status: int
    out: str
    err: str

    @property
    def timed_out(self):
        return self.status is None


class Guest:
    """A virtual machine with a virgl device; a context manager.

    driver   'verglas' or 'stock': what X and commands use unless they are told otherwise
    size     of the screen
    share    a folder that the guest sees at the same path and may write to; it also gets the logs
             (console.log, qemu.log, Xorg.log, trace.log). Without one, a private one that vanishes.
    trace    True to have the device log its commands: see mark() and counts()
    symbols  True to load the driver as it was built, over 9p, for a debugger: slow
    """

    def __init__(self, driver='verglas', size=(1280, 800), share=None, trace=False, accel=None,
                 symbols=False, memory=None, quiet=False, boot_seconds=BOOT_SECONDS):
        if driver not in DRIVERS:
            raise ValueError(f'driver must be one of {DRIVERS}, not {driver!r}')
        self.driver = driver
        self.size = size
        self.share = share and os.path.abspath(share)
        self.accel, self.accel_reason = qemus.accelerator(accel)
        self.kernel = None
        self.folder = None
        self.display = None
        self.boot_seconds = boot_seconds
        self._own_share = share is None
        self._memory = memory or qemus.memory_mib()
        self._want_trace = trace
        self._symbols = symbols
        self._quiet = quiet
        self._qemu = None
        self._channel = None
        self._camera = None
        self._x = None
        self._x_ready = False
        self._weston = None
        self._wayland_ready = False
        self.trace = None

    # Beginning and end

    def start(self):
        try:
            self._boot()
        except BaseException:
            self.stop()
            raise
        return self

    def _boot(self):
        qemus.find()
        if not os.path.exists(kernels.BUSYBOX):
            raise GuestError('busybox is not installed (Debian package busybox-static; bin/guest '
                             'installs it)')
        if self.driver == 'verglas':
            self._driver_file()
        self.folder = private_folder()
        if self._own_share:
            self.share = os.path.join(self.folder, 'share')
        try:
            os.makedirs(self.share, exist_ok=True)
            # A file on it, so that a folder that cannot be written is found out now.
            self._write('xorg.conf', XORG_CONF)
        except OSError as error:
            raise GuestError(f'cannot write to {self.share}: {error.strerror}') from None
        self.kernel = kernels.find()
        initrd = self._initrd()
        width, height = self.size
        try:
            # SDL puts a window of 640 x 480 in the middle, which then grows to the right and down.
            self.display = verglas_host.Display(
                private=True, folder=self.folder,
                size=f'{max(1280, 2 * width)}x{max(960, 2 * height)}').start()
        except verglas_host.HostError as error:
            raise GuestError(f'no display for the guest: {error}') from None
        self._camera = demo.Camera(self, None, 0)
        if self._want_trace:
            self.trace = Trace(os.path.join(self.share, 'trace.log'))
            self._write('trace.log', '')
        self._qemu = qemus.Qemu(self.folder, self.share, self.trace and self.trace.path)
        self._channel = Channel(os.path.join(self.folder, 'agent'), self._qemu.check)
        processors = max(1, min(4, os.cpu_count() or 1))
        if not self._quiet:
            how = 'KVM' if self.accel == 'kvm' else f'TCG ({self.accel_reason})'
            note(f'guest: Linux {self.kernel.release} on QEMU {qemus.version()} with {how}, '
                 f'{processors} CPUs, {self._memory} MiB')
        self._qemu.start(self.kernel.image, initrd, self.display.name, self.accel, self.size,
                         self._memory, processors)
        self._channel.accept()
        if not self._channel.wait_for(lambda: self._channel.hello, self.boot_seconds):
            console = self._qemu.console()[-qemus.CONSOLE_LINES:]
            raise GuestError(f'the guest did not start within {self.boot_seconds:.0f} s', console)

    def stop(self):
        """End everything. The share stays, unless it is the private one."""
        if self._qemu is not None:
            self._qemu.stop()
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        if self.display is not None:
            self.display.stop()
            self.display = None
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def _write(self, name, text):
        with open(os.path.join(self.share, name), 'w', encoding='utf-8') as f:
            f.write(text)

    def console(self):
        """The lines of the console so far."""
        return self._qemu.console()

    # What the guest is made of

    def _driver_file(self):
        path = os.path.join(verglas_host.driver_folder(), DRIVER_FILE)
        if not os.path.exists(path):
            raise GuestError(f'there is no driver {path}: run bin/setup')
        return path

    def _initrd(self):
        """The initramfs of the kernel, and behind it what is for this boot only."""
        extra = kernels.Cpio()
        extra.text('parameters', f'modules={shlex.quote(self.kernel.modules)}\n'
                   f'share={shlex.quote(self.share)}\n')
        extra.folder('verglas')
        here = os.path.dirname(os.path.abspath(__file__))
        extra.file('verglas/agent.py', os.path.join(here, 'agent.py'), 0o644)
        if os.path.exists(os.path.join(verglas_host.driver_folder(), DRIVER_FILE)):
            extra.folder('verglas/dri')
            extra.link('verglas/dri/swrast_dri.so', DRIVER_FILE)
            extra.link('verglas/dri/kms_swrast_dri.so', DRIVER_FILE)
            if self._symbols:
                extra.link(f'verglas/dri/{DRIVER_FILE}', self._driver_file())
            else:
                extra.file(f'verglas/dri/{DRIVER_FILE}', self._stripped(), 0o755)
        path = os.path.join(self.folder, 'initrd')
        try:
            with open(path, 'wb') as out:
                with open(self.kernel.initramfs(), 'rb') as f:
                    shutil.copyfileobj(f, out)
                # The kernel looks for the next archive at a multiple of four bytes.
                out.write(b'\0' * (-out.tell() % 4))
                out.write(extra.finish())
        except OSError as error:
            raise GuestError(f'cannot write {path}: {error.strerror}') from None
        return path

    def _stripped(self):
        """The driver without its symbols, which are five sixths of it."""
        path = os.path.join(self.folder, 'stripped.so')
        strip = find_program('strip', 'binutils')
        done = subprocess.run([strip, '-o', path, self._driver_file()], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise GuestError('cannot strip the driver: '
                             + (done.stderr.strip().splitlines() or ['strip failed'])[-1])
        return path

    # Commands

    def env(self, driver=None, base=None):
        """The environment of a command on DRIVER, made from BASE (else from the caller's)."""
        base = os.environ if base is None else base
        decided = verglas_host.DECIDED + SESSION
        env = {k: v for k, v in base.items() if k not in decided}
        stock = (driver or self.driver) == 'stock'
        env['LIBGL_DRIVERS_PATH'] = verglas_host.stock_folder() if stock else GUEST_DRI
        env['__GLX_VENDOR_LIBRARY_NAME'] = 'mesa'
        if os.path.exists(verglas_host.MESA_EGL):
            env['__EGL_VENDOR_LIBRARY_FILENAMES'] = verglas_host.MESA_EGL
        env['XDG_RUNTIME_DIR'] = '/run/user/0'
        env['VERGLAS_OUT'] = self.share
        if self._x_ready:
            env['DISPLAY'] = ':0'
        if self._wayland_ready:
            env['WAYLAND_DISPLAY'] = WAYLAND
        return env

    def spawn(self, argv, env=None, cwd=None, driver=None, **options):
        """Start ARGV in the guest; a channel.Process. ENV is added to what env(DRIVER) gives.

        OPTIONS: on_out, on_err (callbacks for pieces of output), input=True (there will be
        some), terminal=(rows, columns) to run it on a terminal.
        """
        merged = self.env(driver)
        merged.update(env or {})
        return self._channel.spawn(list(argv), merged, cwd or os.getcwd(), **options)

    def run(self, argv, timeout=COMMAND_SECONDS, env=None, cwd=None, driver=None, input_text=None,
            **options):
        """Run ARGV to its end, or end it after TIMEOUT seconds; a Result."""
        process = self.spawn(argv, env, cwd, driver, input=input_text is not None, **options)
        if input_text is not None:
            process.send_input(input_text.encode())
            process.send_input(b'')
        status = process.wait(timeout)
        if status is None and process.end() is None:
            raise self.silent(argv[0])
        return Result(status, process.out, process.err)

    def silent(self, name):
        """The error for a guest that does not even confirm that a command was killed."""
        return GuestError(f'the guest hangs: {name} cannot be ended',
                          self._qemu.console()[-qemus.CONSOLE_LINES:])

    # X

    def start_x(self, driver=None, env=None, timeout=X_SECONDS):
        """Start Xorg with glamor on DRIVER, and wait until it answers."""
        assert self._x is None, 'X runs already'
        if not os.path.exists(XORG):
            raise GuestError('Xorg is not installed (Debian package xserver-xorg-core)')
        log = os.path.join(self.share, 'Xorg.log')
        self._x = self.spawn(
            [XORG, ':0', '-config', os.path.join(self.share, 'xorg.conf'), '-logfile', log,
             '-noreset', '-nolisten', 'tcp', '-displayfd', '1', 'vt7'], env, '/', driver)
        answered = self._channel.wait_for(
            lambda: self._x.out.strip() or self._x.status is not None, timeout)
        if self._x.status is not None or not answered:
            why = self._x_error() or self._x.failure or 'it said nothing'
            ended = self._x.status
            self.stop_x()
            raise GuestError(f'Xorg does not start within {timeout:.0f} s: {why}' if ended is None
                             else f'Xorg ended with status {ended}: {why}')
        self._x_ready = True

    def _x_error(self):
        with contextlib.suppress(OSError):
            with open(os.path.join(self.share, 'Xorg.log'), encoding='utf-8',
                      errors='replace') as f:
                errors = [line.split('(EE)', 1)[1].strip() for line in f if '(EE)' in line]
            # The last ones say where to ask for help.
            errors = [e for e in errors if e and not e.startswith(('Please', 'Server terminated'))]
            if errors:
                return errors[0]
        return (self._x.err.strip().splitlines() or [''])[-1]

    def x_alive(self):
        return self._x is not None and self._x.status is None

    def stop_x(self):
        """End Xorg, if it runs: the screen is then free for programs that drive it themselves."""
        if self._x is not None:
            self._x.end()
        self._x = None
        self._x_ready = False

    # Weston

    def start_weston(self, driver=None, env=None, arguments=(), timeout=X_SECONDS):
        """Start Weston on the screen itself, drawing with GL; its clients then find it."""
        assert self._x is None and self._weston is None, 'the screen is taken'
        if not os.path.exists(WESTON):
            raise GuestError('Weston is not installed (Debian package weston)')
        log = os.path.join(self.share, 'weston.log')
        self._write('weston.ini', WESTON_INI)
        # As root it takes the terminal itself, without a login manager. There is no keyboard.
        self._weston = self.spawn(
            [WESTON, '--backend=drm-backend.so', '--tty=1', '--continue-without-input',
             f'--config={os.path.join(self.share, "weston.ini")}', f'--socket={WAYLAND}',
             f'--log={log}', *arguments], env, '/', driver)
        # The socket is there before a client is answered, and weston-info is a client.
        wait = f'until [ -S "$XDG_RUNTIME_DIR/{WAYLAND}" ]; do sleep 0.05; done; exec weston-info'
        ready = self.spawn(['sh', '-c', wait], {'WAYLAND_DISPLAY': WAYLAND}, '/')
        answered = self._channel.wait_for(
            lambda: ready.status is not None or self._weston.status is not None, timeout)
        if ready.status != 0:
            why = self._weston_error(log) or self._weston.failure or 'it said nothing'
            ended = self._weston.status
            ready.end()
            self.stop_weston()
            raise GuestError(f'Weston ended with status {ended}: {why}' if ended is not None else
                             f'Weston does not start within {timeout:.0f} s: {why}' if not answered
                             else f'Weston answers no client: {why}')
        self._wayland_ready = True
        if not any(each.startswith('--shell') for each in arguments):
            self._await_picture()

    def _await_picture(self, timeout=30.0):
        """Until the screen shows something: Weston's own shell starts later, behind a curtain."""
        path = os.path.join(self.folder, 'curtain.png')
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline and self.weston_alive():
            with contextlib.suppress(GuestError):
                if self.shot(path) > 2:
                    return
            time.sleep(0.5)

    @staticmethod
    def _weston_error(log):
        with contextlib.suppress(OSError):
            with open(log, encoding='utf-8', errors='replace') as f:
                lines = [line.strip() for line in f if line.strip()]
            said = [line for line in lines if re.search(r'error|fatal|fail', line, re.I)
                    and 'logind' not in line]
            return re.sub(r'^\[[0-9:.]+\] ', '', (said or lines or [''])[-1])
        return ''

    def weston_alive(self):
        return self._weston is not None and self._weston.status is None

    def stop_weston(self):
        """End Weston, if it runs."""
        if self._weston is not None:
            self._weston.end()
        self._weston = None
        self._wayland_ready = False

    # What there is to see

    def shot(self, path):
        """A picture of the guest's screen as a PNG; the number of colours in it."""
        camera = self._camera
        camera.path, camera.taken, camera.colours = path, False, 0
        try:
            camera.shoot(0)
        except OSError as error:
            raise GuestError(f'cannot write {path}: {error.strerror}') from None
        if not camera.taken:
            raise GuestError(f'no screenshot: {camera.error}')
        return camera.colours

    def mark(self):
        """Now, as a place in the device's log of commands."""
        return self.trace.mark()

    def counts(self, begin=None, end=None):
        """What the device was asked for between two marks: see Trace.counts."""
        return self.trace.counts(begin, end)
