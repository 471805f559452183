#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Run Verglas' test suites on a build that exists; bin/test makes the build and then calls this.

usage: tests/run.py [--build FOLDER] [--driver NAME] [--record-stock] [SUITE...]

Suites: unit, protocol, render, host, pictures, piglit-smoke, piglit-tool, bench-tool, guest-tool,
guest; all of them without a name.
The last line is 'N passed, N failed, N skipped'. Long logs go to build/test-logs/.
"""

import argparse
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
# In scripts/ is a package named guest, so what is in tests/guest/ is found by other names.
SCRIPTS = os.path.join(os.path.dirname(HERE), 'scripts')
sys.path[:0] = [HERE, SCRIPTS, os.path.join(HERE, 'guest')]
sys.path.append(os.path.join(SCRIPTS, 'bench'))

import verglas_host  # noqa: E402
from harness import gtest  # noqa: E402
from bench_tool import suite as bench_tool  # noqa: E402
from guest_checks import suite as guest  # noqa: E402
from harness.report import Config, Report, ROOT  # noqa: E402
from host import suite as host  # noqa: E402
from pictures import suite as pictures  # noqa: E402
from piglit import suite as piglit  # noqa: E402
from piglit_tool import suite as piglit_tool  # noqa: E402
from render import suite as render  # noqa: E402
from tool import suite as guest_tool  # noqa: E402

SUITES = {
    'unit': lambda report, config: gtest.run(report, config, 'unit'),
    'protocol': lambda report, config: gtest.run(report, config, 'protocol'),
    'render': render.run,
    'host': host.run,
    'pictures': pictures.run,
    'piglit-smoke': piglit.run,
    'piglit-tool': piglit_tool.run,
    'bench-tool': bench_tool.run,
    'guest-tool': guest_tool.run,
    'guest': guest.run,
}


def main():
    parser = argparse.ArgumentParser(description='run test suites')
    parser.add_argument('--build', default=os.environ.get('VERGLAS_BUILD')
                        or os.path.join(ROOT, 'build'), help='the build folder')
    parser.add_argument('--driver', choices=verglas_host.DRIVERS, default='verglas',
                        help='test another driver than ours, to test the tests')
    parser.add_argument('--record-stock', action='store_true',
                        help="record stock virgl's results of the piglit list, or of the guest "
                        'suite\'s, and do nothing else')
    parser.add_argument('suites', nargs='*', metavar='SUITE', help=', '.join(SUITES))
    options = parser.parse_args()
    for name in options.suites:
        if name not in SUITES:
            parser.error(f'there is no suite {name}; there are {", ".join(SUITES)}')

    config = Config(options.build, options.driver)
    if options.record_stock and options.suites == ['guest']:
        guest.record_stock(config, Report())
        return 0
    if options.record_stock:
        piglit.record_stock(config)
        return 0
    # The driver and the render program are those of the build that is tested.
    os.environ.setdefault('VERGLAS_DRI', os.path.join(config.build, 'dri'))
    report = Report()
    for name in options.suites or SUITES:
        report.say(f'== {name}')
        began, before = time.monotonic(), report.counts()
        try:
            SUITES[name](report, config)
        except verglas_host.HostError as error:
            report.failed(f'suite {name}', str(error))
        passed, failed, skipped = (a - b for a, b in zip(report.counts(), before))
        report.say(f'== {name}: {passed} good, {failed} bad, {skipped} left out, '
                   f'{time.monotonic() - began:.0f} s')
    return report.finish()


if __name__ == '__main__':
    verglas_host.run_main(main)
