# SPDX-License-Identifier: MIT
"""guest: one boot of a guest (see docs/guest.md), and all that is to be checked in it.

First what runs in X, on glamor; then, with X ended, what drives the device directly. Each program
of tests/guest/ is about one subject and tells its results line by line.
"""

import glob
import os
import shutil
import time

import guest
from guest.errors import GuestError
from guest_checks import direct, piglit_list, pictures, steady, x_session
from guest_checks.bench import Bench

NAME = 'guest'
SIZE = (800, 600)  # no check needs more, and each pixel is drawn by a processor


def self_tests(report):
    """The judges must find what is wrong; these take no guest."""
    for what, wrong in (('pictures', pictures.self_test()), ('steady state', steady.self_test())):
        if wrong:
            report.failed(f'guest: self-test of {what}', 'judged wrongly: ' + ', '.join(wrong))
        else:
            report.passed(f'guest: self-test of {what}')


def programs(config):
    found = glob.glob(os.path.join(config.build, 'tests', 'guest', 'guest-*'))
    found = [each for each in found if os.path.isfile(each) and os.access(each, os.X_OK)]
    if not found:
        raise GuestError(f"there are no programs of the guest suite in {config.build}: bin/setup "
                         'makes them when libgbm-dev, libdrm-dev and libxrender-dev are installed')
    return found


def prepare(config, logs):
    """A share with the programs in it, and the folder of logs, both empty otherwise."""
    shutil.rmtree(logs, ignore_errors=True)
    share = os.path.join(logs, 'share')
    os.makedirs(os.path.join(share, 'bin'))
    for each in programs(config):
        shutil.copy(each, os.path.join(share, 'bin'))
    return share


def boot(report, config, share):
    # Where the counter of ioctls is, and the driver.
    os.environ.setdefault('VERGLAS_BUILD', config.build)
    return guest.Guest(driver=config.driver, size=SIZE, share=share, trace=True)


def run_with(report, config, parts):
    """Boot, run PARTS(bench), and print what it took."""
    if config.driver == 'native':
        raise GuestError('a guest has no native driver: --driver verglas or stock')
    logs = config.log_folder(NAME)
    share = prepare(config, logs)
    began = time.monotonic()
    bench = None
    try:
        with boot(report, config, share) as machine:
            bench = Bench(report, config, machine, logs)
            # Programs are loaded from the guest's memory, not page by page over 9p.
            machine.run(['sh', '-c', f'cp -r {share}/bin /run/verglas/'], timeout=60)
            report.say(f'guest: boot: {time.monotonic() - began:.1f} s')
            report.passed('guest: boot')
            parts(bench)
    except GuestError as error:
        report.failed('guest', str(error))
        for line in error.console:
            report.say(f'   console: {line}')
    shutil.rmtree(os.path.join(share, 'bin'), ignore_errors=True)
    if bench:
        report.say(f'guest: {time.monotonic() - began:.0f} s in all; the longest: ' + ', '.join(
            f'{name} {seconds:.0f} s' for name, seconds in
            sorted(bench.times, key=lambda each: -each[1])[:5]))


def all_parts(bench):
    with bench.part('X starts'):
        bench.machine.start_x()
    if bench.machine.x_alive():
        x_session.run(bench)
        piglit_list.run(bench)
        bench.machine.stop_x()
    direct.run(bench)


def run(report, config):
    self_tests(report)
    run_with(report, config, all_parts)


def record_stock(config, report):
    """Stock virgl's results of the piglit list."""
    def parts(bench):
        bench.machine.start_x()
        piglit_list.record(bench)
    config.driver = 'stock'
    run_with(report, config, parts)
