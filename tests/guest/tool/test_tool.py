#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""bin/guest without a guest: a fake QEMU runs the real agent here, a fake apt has the kernel."""

import glob
import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
PROGRAM = [sys.executable, os.path.join(ROOT, 'scripts', 'guest')]
RELEASE = '6.1.0-1-amd64'
MODULES = ('virtio_pci', '9pnet_virtio', '9p', 'overlay', 'virtio_console', 'virtio-gpu',
           'virtio-rng', 'evdev', 'virtio_ring')

FAKE_APT_CACHE = f'''#!/bin/sh
echo "Package: linux-image-amd64"
echo "Depends: linux-image-{RELEASE} (= $FAKE_VERSION)"
'''
FAKE_APT_GET = '''#!/bin/sh
echo "$@" >>"$FAKE_LOG"
[ "$1" = download ] || exit 0
[ -z "$FAKE_OFFLINE" ] || { echo "E: Could not resolve"; exit 100; }
cp "$FAKE_DEB" ./linux.deb
'''
# As depmod does: each module, and what it needs.
FAKE_DEPMOD = '''#!/bin/sh
cd "$2/lib/modules/$3" || exit 1
for m in kernel/*.ko; do
   case $m in
   */virtio_ring.ko) echo "$m:" ;;
   *) echo "$m: kernel/virtio_ring.ko" ;;
   esac
done >modules.dep
'''


class Sandbox:
    """A PATH with fakes in front, a cache and a temporary folder of its own."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix='guest-tool-')
        for name in ('bin', 'cache', 'tmp', 'deb'):
            os.mkdir(os.path.join(self.folder, name))
        self.program('apt-cache', FAKE_APT_CACHE)
        self.program('apt-get', FAKE_APT_GET)
        self.program('depmod', FAKE_DEPMOD)
        os.symlink(os.path.join(HERE, 'fake_qemu.py'), self.path('bin', 'qemu-system-x86_64'))
        self.env = {**os.environ, 'PATH': self.path('bin') + ':' + os.environ['PATH'],
                    'XDG_CACHE_HOME': self.path('cache'), 'TMPDIR': self.path('tmp'),
                    'FAKE_VERSION': '1', 'FAKE_LOG': self.path('apt.log'),
                    'FAKE_DEB': self.package()}
        self.env.pop('FAKE_QEMU', None)

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def program(self, name, text):
        with open(self.path('bin', name), 'w', encoding='ascii') as f:
            f.write(text)
        os.chmod(self.path('bin', name), 0o755)

    def package(self):
        """A package like that of a kernel, as small as it gets."""
        tree = self.path('deb')
        os.makedirs(os.path.join(tree, 'DEBIAN'))
        os.makedirs(os.path.join(tree, 'boot'))
        kernel = os.path.join(tree, 'lib', 'modules', RELEASE, 'kernel')
        os.makedirs(kernel)
        with open(os.path.join(tree, 'DEBIAN', 'control'), 'w', encoding='ascii') as f:
            f.write(f'Package: linux-image-{RELEASE}\nVersion: 1\nArchitecture: amd64\n'
                    'Maintainer: nobody <nobody@localhost>\nDescription: fake\n')
        with open(os.path.join(tree, 'boot', 'vmlinuz-' + RELEASE), 'wb') as f:
            f.write(b'kernel' * 200)
        for module in MODULES:
            with open(os.path.join(kernel, module + '.ko'), 'w', encoding='ascii') as f:
                f.write(module)
        deb = self.path('kernel.deb')
        subprocess.run(['dpkg-deb', '-b', tree, deb], check=True, stdout=subprocess.DEVNULL)
        return deb

    def guest(self, *args, env=None, **kwargs):
        kwargs.setdefault('stdin', subprocess.DEVNULL)
        return subprocess.run([*PROGRAM, '--stock', '--no-x', *args], env={**self.env, **(env or {})},
                              capture_output=True, text=True, timeout=60, check=False, **kwargs)

    def left_over(self):
        return os.listdir(self.path('tmp'))

    def close(self):
        shutil.rmtree(self.folder)


class TestCase(unittest.TestCase):
    def setUp(self):
        self.sandbox = Sandbox()
        self.addCleanup(self.sandbox.close)

    def tearDown(self):
        self.assertEqual(self.sandbox.left_over(), [])
        found = subprocess.run(['pgrep', '-af', self.sandbox.folder], capture_output=True, text=True,
                               check=False)
        self.assertEqual(found.stdout, '', 'processes are left')

    def guest(self, *args, **kwargs):
        return self.sandbox.guest(*args, **kwargs)

    def fails(self, pattern, *args, status=1, **kwargs):
        done = self.guest(*args, **kwargs)
        self.assertRegex(done.stderr, pattern)
        self.assertNotIn('Traceback', done.stderr)
        self.assertEqual(done.returncode, status)
        return done


class Commands(TestCase):
    def test_output_and_status(self):
        done = self.guest('--', 'sh', '-c', 'echo out; echo err >&2; exit 42')
        self.assertEqual((done.returncode, done.stdout), (42, 'out\n'))
        self.assertTrue(done.stderr.endswith('err\n'))

    def test_arguments_as_they_are(self):
        words = ['a b', "it's", '"', '$HOME', '', '*', '\\', 'new\nline', '--shot', 'ü']
        done = self.guest('--', 'printf', '[%s]', *words)
        self.assertEqual(done.stdout, ''.join(f'[{word}]' for word in words))

    def test_folder_and_environment(self):
        done = self.guest('--env', 'A=b c=d', '--', 'sh', '-c', 'pwd; echo "$A"; echo "$DISPLAY"',
                          cwd='/usr/share', env={'DISPLAY': ':77'})
        self.assertEqual(done.stdout, '/usr/share\nb c=d\n\n')

    def test_input(self):
        text = 'line\n' * 100000
        done = self.guest('--', 'md5sum', input=text, stdin=None)
        self.assertEqual(done.stdout.split()[0],
                         subprocess.run(['md5sum'], input=text, capture_output=True, text=True,
                                        check=True).stdout.split()[0])

    def test_much_output(self):
        done = self.guest('--', 'sh', '-c', 'seq 400000; seq 400000 >&2')
        self.assertEqual(done.stdout.count('\n'), 400000)
        self.assertGreaterEqual(done.stderr.count('\n'), 400000)

    def test_output_comes_at_once(self):
        with subprocess.Popen([*PROGRAM, '--stock', '--no-x', '--', 'sh', '-c', 'echo a; sleep 30'],
                              env=self.sandbox.env, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL) as process:
            self.assertEqual(process.stdout.readline(), b'a\n')
            self.assertIsNone(process.poll())
            process.send_signal(signal.SIGTERM)
            self.assertEqual(process.wait(20), 128 + signal.SIGTERM)

    def test_time_is_over(self):
        begin = time.monotonic()
        self.fails(r'sleep was ended after 1 s', '--timeout', '1', '--', 'sleep', '50', status=124)
        self.fails(r'sh was ended after 1 s', '--timeout', '1', '--', 'sh', '-c',
                   'trap "" TERM; while :; do sleep 1; done', status=124)
        self.assertLess(time.monotonic() - begin, 30)

    def test_seconds_are_no_failure(self):
        self.assertEqual(self.guest('--seconds', '1', '--', 'sleep', '50').returncode, 0)

    def test_signal(self):
        self.fails('SIGSEGV', '--', 'sh', '-c', 'kill -SEGV $$', status=139)

    def test_background_processes_do_not_hold_it(self):
        begin = time.monotonic()
        done = self.guest('--', 'sh', '-c', 'sleep 5 & echo x')
        self.assertEqual(done.stdout, 'x\n')
        self.assertLess(time.monotonic() - begin, 4.5)

    def test_reader_goes_away(self):
        text = ' '.join([*PROGRAM, '--stock', '--no-x', '--', 'yes']) + ' | head -n 1'
        done = subprocess.run(['bash', '-c', text + '; echo ${PIPESTATUS[0]}'], env=self.sandbox.env,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
                              check=False)
        self.assertEqual(done.stdout, 'y\n141\n')
        self.assertNotIn('Traceback', done.stderr)

    def test_out_is_kept(self):
        out = self.sandbox.path('kept')
        done = self.guest('--out', out, '--serial', self.sandbox.path('serial'), '--',
                          'sh', '-c', 'echo result >"$VERGLAS_OUT/result"')
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn('result', os.listdir(out))
        with open(self.sandbox.path('serial'), encoding='ascii') as f:
            self.assertIn('Linux', f.read())

    def test_shell_has_a_terminal(self):
        pid, master = pty.fork()
        if pid == 0:
            os.execvpe(PROGRAM[0], [*PROGRAM, '--stock', '--no-x', '--shell', '--', 'sh'],
                       self.sandbox.env)
        said = b''
        os.write(master, b'tty; stty size; exit 7\n')
        try:
            while select.select([master], [], [], 30)[0]:
                said += os.read(master, 4096)
            os.kill(pid, signal.SIGKILL)
        except OSError:  # EIO: the last one has closed it
            pass
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 7)
        self.assertRegex(said, rb'/dev/pts/\d+')


class Failures(TestCase):
    def test_usage(self):
        for args in ([], ['--size', 'big', '--', 'true'], ['--trace', 'glxgears'],
                     ['--timeout', '0', '--', 'true'], ['--env', 'x', '--', 'true']):
            self.fails('bin/guest: error: ', *args, status=2)

    def test_no_program(self):
        self.fails('there is no program does-not-exist', '--', 'does-not-exist')
        self.fails('there is no program /does/not/exist', '--', '/does/not/exist')

    def test_no_qemu(self):
        os.unlink(self.sandbox.path('bin', 'qemu-system-x86_64'))
        path = self.sandbox.path('few')
        os.mkdir(path)
        for each in ('strip', 'apt-cache', 'Xvfb', 'xwininfo', 'true'):
            if shutil.which(each):
                os.symlink(shutil.which(each), os.path.join(path, each))
        self.fails('qemu-system-x86_64 is not installed', '--', 'true', env={'PATH': path})

    def test_no_display(self):
        self.sandbox.program('Xvfb', '#!/bin/sh\necho "cannot open" >&2; exit 1\n')
        self.fails('no display for the guest: .*cannot open', '--', 'true')
        os.unlink(self.sandbox.path('bin', 'Xvfb'))
        self.fails('QEMU has no display: OpenGL', '--', 'true', env={'FAKE_QEMU': 'refuse'})

    def test_boot_takes_too_long(self):
        self.fails('the guest did not start within 1 s', '--boot-timeout', '1', '--', 'true',
                   env={'FAKE_QEMU': 'hang'})

    def test_panic(self):
        done = self.fails('the guest panicked: Fatal exception', '--', 'true',
                          env={'FAKE_QEMU': 'panic'})
        self.assertIn('NULL pointer', done.stderr)
        self.assertLess(done.stderr.count('more'), 30)

    def test_qemu_dies_meanwhile(self):
        crash = self.sandbox.path('crash')
        self.fails('QEMU ended with status 137: signal SIGKILL', '--', 'sh', '-c',
                   f'touch {crash}; sleep 30; exit 0', env={'FAKE_QEMU': 'crash',
                                                            'FAKE_CRASH': crash})
        subprocess.run(['pkill', '-f', f'touch {crash}'], check=False)

    def test_signals_clean_up(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with subprocess.Popen([*PROGRAM, '--stock', '--no-x', '--', 'sh', '-c',
                                   'echo up; sleep 30'], env=self.sandbox.env,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  stdin=subprocess.DEVNULL) as process:
                process.stdout.readline()
                process.send_signal(number)
                _, err = process.communicate(timeout=20)
                self.assertEqual(process.returncode, 128 + number)
                self.assertNotIn(b'Traceback', err)
            self.assertEqual(self.sandbox.left_over(), [])


class Kernels(TestCase):
    def downloads(self):
        try:
            with open(self.sandbox.env['FAKE_LOG'], encoding='ascii') as f:
                return sum(line.startswith('download') for line in f)
        except FileNotFoundError:
            return 0

    def one(self, name):
        found, = glob.glob(self.sandbox.path('cache', 'verglas', 'guest', '6*', name))
        return found

    def test_download_once(self):
        for _ in range(2):
            self.assertEqual(self.guest('--', 'true').returncode, 0)
        self.assertEqual(self.downloads(), 1)

    def test_damage_is_repaired(self):
        self.guest('--', 'true')
        with open(self.one('vmlinuz'), 'r+b') as f:
            f.truncate(10)
        self.assertEqual(self.guest('--', 'true').returncode, 0)
        self.assertEqual(self.downloads(), 2)
        # A damaged initramfs needs no download.
        good = os.path.getsize(self.one('initramfs-*.cpio'))
        with open(self.one('initramfs-*.cpio'), 'r+b') as f:
            f.truncate(10)
        self.assertEqual(self.guest('--', 'true').returncode, 0)
        self.assertEqual(os.path.getsize(self.one('initramfs-*.cpio')), good)
        self.assertEqual(self.downloads(), 2)

    def test_newer_one_is_taken(self):
        self.guest('--', 'true')
        for version in '23':
            self.assertEqual(self.guest('--', 'true', env={'FAKE_VERSION': version}).returncode, 0)
        self.assertEqual(self.downloads(), 3)
        # The one before it stays.
        self.assertEqual(sorted(os.listdir(self.sandbox.path('cache', 'verglas', 'guest'))),
                         [RELEASE + '_2', RELEASE + '_3', 'lock'])

    def test_older_one_is_better_than_none(self):
        offline = {'FAKE_OFFLINE': '1', 'FAKE_VERSION': '2'}
        self.fails('cannot download .*Could not resolve', '--', 'true', env=offline)
        self.guest('--', 'true')
        done = self.guest('--', 'true', env=offline)
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stderr, 'warning: cannot download .*; using ' + re.escape(RELEASE))

    def test_interrupted_download_leaves_nothing(self):
        cache = self.sandbox.path('cache', 'verglas', 'guest')
        os.makedirs(os.path.join(cache, '.partial-x', 'lib'))
        self.assertEqual(self.guest('--', 'true').returncode, 0)
        self.assertFalse([name for name in os.listdir(cache) if name.startswith('.partial')])

    def test_initramfs(self):
        self.guest('--', 'true')
        with open(self.one('initramfs-*.cpio'), 'rb') as f:
            listed = subprocess.run(['busybox', 'cpio', '-t'], stdin=f, capture_output=True,
                                    text=True, check=True).stdout.split()
        self.assertIn('init', listed)
        self.assertIn('bin/busybox', listed)
        self.assertIn('modules/virtio_ring.ko', listed)
        with open(self.one('initramfs-*.cpio'), 'rb') as f:
            order = subprocess.run(['busybox', 'cpio', '-i', '--to-stdout', 'modules/boot'], stdin=f,
                                   capture_output=True, text=True, check=True).stdout.split()
        self.assertLess(order.index('virtio_ring.ko'), order.index('virtio_pci.ko'))


class Reports(unittest.TestCase):
    """What is made of the device's log and of the counter's reports."""

    LOG = '''1@10.000000:virtio_gpu_cmd_ctx_create ctx 0x1, name Xorg
1@10.100000:virtio_gpu_cmd_ctx_create ctx 0x2, name glxgears
1@10.200000:virtio_gpu_cmd_res_create_3d res 0x5, fmt 0x1, w 8, h 1, d 1
1@10.300000:virtio_gpu_cmd_ctx_res_attach ctx 0x2, res 0x5
1@11.000000:virtio_gpu_cmd_ctx_submit ctx 0x2, size 100
1@12.000000:virtio_gpu_cmd_ctx_submit ctx 0x2, size 300
1@12.500000:virtio_gpu_cmd_ctx_submit ctx 0x1, size 50
1@12.600000:virtio_gpu_cmd_res_xfer_toh_3d res 0x5
something else
1@13.000000:virtio_gpu_cmd_res_unref res 0x5
1@13.100000:virtio_gpu_cmd_set_scanout id 0, res 0x0, w 1, h 1, x 0, y 0
'''

    def setUp(self):
        sys.path.insert(0, os.path.join(ROOT, 'scripts'))
        import guest  # pylint: disable=import-outside-toplevel
        self.guest = guest
        folder = tempfile.mkdtemp(prefix='guest-tool-')
        self.addCleanup(shutil.rmtree, folder)
        self.path = os.path.join(folder, 'trace.log')

    def write(self, text, mode='w'):
        with open(self.path, mode, encoding='ascii') as f:
            f.write(text)

    def test_counts_by_program(self):
        self.write(self.LOG)
        counts = self.guest.Trace(self.path).counts()
        self.assertEqual(counts.of('glxgears'), {
            'CTX_CREATE': 1, 'RESOURCE_CREATE_3D': 1, 'CTX_ATTACH_RESOURCE': 1, 'SUBMIT_3D': 2,
            'TRANSFER_TO_HOST_3D': 1, 'RESOURCE_UNREF': 1})
        self.assertEqual(counts.others('glxgears')['SUBMIT_3D'], 1)
        self.assertEqual(counts.total['SUBMIT_3D'], 3)
        self.assertEqual(counts.bytes[2], 400)
        self.assertEqual(counts.of('nobody'), {})

    def test_marks_and_times(self):
        head, tail = self.LOG.split('1@12.0', 1)
        self.write(head + '1@12')  # half a line is there
        trace = self.guest.Trace(self.path)
        mark = trace.mark()
        self.assertEqual(trace.counts().of('glxgears')['SUBMIT_3D'], 1)
        self.assertEqual(trace.resources(), 1)
        self.write('.0' + tail, 'a')
        self.assertEqual(trace.counts(None, mark).of('glxgears')['SUBMIT_3D'], 1)
        self.assertEqual(trace.counts(mark).of('glxgears')['SUBMIT_3D'], 1)
        self.assertEqual(trace.counts(mark).of('glxgears')['RESOURCE_CREATE_3D'], 0)
        self.assertEqual(trace.counts_between(10.5, 11.5).total, {'SUBMIT_3D': 1})
        self.assertEqual(trace.resources(), 0)

    def test_ioctl_report(self):
        report = {'program': 'p', 'pid': 1, 'frames': 1000, 'seconds': 10.0,
                  'ioctls': {'WAIT': {'calls': 3, 'failed': 1, 'ns': 10}},
                  'patterns': [
                      {'frames': 1, 'first': 0, 'last': 0, 'ioctls': {'MAP': 9}},
                      {'frames': 998, 'first': 1, 'last': 999, 'ioctls': {'EXECBUFFER': 1}},
                      {'frames': 1, 'first': 500, 'last': 500, 'ioctls': {'WAIT': 2}}],
                  'samples': [{'frame': f, 'fds': n, 'maps': 5, 'device_maps': 1, 'handles': 4}
                              for f, n in ((50, 9), (100, 3), (500, 8), (1000, 4))]}
        with open(self.path, 'w', encoding='ascii') as f:
            json.dump(report, f)
        report = self.guest.IoctlReport(self.path)
        self.assertEqual(report.steady(), [(998, {'EXECBUFFER': 1}), (1, {'WAIT': 2})])
        self.assertEqual(report.steady_calls(), ({'EXECBUFFER': 998, 'WAIT': 2}, 999))
        self.assertEqual(report.failed, {'WAIT': 1})
        self.assertEqual(report.growth()['fds'], (5, 1))
        self.assertEqual(report.growth()['maps'], (0, 0))


class Counter(unittest.TestCase):
    """The library that counts ioctls; without a device each of them fails."""

    def test_counts(self):
        build = os.environ.get('VERGLAS_BUILD') or os.path.join(ROOT, 'build')
        library = os.path.join(build, 'tests', 'guest', 'libioctl_counter.so')
        if not os.path.exists(library):
            self.skipTest(f'{library} is not built')
        folder = tempfile.mkdtemp(prefix='guest-tool-')
        self.addCleanup(shutil.rmtree, folder)
        # GEM_CLOSE three times; something that is no DRM device's; all of it again in a child.
        program = ('import array, fcntl, os\nf = open("/dev/null")\nos.fork() and os.wait()\n'
                   'for request in (0x40086409,) * 3 + (0x5413,):\n'
                   '   try: fcntl.ioctl(f, request, array.array("B", bytes(64)))\n'
                   '   except OSError as error: assert error.errno == 25\n')
        subprocess.run([sys.executable, '-c', program], check=True, env={
            **os.environ, 'LD_PRELOAD': library, 'VERGLAS_IOCTLS': os.path.join(folder, 'r')})
        found = glob.glob(os.path.join(folder, 'r.*.json'))
        self.assertEqual(len(found), 2)
        for path in found:
            with open(path, encoding='ascii') as f:
                report = json.load(f)
            self.assertEqual(report['frames'], 0)
            self.assertEqual(list(report['ioctls']), ['GEM_CLOSE'])
            self.assertEqual(report['ioctls']['GEM_CLOSE']['calls'], 3)
            self.assertEqual(report['ioctls']['GEM_CLOSE']['failed'], 3)
            self.assertGreaterEqual(report['samples'][-1]['fds'], 3)


if __name__ == '__main__':
    unittest.main()
