# SPDX-License-Identifier: MIT
"""The guest's kernel: Debian's own, downloaded and unpacked in the cache, never installed.

The cache has a folder per version of the package:

    ~/.cache/verglas/guest/VERSION/vmlinuz, vmlinux
                                   lib/modules/RELEASE/   with modules.dep
                                   manifest.json          sizes and digests of what a boot needs
                                   initramfs-DIGEST.cpio

A folder appears by one rename, so it is whole or not there at all. What a boot needs is compared
with the manifest each time; a folder that does not agree is made anew.
"""

import contextlib
import fcntl
import hashlib
import json
import lzma
import os
import re
import shutil
import stat
import struct
import subprocess
import tempfile

from guest.errors import GuestError
from verglas_host import find_program, last_line, note, warn

PACKAGE = 'linux-image-amd64'
# What init loads, in this order; what they need in turn is found in modules.dep. The first ones
# are needed to reach the host's files, those after the bar are loaded meanwhile.
MODULES_BOOT = ('virtio_pci', '9pnet_virtio', '9p', 'overlay')
MODULES_LATER = ('virtio_console', 'virtio-gpu', 'virtio-rng', 'evdev')
INIT = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'init')
BUSYBOX = '/bin/busybox'
UNPACKED_MIB = 900  # the package, and the tree unpacked from it


def cache_folder():
    """Where kernels are kept."""
    cache = os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache')
    return os.path.join(os.path.abspath(cache), 'verglas', 'guest')


def _digest(path):
    with open(path, 'rb') as f:
        return hashlib.sha256(f.read()).hexdigest()


def _query(*args):
    try:
        return subprocess.run(args, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=60, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ''


def _candidate():
    """(package, version) of the newest kernel that apt knows, or None."""
    meta = _query('apt-cache', 'show', '--no-all-versions', PACKAGE)
    found = re.search(r'^Depends: .*?(linux-image-[0-9][^ ,]*-amd64) \(= ([^)]+)\)', meta, re.M)
    if found:
        return found[1], found[2]
    return None


class Kernel:
    """An unpacked kernel: vmlinuz, modules, and what init is given of them."""

    def __init__(self, folder):
        self.folder = folder
        with open(os.path.join(folder, 'manifest.json'), encoding='utf-8') as f:
            self.manifest = json.load(f)
        self.image = os.path.join(folder, self.manifest['image'])
        self.release = self.manifest['release']
        self.modules = os.path.join(folder, 'lib', 'modules', self.release)

    def whole(self):
        """Whether everything that a boot needs is as it was unpacked."""
        try:
            return all(_digest(os.path.join(self.folder, name)) == digest
                       for name, digest in self.manifest['files'].items())
        except OSError:
            return False

    def initramfs(self):
        """The path of the initramfs; it is made at first use, and after a change of init."""
        needed = [name for name in self.manifest['files'] if name.endswith('.ko')]
        try:
            key = hashlib.sha256(json.dumps(self.manifest, sort_keys=True).encode())
            for path in (INIT, BUSYBOX, os.path.abspath(__file__)):
                key.update(_digest(path).encode())
        except OSError as error:
            raise GuestError(f'cannot read {error.filename}: {error.strerror}') from None
        path = os.path.join(self.folder, f'initramfs-{key.hexdigest()[:16]}.cpio')
        # Its digest guards against one that was cut short by a crash of the machine.
        with contextlib.suppress(OSError):
            with open(path + '.sha256', encoding='ascii') as f:
                if f.read().strip() == _digest(path):
                    return path
        archive = Cpio()
        for folder in ('bin', 'dev', 'proc', 'sys', 'root', 'modules', 'host', 'scratch'):
            archive.folder(folder)
        archive.device('dev/console', 5, 1)
        archive.file('init', INIT, 0o755)
        archive.file('bin/busybox', BUSYBOX, 0o755)
        lists = {'boot': MODULES_BOOT, 'later': MODULES_LATER}
        for name in needed:
            archive.file('modules/' + os.path.basename(name), os.path.join(self.folder, name), 0o644)
        done = []
        for name, wanted in lists.items():
            order = [m for m in load_order(self.modules, wanted) if m not in done]
            done += order
            archive.text(f'modules/{name}', ''.join(os.path.basename(m) + '\n' for m in order))
        content = archive.finish()
        try:
            for old in os.listdir(self.folder):
                if old.startswith('initramfs-'):
                    os.unlink(os.path.join(self.folder, old))
            _write(path, content)
            _write(path + '.sha256', hashlib.sha256(content).hexdigest().encode())
        except OSError as error:
            raise GuestError(f'cannot write {path}: {error.strerror}') from None
        return path


def _write(path, content):
    with tempfile.NamedTemporaryFile(dir=os.path.dirname(path), delete=False) as f:
        try:
            f.write(content)
            f.close()
            os.replace(f.name, path)
        except BaseException:
            os.unlink(f.name)
            raise


def load_order(modules, wanted):
    """The modules (paths below MODULES) to load for WANTED, each after those that it needs."""
    paths, needs = {}, {}
    with open(os.path.join(modules, 'modules.dep'), encoding='utf-8') as f:
        for line in f:
            path, _, others = line.partition(':')
            paths[os.path.basename(path).removesuffix('.ko').replace('-', '_')] = path
            needs[path] = others.split()
    order = []
    for name in wanted:
        path = paths.get(name.replace('-', '_'))
        if path is None:
            continue  # built into the kernel
        # depmod lists what is needed with the most dependent first.
        for each in [*reversed(needs[path]), path]:
            if each not in order:
                order.append(each)
    return order


class Cpio:
    """An initramfs archive ("newc", Documentation/driver-api/early-userspace/buffer-format)."""

    def __init__(self):
        self.parts = []
        self.inode = 0

    def _add(self, name, mode, data=b'', device=(0, 0)):
        self.inode += 1
        name = name.encode() + b'\0'
        fields = (self.inode, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(name), 0)
        head = b'070701' + b''.join(b'%08x' % field for field in fields) + name
        self.parts += [head, b'\0' * (-len(head) % 4), data, b'\0' * (-len(data) % 4)]

    def folder(self, name):
        self._add(name, stat.S_IFDIR | 0o755)

    def device(self, name, major, minor):
        self._add(name, stat.S_IFCHR | 0o600, device=(major, minor))

    def file(self, name, path, mode):
        with open(path, 'rb') as f:
            self._add(name, stat.S_IFREG | mode, f.read())

    def text(self, name, text):
        self._add(name, stat.S_IFREG | 0o644, text.encode())

    def link(self, name, target):
        self._add(name, stat.S_IFLNK | 0o777, target.encode())

    def finish(self):
        self._add('TRAILER!!!', 0)
        return b''.join(self.parts)


def _decompress(vmlinuz, vmlinux):
    """Take the kernel out of its bzImage; False where we do not know how.

    An emulated processor needs seconds to do it, and QEMU can enter a bare kernel by its PVH note.
    """
    with open(vmlinuz, 'rb') as f:
        image = f.read()
    # Documentation/arch/x86/boot.rst: setup_sects, payload_offset, payload_length.
    if image[0x202:0x206] != b'HdrS':
        return False
    offset, length = struct.unpack_from('<II', image, 0x248)
    start = ((image[0x1f1] or 4) + 1) * 512 + offset
    try:
        kernel = lzma.LZMADecompressor(lzma.FORMAT_XZ).decompress(image[start:start + length])
    except lzma.LZMAError:
        return False
    if not kernel.startswith(b'\x7fELF'):
        return False
    with open(vmlinux, 'wb') as f:
        f.write(kernel)
    return True


def _download(package, version, folder):
    """Have apt put the package into FOLDER; its path."""
    log_path = os.path.join(folder, 'apt.log')
    wanted = f'{package}={version}'
    for attempt in ('as it is', 'after an update'):
        with open(log_path, 'wb') as log:
            # apt's own downloader may not write into our folder, which is private: it then
            # falls back to doing so as the caller, and says so.
            done = subprocess.run(['apt-get', 'download', '-q', wanted], cwd=folder, check=False,
                                  stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        found = [name for name in os.listdir(folder) if name.endswith('.deb')]
        if done.returncode == 0 and found:
            return os.path.join(folder, found[0])
        # The lists may be older than what the archive holds now.
        if attempt != 'as it is' or os.geteuid() != 0:
            break
        subprocess.run(['apt-get', 'update', '-q'], check=False, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        package_now = _candidate()
        if package_now:
            wanted = '='.join(package_now)
    raise GuestError(f'cannot download {wanted}: ' + (last_line(log_path) or 'apt says nothing'))


def _unpack(deb, folder):
    """Make FOLDER a kernel's folder."""
    tree = os.path.join(folder, 'tree')
    done = subprocess.run(['dpkg-deb', '-x', deb, tree], stdin=subprocess.DEVNULL, check=False,
                          capture_output=True, text=True)
    if done.returncode != 0:
        raise GuestError('cannot unpack the kernel: '
                         + (done.stderr.strip().splitlines() or ['dpkg-deb failed'])[-1])
    try:
        release, = os.listdir(os.path.join(tree, 'lib', 'modules'))
        os.replace(os.path.join(tree, 'boot', 'vmlinuz-' + release), os.path.join(folder, 'vmlinuz'))
        os.replace(os.path.join(tree, 'lib'), os.path.join(folder, 'lib'))
    except (OSError, ValueError) as error:
        raise GuestError(f'{os.path.basename(deb)} is no kernel as we know them: {error}') from None
    shutil.rmtree(tree)
    os.unlink(deb)
    depmod = shutil.which('depmod', path=os.environ.get('PATH', '') + ':/usr/sbin:/sbin')
    if depmod is None:
        raise GuestError('depmod is not installed (Debian package kmod)')
    done = subprocess.run([depmod, '-b', folder, release], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise GuestError('depmod failed: ' + (done.stderr.strip().splitlines() or ['?'])[-1])
    modules = os.path.join('lib', 'modules', release)
    needed = [os.path.join(modules, path) for path in
              load_order(os.path.join(folder, modules), MODULES_BOOT + MODULES_LATER)]
    image = 'vmlinuz'
    if _decompress(os.path.join(folder, image), os.path.join(folder, 'vmlinux')):
        image = 'vmlinux'
    files = [image, os.path.join(modules, 'modules.dep'), *needed]
    with open(os.path.join(folder, 'manifest.json'), 'w', encoding='utf-8') as f:
        json.dump({'release': release, 'image': image,
                   'modules': [*MODULES_BOOT, *MODULES_LATER],
                   'files': {name: _digest(os.path.join(folder, name)) for name in files}}, f)


def _load(folder):
    """The kernel in FOLDER, or None where there is no whole one."""
    with contextlib.suppress(OSError, ValueError, KeyError, AttributeError, TypeError):
        kernel = Kernel(folder)
        if kernel.manifest['modules'] == [*MODULES_BOOT, *MODULES_LATER] and kernel.whole():
            return kernel
    return None


def _fetch(package, version, target):
    note(f'downloading the kernel {package} {version} for the guest')
    free = shutil.disk_usage(os.path.dirname(target)).free >> 20
    if free < UNPACKED_MIB:
        raise GuestError(f'the kernel needs {UNPACKED_MIB} MiB in {os.path.dirname(target)}, where '
                         f'{free} MiB are free')
    partial = tempfile.mkdtemp(prefix='.partial-', dir=os.path.dirname(target))
    try:
        _unpack(_download(package, version, partial), partial)
        if os.path.lexists(target):
            os.rename(target, os.path.join(partial, 'old'))
        os.chmod(partial, 0o755)
        os.rename(partial, target)
        shutil.rmtree(os.path.join(target, 'old'), ignore_errors=True)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _prune(cache, *keep):
    """Of a kernel's folders, half a GiB each, keep KEEP and the one used before them."""
    others = [os.path.join(cache, name) for name in os.listdir(cache) if not name.startswith('.')]
    others = [each for each in others if os.path.isdir(each) and each not in keep]
    for folder in sorted(others, key=os.path.getmtime, reverse=True)[1:]:
        shutil.rmtree(folder, ignore_errors=True)


def find():
    """The newest kernel of the distribution, downloaded if need be."""
    cache = cache_folder()
    try:
        os.makedirs(cache, exist_ok=True)
        lock = os.open(os.path.join(cache, 'lock'), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise GuestError(f'cannot write to {cache}: {error.strerror}') from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _find_locked(cache)
    except OSError as error:
        raise GuestError(f'cannot prepare a kernel in {cache}: {error.strerror}') from None
    finally:
        os.close(lock)


def _find_locked(cache):
    for name in os.listdir(cache):
        if name.startswith('.partial-'):  # of a run that was killed: we hold the lock
            shutil.rmtree(os.path.join(cache, name), ignore_errors=True)
    find_program('apt-cache', 'apt')
    newest = _candidate()
    problem = f'apt knows no package {PACKAGE}: run apt-get update'
    if newest:
        target = os.path.join(cache, f'{newest[0].removeprefix("linux-image-")}_{newest[1]}')
        kernel = _load(target)
        if kernel:
            return kernel
        try:
            _fetch(*newest, target)
            kernel = _load(target)
            if kernel:
                _prune(cache, target)
                return kernel
            problem = f'the kernel in {target} is not what was unpacked'
        except GuestError as error:
            problem = str(error)
    # An older one is better than none: without a network, say.
    others = [os.path.join(cache, name) for name in os.listdir(cache) if not name.startswith('.')]
    for folder in sorted(filter(os.path.isdir, others), key=os.path.getmtime, reverse=True):
        kernel = _load(folder)
        if kernel:
            warn(f'{problem}; using {kernel.release}')
            return kernel
    raise GuestError(problem)
