# SPDX-License-Identifier: MIT
"""render: every scene of verglas-render, drawn by the driver under test and by native llvmpipe.

The host renders with the same llvmpipe, so the images agree to the last bit save where a shader
takes another way through the compiler: a channel may be off by TOLERANCE, and a share of SHARE of
the pixels by more, for edges that fall just so.
"""

import concurrent.futures
import contextlib
import os
import shutil
import subprocess
import threading

import verglas_host
from harness import gtest
from harness.images import Difference, Image

NAME = 'render'
TOLERANCE = 2
SHARE = 0.0005
SCENE_SECONDS = 60
VENDORS = {'verglas': 'Verglas', 'stock': 'Mesa'}
# Every scene once more in each of these ways: what hosts of other ages take, and the driver without
# its own thread, with each of its submissions held against the protocol's description.
WAYS = {
    'vtest version 0': {'VERGLAS_VTEST_VERSION': '0'},
    'vtest version 3': {'VERGLAS_VTEST_VERSION': '3'},
    'one thread, validated': {'GALLIUM_THREAD': '0', 'VERGLAS_DEBUG': 'validate'},
}

# Scenes by the beginning of their names that a way cannot have: where a server shares no memory, nothing
# can stay mapped.
WITHOUT = {'vtest version 0': 'coherent-'}


def program(config):
    path = os.path.join(config.build, 'tests', 'render', 'verglas-render')
    path = os.environ.get('VERGLAS_RENDER_PROGRAM', path)
    if not os.access(path, os.X_OK):
        raise verglas_host.HostError(f'{path} is not built (libepoxy-dev and libx11-dev are needed)')
    return path


def scene_names(path):
    done = subprocess.run([path, '--list'], capture_output=True, text=True, check=True)
    return done.stdout.split()


def draw(path, scene, folder, env):
    """Draw a scene; None, or what went wrong in a line."""
    os.makedirs(folder, exist_ok=True)
    log_path = os.path.join(folder, scene + '.log')
    with open(log_path, 'wb') as log:
        process = verglas_host.spawn([path, scene, folder], env=env, stdout=log, stderr=log)
        try:
            status = process.wait(SCENE_SECONDS)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            verglas_host.end(process)
    if status == 0:
        return None
    said = verglas_host.last_line(log_path)
    if status is None:
        return f'hangs for {SCENE_SECONDS} s'
    if status < 0:
        return f'crash (signal {-status}) {said}'.strip()
    return said or f'exit status {status}'


def read_notes(path):
    """(vendor, [value lines]) of a scene's text file."""
    with open(path, encoding='utf-8') as f:
        lines = f.read().splitlines()
    vendor = next((line[7:] for line in lines if line.startswith('vendor ')), '')
    return vendor, [line[6:] for line in lines if line.startswith('value ')]


def compare_values(got, wanted):
    for a, b in zip(got, wanted):
        if a != b:
            return f'value "{a}" instead of "{b}"'
    if len(got) != len(wanted):
        return f'{len(got)} values instead of {len(wanted)}'
    return None


def judge(scene, folder, driver, drawn=None):
    """Compare what FOLDER/DRAWN (or DRIVER) has with FOLDER/native; None, or what is wrong in a line."""
    mine, native = (os.path.join(folder, d, scene) for d in (drawn or driver, 'native'))
    vendor, got_values = read_notes(mine + '.txt')
    native_vendor, wanted_values = read_notes(native + '.txt')
    if VENDORS.get(driver) not in (None, vendor.split('/')[0].split()[0] if vendor else ''):
        return f'drawn by vendor "{vendor}", which is not the driver under test'
    if driver != 'stock' and vendor == native_vendor:
        return f'both images are of vendor "{vendor}"'
    got, wanted = Image.read_pam(mine + '.pam'), Image.read_pam(native + '.pam')
    if wanted.shades() < 2:
        return 'the native image is empty: the scene tests nothing'
    difference = Difference(got, wanted, TOLERANCE)
    reason = difference.reason(SHARE)
    if reason:
        got.write_png(mine + '.png')
        wanted.write_png(native + '.png')
        picture = difference.picture(wanted.width, wanted.height)
        if picture:
            picture.write_png(os.path.join(folder, scene + '.difference.png'))
        return reason
    return compare_values(got_values, wanted_values)


def self_test(report, folder):
    """The comparison must refuse a wrong image, or none of the results below means anything."""
    good = bytes(range(256)) * 256 * 4
    good = good[:64 * 64 * 4]

    def verdict(pixels, tolerance=TOLERANCE):
        return Difference(Image(64, 64, bytes(pixels)), Image(64, 64, good), tolerance).reason(SHARE)

    shifted = good[4:] + good[:4]
    near = bytearray(good)
    for i in range(0, len(near), 4):
        near[i] = near[i] + 1 if near[i] < 255 else 254
    few, many = bytearray(good), bytearray(good)
    for n, image in ((2, few), (3, many)):
        for k in range(n):
            image[k * 400] ^= 0x80
    missing = bytearray(good)
    missing[3::4] = bytes(len(missing) // 4)
    cases = {
        'an equal image is accepted': verdict(good) is None,
        'a channel off by one is accepted': verdict(near) is None,
        'a shifted image is refused': verdict(shifted) is not None,
        'a few stray pixels are accepted': verdict(few) is None,
        'more of them are refused': verdict(many) is not None,
        'wrong alpha is refused': verdict(missing) is not None,
        'another size is refused':
            Difference(Image(32, 128, good), Image(64, 64, good), 2).reason(SHARE) is not None,
        'an empty image is seen as such': Image(64, 64, b'\1\2\3\4' * 4096).shades() == 1,
        'other values are refused': compare_values(['a 1'], ['a 2']) is not None,
        'missing values are refused': compare_values(['a 1'], ['a 1', 'b 2']) is not None,
    }
    for name, good_result in cases.items():
        if good_result:
            report.passed(name)
        else:
            report.failed(f'render self-test: {name}', 'it is not')
    # And over the whole way, with files: a scene against the image of another one.
    for driver, tone in (('verglas', 7), ('native', 9)):
        os.makedirs(os.path.join(folder, driver), exist_ok=True)
        base = os.path.join(folder, driver, 'self-test')
        with open(base + '.pam', 'wb') as f:
            f.write(b'P7\nWIDTH 64\nHEIGHT 64\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n'
                    + bytes((b * tone) % 256 for b in good))
        with open(base + '.txt', 'w', encoding='utf-8') as f:
            f.write(f'vendor {"Verglas" if driver == "verglas" else "Mesa/X.org"}\n')
    reason = judge('self-test', folder, 'verglas')
    if reason and 'pixels differ' in reason:
        report.passed('self-test with files')
    else:
        report.failed('render self-test with files', f'a wrong image was accepted ({reason})')


def report_each(report, scenes, judged, way=''):
    """JUDGED says of a scene what is wrong, or None; as many at a time as there are CPUs."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        for scene, reason in zip(scenes, pool.map(judged, scenes)):
            if reason is None:
                report.passed(f'{scene}{way}')
            else:
                report.failed(f'render {scene}{way}', reason)


def run_ways(report, config, host, path, folder, scenes):
    """The scenes again in all WAYS, against the native images that run() has drawn."""
    # Windows on one screen would cover each other; one way is enough for those.
    scenes = [s for s in scenes if not s.startswith('present-window')]
    for way, extra in WAYS.items():
        env = dict(host.env(config.driver), **extra)
        drawn = f'{config.driver}, {way}'
        possible = [s for s in scenes if way not in WITHOUT or not s.startswith(WITHOUT[way])]

        def one(scene):
            trouble = draw(path, scene, os.path.join(folder, drawn), env)
            return trouble or judge(scene, folder, config.driver, drawn)

        report_each(report, possible, one, f' ({way})')


def run_sanitized(report, config, host, folder, scenes):
    """The scenes once more with AddressSanitizer and UndefinedBehaviorSanitizer in the driver."""
    build = gtest.sanitizer_build(config)
    targets = ['src/gallium/targets/dri/dri-folder.stamp', 'tests/render/verglas-render']
    report.say('render: building the sanitized driver')
    gtest.command(['ninja', '-C', build] + targets, os.path.join(folder, 'build-sanitized.log'))
    path = os.path.join(build, targets[1])
    drawn = f'{config.driver}, sanitized'
    # What Mesa keeps until the end of the process is its own affair.
    env = dict(host.env(config.driver), ASAN_OPTIONS='detect_leaks=0',
               LIBGL_DRIVERS_PATH=os.path.join(build, 'dri'))

    def one(scene):
        trouble = draw(path, scene, os.path.join(folder, drawn), env)
        with open(os.path.join(folder, drawn, scene + '.log'), encoding='utf-8',
                  errors='replace') as log:
            complaint = next((line.strip() for line in log
                              if any(c in line for c in gtest.COMPLAINTS)), None)
        return complaint or trouble or judge(scene, folder, config.driver, drawn)

    scenes = [s for s in scenes if not s.startswith('present-window')]
    report_each(report, scenes, one, ' (sanitized)')


def run_gles_host(report, config, path, folder, scenes):
    """The scenes of GLES on a host that has GLES only. Of desktop GL such a host lacks too much."""
    scenes = [s for s in scenes if s.startswith(('es2-', 'es3-'))]
    drawn = f'{config.driver}, GLES host'
    with verglas_host.Host(gles=True, private_display=True) as host:
        env = host.env(config.driver)

        def one(scene):
            trouble = draw(path, scene, os.path.join(folder, drawn), env)
            return trouble or judge(scene, folder, config.driver, drawn)

        report_each(report, scenes, one, ' (GLES host)')


def run(report, config, only=None):
    folder = config.log_folder(NAME)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    self_test(report, os.path.join(folder, 'self-test'))
    path = program(config)
    window_lock = threading.Lock()
    scenes = [s for s in scene_names(path) if not only or s in only]

    with verglas_host.Host(private_display=True) as host:
        envs = {d: host.env(d) for d in (config.driver, 'native')}

        def draw_all(scene):
            for driver in ('native', config.driver):
                trouble = draw(path, scene, os.path.join(folder, driver), envs[driver])
                if trouble:
                    return ('on native llvmpipe: ' if driver == 'native' else '') + trouble
            return None

        def one(scene):
            # Two windows on one screen would cover each other.
            with window_lock if scene.startswith('present-window') else contextlib.nullcontext():
                trouble = draw_all(scene)
            return trouble or judge(scene, folder, config.driver)

        report_each(report, scenes, one)
        if config.driver == 'verglas':
            run_ways(report, config, host, path, folder, scenes)
            run_sanitized(report, config, host, folder, scenes)
            run_gles_host(report, config, path, folder, scenes)
        if not host.server.alive():
            report.failed('render server', 'virgl_test_server died during the run')
