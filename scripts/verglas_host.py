#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The embedded host: a private virgl_test_server and X display to run GL programs on.

As a module:

    with Host() as host:
        subprocess.run(['glxinfo', '-B'], env=host.env('verglas'))

As a program:

    scripts/verglas_host.py [--driver verglas|stock|native] [--gles] [--multi] [--no-server]
                            [--log FILE] COMMAND [ARG...]

runs COMMAND with that environment and gives back its exit status.

Nothing outlives the context manager: each child runs in a process group of its own, which is
ended as a whole, also on Ctrl-C and SIGTERM (see run_main), and each child gets a signal from
the kernel should this process be killed outright.
"""

import contextlib
import ctypes
import hashlib
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
STOCK_DRI = '/usr/lib/x86_64-linux-gnu/dri'
MESA_EGL = '/usr/share/glvnd/egl_vendor.d/50_mesa.json'
DRIVERS = ('verglas', 'stock', 'native')
READY_SECONDS = 15.0

# Variables that choose or change a GL driver. The server and Xvfb render for themselves with the
# system's own llvmpipe and must see none of them: with GALLIUM_DRIVER=virpipe the server would
# become its own client.
GL_PREFIXES = ('GALLIUM_', 'LIBGL_', 'MESA_', 'EGL_', 'VTEST_', 'VERGLAS_', 'ST_', 'TGSI_', 'NIR_',
               '__GLX_', '__EGL_', '__GL_', 'vblank_mode', 'LP_', 'DRI_PRIME', 'GBM_', 'VREND_',
               'VIRGL_')
# Of those, the ones a client may not inherit, because client_env decides them. The rest (say
# GALLIUM_HUD, GALLIUM_THREAD, VERGLAS_DEBUG) are the user's to set.
DECIDED = ('GALLIUM_DRIVER', 'LIBGL_ALWAYS_SOFTWARE', 'LIBGL_DRIVERS_PATH', 'VTEST_SOCKET_NAME',
           'MESA_LOADER_DRIVER_OVERRIDE', 'LIBGL_ALWAYS_INDIRECT', 'LIBGL_KOPPER_DISABLE',
           'EGL_PLATFORM', 'DRI_PRIME')


class HostError(Exception):
    """A failure with a message for the person at the terminal: one line, no traceback."""


def note(text):
    print('verglas: ' + text, file=sys.stderr, flush=True)


def warn(text):
    note('warning: ' + text)


def build_folder():
    """build/, or what VERGLAS_BUILD names."""
    return os.path.abspath(os.environ.get('VERGLAS_BUILD') or os.path.join(ROOT, 'build'))


def driver_folder():
    """Where our driver is: build/dri, or what VERGLAS_DRI names."""
    return os.path.abspath(os.environ.get('VERGLAS_DRI') or os.path.join(build_folder(), 'dri'))


def stock_folder():
    """Where the system's own DRI drivers are."""
    return os.environ.get('VERGLAS_STOCK_DRI') or STOCK_DRI


# llvmpipe takes and frees some hundred blocks of 64 KiB for each of its scenes. Where glibc gives
# them back to the kernel each time, drawing is three times slower, and whether it does is a matter
# of what else lies at the heap's end: of twelve equal runs five were slow. So whatever draws with
# llvmpipe keeps its heap. Setting one of the two takes glibc's own choice from the other.
LLVMPIPE_HEAP = {'MALLOC_TRIM_THRESHOLD_': str(1 << 30), 'MALLOC_MMAP_THRESHOLD_': str(32 << 20)}


def clean_env(base=None):
    """The environment without anything that chooses a GL driver: for servers, not clients."""
    base = os.environ if base is None else base
    env = {k: v for k, v in base.items() if not k.startswith(GL_PREFIXES)}
    # A sanitizer's runtime that is preloaded into clients has no business in the server.
    env.pop('LD_PRELOAD', None)
    return env


def stock_preload():
    """The library that leads stock virgl to a private socket; built at first use, in the cache.

    Mesa 22.3 knows one socket only, /tmp/.virgl_test (see scripts/bench/vtest_redirect.cpp).
    """
    source = os.path.join(ROOT, 'scripts', 'bench', 'vtest_redirect.cpp')
    with open(source, 'rb') as f:
        digest = hashlib.sha256(f.read()).hexdigest()[:12]
    cache = os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache')
    library = os.path.join(cache, 'verglas', f'vtest-redirect-{digest}.so')
    if os.path.exists(library):
        return library
    compiler = find_program('c++', 'g++')
    partial = f'{library}.{os.getpid()}'
    try:
        os.makedirs(os.path.dirname(library), exist_ok=True)
        done = subprocess.run([compiler, '-std=c++20', '-O1', '-shared', '-fPIC', '-fno-exceptions',
                               '-fno-rtti', '-Wl,--as-needed', '-o', partial, source],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise HostError('cannot build ' + os.path.basename(source) + ': '
                            + (done.stderr.strip().splitlines() or ['the compiler failed'])[0])
        os.replace(partial, library)  # whole or not at all, when several do it at once
    except OSError as error:
        raise HostError(f'cannot write {library}: {error.strerror}') from None
    finally:
        with contextlib.suppress(OSError):
            os.unlink(partial)
    return library


def client_env(driver, socket_path=None, display=None, base=None):
    """The environment in which a GL or EGL program runs on DRIVER.

    socket_path and display may be None: then there is no server, or the display stays as it is.
    """
    if driver not in DRIVERS:
        raise ValueError(f'driver must be one of {DRIVERS}, not {driver!r}')
    base = os.environ if base is None else base
    env = {k: v for k, v in base.items() if k not in DECIDED}
    # The loaders take swrast_dri.so, which is the way to a vtest server without a GPU, only when
    # software rendering is asked for; that holds for GLX and for every EGL platform.
    env['LIBGL_ALWAYS_SOFTWARE'] = '1'
    env['LIBGL_DRIVERS_PATH'] = driver_folder() if driver == 'verglas' else stock_folder()
    if driver == 'native':
        env['GALLIUM_DRIVER'] = 'llvmpipe'
        env.update(LLVMPIPE_HEAP)
    else:
        env['GALLIUM_DRIVER'] = 'virpipe'
        if socket_path:
            env['VTEST_SOCKET_NAME'] = socket_path
            if os.path.realpath(env['LIBGL_DRIVERS_PATH']) == os.path.realpath(stock_folder()):
                others = env.get('LD_PRELOAD')
                env['LD_PRELOAD'] = stock_preload() + (':' + others if others else '')
    # On a machine with another vendor's driver libglvnd would never ask Mesa.
    env['__GLX_VENDOR_LIBRARY_NAME'] = 'mesa'
    if os.path.exists(MESA_EGL):
        env['__EGL_VENDOR_LIBRARY_FILENAMES'] = MESA_EGL
    if display:
        env['DISPLAY'] = display
        env.pop('WAYLAND_DISPLAY', None)
    return env


_libc = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1  # linux/prctl.h
PR_SET_CHILD_SUBREAPER = 36


def _die_with_parent():
    """In the child, before exec: the kernel ends it if we are killed without a chance to."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def spawn(args, **kwargs):
    """Popen in a process group of its own, so that end() reaches grandchildren too."""
    # The server's renderers lose their parent when the group is ended; they come to us, to be
    # reaped by end(), rather than to an init that in a container may reap nothing.
    _libc.prctl(PR_SET_CHILD_SUBREAPER, 1)
    kwargs.setdefault('stdin', subprocess.DEVNULL)
    return subprocess.Popen(args, process_group=0, preexec_fn=_die_with_parent, **kwargs)


def _group_lives(pgid):
    """Whether a process of the group runs still (a zombie does not run)."""
    for entry in os.listdir('/proc'):
        if not entry.isdigit():
            continue
        with contextlib.suppress(OSError, IndexError, ValueError):
            with open(f'/proc/{entry}/stat', encoding='utf-8', errors='replace') as f:
                # The name, in brackets, may hold anything: count from behind it.
                state, _ppid, pgrp = f.read().rpartition(')')[2].split()[:3]
            if int(pgrp) == pgid and state not in 'ZX':
                return True
    return False


def end(process, grace=3.0):
    """End a spawned process and its whole group: ask, wait for GRACE seconds, then kill.

    Returns the process's own exit status, as subprocess counts it.
    """
    pgid = process.pid  # spawn made it the leader of its group
    deadline = time.monotonic() + grace
    for sig in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pgid, sig)
        if sig == signal.SIGKILL:
            process.wait()
            break
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, deadline - time.monotonic()))
        while _group_lives(pgid) and time.monotonic() < deadline:
            time.sleep(0.01)
        if process.poll() is not None and not _group_lives(pgid):
            break
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-pgid, os.WNOHANG)[0]:
            pass
    return process.returncode


def private_folder():
    """A new folder for us alone, on a path short enough for a socket's name (108 bytes)."""
    folder = tempfile.mkdtemp(prefix='verglas-')  # mode 0700
    if len(folder) > 80:
        os.rmdir(folder)
        folder = tempfile.mkdtemp(prefix='verglas-', dir='/tmp')
    return folder


def last_line(path):
    """The last line of a log that says something, or an empty string."""
    with contextlib.suppress(OSError):
        with open(path, encoding='utf-8', errors='replace') as f:
            lines = [line.strip() for line in f if line.strip()]
        if lines:
            return lines[-1]
    return ''


def find_program(name, package):
    path = shutil.which(name)
    if path is None and package is None:
        raise HostError(f'there is no program {name}')
    if path is None:
        raise HostError(f'{name} is not installed (Debian package {package}; bin/setup installs it)')
    return path


class Server:
    """A virgl_test_server on a private socket; a context manager.

    It forks a renderer per client; with multi=True one process serves all of them.
    """

    def __init__(self, gles=False, multi=False, folder=None, program=None, env=None):
        self.gles = gles
        self.multi = multi
        self.program = program
        self.extra_env = env or {}
        self.process = None
        self._own_folder = folder is None
        self.folder = folder
        self.socket = None
        self.log_path = None
        self.log_text = ''  # filled when the server has been stopped

    def start(self):
        program = self.program or find_program('virgl_test_server', 'virgl-server')
        if self._own_folder:
            self.folder = private_folder()
        self.socket = os.path.join(self.folder, 'vtest')
        self.log_path = os.path.join(self.folder, 'server.log')
        # One word: the server declares the path an optional argument, so that a path in a word
        # of its own would be taken for a file of commands to replay.
        args = [program, '--use-egl-surfaceless', '--socket-path=' + self.socket]
        args += ['--use-gles'] if self.gles else []
        args += ['--multi-clients'] if self.multi else []
        env = clean_env()
        env.pop('DISPLAY', None)
        env.pop('WAYLAND_DISPLAY', None)
        env['LIBGL_ALWAYS_SOFTWARE'] = '1'  # llvmpipe on every machine, even on one with a GPU
        env.update(LLVMPIPE_HEAP)
        if os.path.exists(MESA_EGL):
            env['__EGL_VENDOR_LIBRARY_FILENAMES'] = MESA_EGL
        env.update(self.extra_env)
        try:
            with open(self.log_path, 'wb') as log:
                self.process = spawn(args, stdout=log, stderr=log, env=env, cwd=self.folder)
            self._wait_until_ready()
        except BaseException as error:
            self.stop()
            if isinstance(error, OSError):
                raise HostError(f'cannot start {program}: {error.strerror}') from None
            raise
        return self

    def _wait_until_ready(self):
        deadline = time.monotonic() + READY_SECONDS
        while True:
            status = self.process.poll()
            if status is not None:
                said = last_line(self.log_path) or 'it said nothing'
                raise HostError(f'virgl_test_server ended at once (status {status}): {said}')
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
                try:
                    probe.connect(self.socket)
                    return
                except OSError:
                    pass
            if time.monotonic() > deadline:
                raise HostError('virgl_test_server does not accept connections after '
                                f'{READY_SECONDS:.0f} s: {last_line(self.log_path)}')
            time.sleep(0.02)

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def log(self):
        """What the server has said so far (or in all, once it is stopped)."""
        with contextlib.suppress(OSError):
            with open(self.log_path, encoding='utf-8', errors='replace') as f:
                return f.read()
        return self.log_text

    def stop(self):
        if self.process is not None:
            end(self.process)
            self.process = None
        if self.log_path:
            self.log_text = self.log()
        if self._own_folder and self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()


def display_usable(name=None):
    """Whether an X server answers there and offers GLX."""
    name = name or os.environ.get('DISPLAY')
    xdpyinfo = shutil.which('xdpyinfo')
    if not name or not xdpyinfo:
        return False
    try:
        done = subprocess.run([xdpyinfo, '-display', name], stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=5, check=False, env=clean_env())
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0 and any(line.split() == [b'GLX'] for line in done.stdout.splitlines())


class Display:
    """An X display: the user's own when it is usable and PRIVATE is False, else a new Xvfb."""

    def __init__(self, private=False, size='1280x1024', folder=None):
        self.private = private
        self.size = size
        self.name = None
        self.process = None
        self._own_folder = None
        self.folder = folder

    def start(self):
        if not self.private and display_usable():
            self.name = os.environ['DISPLAY']
            return self
        self.private = True
        program = find_program('Xvfb', 'xvfb')
        if self.folder is None:
            self.folder = self._own_folder = private_folder()
        log_path = os.path.join(self.folder, 'xvfb.log')
        reader, writer = os.pipe()
        args = [program, '-displayfd', str(writer), '-screen', '0', f'{self.size}x24',
                '+extension', 'GLX', '-nolisten', 'tcp', '-noreset']
        try:
            with open(log_path, 'wb') as log:
                # Xvfb renders indirect GLX itself and must not do it on our driver.
                self.process = spawn(args, stdout=log, stderr=log, env=clean_env(),
                                     pass_fds=[writer])
            os.close(writer)
            writer = None
            self.name = ':' + self._read_number(reader, log_path)
        except BaseException:
            self.stop()
            raise
        finally:
            os.close(reader)
            if writer is not None:
                os.close(writer)
        return self

    @staticmethod
    def _read_number(reader, log_path):
        deadline = time.monotonic() + READY_SECONDS
        number = b''
        while not number.endswith(b'\n'):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([reader], [], [], left)[0]:
                raise HostError(f'Xvfb does not start within {READY_SECONDS:.0f} s')
            more = os.read(reader, 16)
            if not more:
                raise HostError('Xvfb ended at once: ' + (last_line(log_path) or 'it said nothing'))
            number += more
        return number.decode().strip()

    def stop(self):
        if self.process is not None:
            end(self.process)
            self.process = None
        if self._own_folder:
            shutil.rmtree(self._own_folder, ignore_errors=True)
            self._own_folder = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()


class Host:
    """A server and a display together, in one private folder; a context manager.

    server=False leaves the server out (for native runs), display=False the display.
    """

    def __init__(self, gles=False, multi=False, server=True, display=True, private_display=False):
        self._want_server = server
        self._want_display = display
        self._options = {'gles': gles, 'multi': multi}
        self._private_display = private_display
        self.folder = None
        self.server = None
        self.display = None

    def start(self):
        self.folder = private_folder()
        try:
            if self._want_display:
                self.display = Display(private=self._private_display, folder=self.folder).start()
            if self._want_server:
                self.server = Server(folder=self.folder, **self._options).start()
        except BaseException:
            self.stop()
            raise
        return self

    def env(self, driver, base=None):
        """The environment for a client on DRIVER ('verglas', 'stock' or 'native')."""
        return client_env(driver, self.server.socket if self.server else None,
                          self.display.name if self.display else None, base)

    def stop(self):
        for part in (self.server, self.display):
            if part is not None:
                part.stop()
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()


def gl_strings(env, gles=False):
    """Vendor, renderer and version that a GL context has in this environment."""
    script = os.path.join(ROOT, 'scripts', 'verglas_glinfo.py')
    try:
        done = subprocess.run([sys.executable, script, 'gles' if gles else 'gl'], env=env, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False)
    except subprocess.TimeoutExpired:
        raise HostError('the driver makes no GL context within 30 s') from None
    lines = done.stdout.splitlines()
    if done.returncode != 0 or len(lines) < 3:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        # The driver knows better than the EGL error that follows from it.
        ours = [line for line in said if line.startswith('verglas: ')]
        reason = (ours or said or [f'it was ended by signal {-done.returncode}'])[-1]
        raise HostError('no GL context: ' + reason.removeprefix('verglas: '))
    return lines[:3]


def _raise_exit(number, _frame):
    # Only once: a second signal must not cut the clean-up short.
    for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sig, signal.SIG_IGN)
    raise SystemExit(128 + number)


def run_main(main):
    """Run main() as a program does: signals unwind (and so clean up), failures are one line."""
    for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sig, _raise_exit)
    try:
        status = main()
    except HostError as error:
        note(str(error))
        status = 1
    except BrokenPipeError:
        # The reader of our output went away: nothing is wrong, and nothing is left to say.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        status = 141
    sys.exit(status or 0)


def exit_status(returncode):
    """A subprocess return code as a shell would give it."""
    return 128 - returncode if returncode < 0 else returncode


def _main():
    import argparse
    parser = argparse.ArgumentParser(description='run a command on the embedded host')
    parser.add_argument('--driver', choices=DRIVERS, default='verglas')
    parser.add_argument('--gles', action='store_true', help='a GLES host')
    parser.add_argument('--multi', action='store_true', help='one server process for all clients')
    parser.add_argument('--no-server', action='store_true', help='no server: native runs')
    parser.add_argument('--log', metavar='FILE', help="write the server's log there at the end")
    parser.add_argument('command', nargs=argparse.REMAINDER)
    options = parser.parse_args()
    command = options.command[1:] if options.command[:1] == ['--'] else options.command
    if not command:
        parser.error('no command')
    with Host(gles=options.gles, multi=options.multi, server=not options.no_server) as host:
        try:
            process = spawn(command, env=host.env(options.driver), stdin=None)
        except OSError as error:
            raise HostError(f'cannot run {command[0]}: {error.strerror}') from None
        try:
            status = process.wait()
        finally:
            end(process)
            if options.log and host.server:
                with open(options.log, 'w', encoding='utf-8') as f:
                    f.write(host.server.log())
        return exit_status(status)


if __name__ == '__main__':
    run_main(_main)
