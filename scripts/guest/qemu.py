# SPDX-License-Identifier: MIT
"""QEMU itself: what it is started with, and why it ended."""

import contextlib
import os
import re
import shutil
import signal
import subprocess

import verglas_host
from guest.channel import PORT
from guest.errors import GuestError

PROGRAM = 'qemu-system-x86_64'
CONSOLE_LINES = 15
NOTHING = 'it said nothing'
# The kernel says little, takes every oops for a panic, and a panic ends QEMU at once (-no-reboot).
# What an emulated processor would only be slowed down by is off.
KERNEL_ARGUMENTS = ('console=ttyS0 quiet loglevel=4 oops=panic panic=-1 mitigations=off nokaslr '
                    'audit=0 apparmor=0 nowatchdog tsc=reliable no_timer_check '
                    'random.trust_cpu=on rcupdate.rcu_expedited=1 net.ifnames=0')


def accelerator(wanted=None):
    """('kvm' or 'tcg', the reason for TCG). WANTED forces one."""
    if wanted:
        return wanted, 'as asked for'
    with open('/proc/cpuinfo', encoding='ascii', errors='replace') as f:
        virtual = re.search(r'^flags\s*:.*\b(svm|vmx)\b', f.read(), re.M)
    # The device alone proves nothing: there are machines where it opens and guests hang.
    if not virtual:
        return 'tcg', 'the CPU has neither svm nor vmx'
    try:
        os.close(os.open('/dev/kvm', os.O_RDWR | os.O_CLOEXEC))
    except OSError as error:
        return 'tcg', f'/dev/kvm: {error.strerror}'
    return 'kvm', ''


def memory_mib():
    """4 GiB, or half of what this machine can spare where that is less."""
    with open('/proc/meminfo', encoding='ascii') as f:
        available = int(re.search(r'^MemAvailable:\s*(\d+)', f.read(), re.M)[1]) >> 10
    return max(1024, min(4096, available // 2))


def escape(path):
    """A path as a value in QEMU's option lists."""
    return path.replace(',', ',,')


def find():
    """QEMU's path."""
    program = shutil.which(PROGRAM)
    if program is None:
        raise GuestError(f'{PROGRAM} is not installed (Debian package qemu-system-x86; bin/guest '
                         'installs it)')
    return program


class Qemu:
    """The process. FOLDER is private, for its sockets; logs go to SHARE."""

    def __init__(self, folder, share, trace=None):
        self.folder = folder
        self.share = share
        self.trace = trace
        self.console_path = os.path.join(share, 'console.log')
        self.log_path = os.path.join(share, 'qemu.log')
        self.process = None

    def start(self, kernel, initrd, display, accel, size, memory, processors):
        program = find()
        width, height = size
        accel_options = ['-accel', 'kvm', '-cpu', 'host'] if accel == 'kvm' else \
            ['-accel', 'tcg,thread=multi', '-cpu', 'max']
        args = [program, *accel_options, '-smp', str(processors), '-m', str(memory),
                '-nodefaults', '-no-user-config', '-no-reboot', '-msg', 'timestamp=on',
                '-display', 'sdl,gl=on',
                '-device', f'virtio-vga-gl,xres={width},yres={height}',
                '-serial', 'file:' + self.console_path,
                '-kernel', kernel, '-initrd', initrd, '-append', KERNEL_ARGUMENTS,
                '-fsdev', 'local,id=r,path=/,security_model=none,readonly=on,multidevs=remap',
                '-device', 'virtio-9p-pci,fsdev=r,mount_tag=rootfs',
                '-fsdev', f'local,id=o,path={escape(self.share)},security_model=none,'
                'multidevs=remap',
                '-device', 'virtio-9p-pci,fsdev=o,mount_tag=outfs',
                '-device', 'virtio-serial-pci',
                '-chardev', f'socket,id=a,path={escape(os.path.join(self.folder, "agent"))}',
                '-device', f'virtserialport,chardev=a,name={PORT}',
                '-device', 'virtio-rng-pci']
        if self.trace:
            args += ['-trace', 'virtio_gpu_cmd*', '-D', self.trace]
        # The device's OpenGL is that of this window: llvmpipe, on every machine.
        env = verglas_host.clean_env()
        env.pop('WAYLAND_DISPLAY', None)
        env.update(DISPLAY=display, LIBGL_ALWAYS_SOFTWARE='1', GALLIUM_DRIVER='llvmpipe',
                   SDL_VIDEODRIVER='x11', SDL_AUDIODRIVER='dummy')
        if os.path.exists(verglas_host.MESA_EGL):
            env['__EGL_VENDOR_LIBRARY_FILENAMES'] = verglas_host.MESA_EGL
            env['__GLX_VENDOR_LIBRARY_NAME'] = 'mesa'
        try:
            with open(self.log_path, 'wb') as log:
                self.process = verglas_host.spawn(args, stdout=log, stderr=log, env=env,
                                                  cwd=self.folder)
        except OSError as error:
            raise GuestError(f'cannot start {program}: {error.strerror}') from None

    def console(self):
        """What the kernel and init said."""
        try:
            with open(self.console_path, encoding='utf-8', errors='replace') as f:
                # SeaBIOS moves the cursor about before the kernel speaks.
                text = re.sub(r'\x1b\[[0-9;?=]*[a-zA-Z]|\x1bc|\r', '', f.read())
        except OSError:
            return []
        return [line for line in text.split('\n') if line.strip()]

    def check(self):
        """Raise if it has ended, with the best reason there is."""
        if self.process is None or self.process.poll() is None:
            return
        raise self.post_mortem()

    def post_mortem(self):
        console = self.console()
        tail = console[-CONSOLE_LINES:]
        for line in console:
            found = re.search(r'Kernel panic - not syncing: (.*)', line)
            if found:
                # What led to it stands first, and a long list of registers last.
                start = next(i for i, each in enumerate(console)
                             if re.search(r'BUG:|Oops|Kernel panic', each))
                return GuestError('the guest panicked: ' + found[1],
                                  console[start:start + CONSOLE_LINES])
        for line in reversed(console):
            if line.startswith('verglas: '):
                return GuestError('the guest gave up: ' + line.removeprefix('verglas: '), tail)
        if any('reboot: ' in line for line in tail):
            return GuestError('the guest was switched off', tail)
        said = self._complaint()
        if re.search(r'gtk|sdl|display|x11', said, re.I) and not tail:
            return GuestError(f'QEMU has no display: {said}')
        if self.process.returncode < 0:
            said = said if said != NOTHING else \
                f'signal {signal.Signals(-self.process.returncode).name}'
        status = verglas_host.exit_status(self.process.returncode)
        return GuestError(f'QEMU ended with status {status}: {said}', tail)

    def _complaint(self):
        """The last thing QEMU said that is no chatter of its renderer's."""
        with contextlib.suppress(OSError):
            with open(self.log_path, encoding='utf-8', errors='replace') as f:
                lines = [line.strip() for line in f]
            lines = [line for line in lines if line and not re.match(r'gl_version|GLSL', line)]
            if lines:
                return re.sub(r'^(\S+Z )?(qemu-system-x86_64: )?', '', lines[-1])
        return NOTHING

    def stop(self):
        if self.process is not None:
            verglas_host.end(self.process)
            self.process = None


def version():
    """Its version, in words."""
    try:
        done = subprocess.run([PROGRAM, '--version'], stdin=subprocess.DEVNULL, timeout=30,
                              capture_output=True, text=True, check=False)
        return re.search(r'version ([0-9.]+)', done.stdout)[1]
    except (OSError, TypeError, subprocess.TimeoutExpired):
        return '?'
