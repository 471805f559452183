# SPDX-License-Identifier: MIT
"""piglit-smoke: piglit's sanity and a fixed list of its tests, held against stock virgl; and a shorter list
on a host that has GLES only (gles.txt, gles-stock.tsv).

smoke.txt names the tests, in one section per piglit profile; smoke-stock.tsv is what stock virgl
made of them on the same server, recorded by `tests/run.py --record-stock`. A test fails when it
crashes, or when it or one of its subtests does anything but pass where stock passes.
"""

import collections
import os

from piglit_runner import catalogue, records
from piglit_runner.runner import Job, Runner

NAME = 'piglit-smoke'
HERE = os.path.dirname(os.path.abspath(__file__))
LIST = os.path.join(HERE, 'smoke.txt')
STOCK = os.path.join(HERE, 'smoke-stock.tsv')
GLES_LIST = os.path.join(HERE, 'gles.txt')
GLES_STOCK = os.path.join(HERE, 'gles-stock.tsv')
TEST_TIMEOUT = 120  # the longest takes 10 s on an idle machine of two cores
RETRIES = 2


def read_stock(path=STOCK):
    """{(profile, test): {part: status}}; the part of a test without subtests is ''."""
    stock = collections.defaultdict(dict)
    with open(path, encoding='utf-8') as f:
        for line in f:
            if line.startswith('#'):
                continue
            status, profile, test, part = line.rstrip('\n').split('\t')
            stock[profile, test][part] = status
    return stock


def run_piglit(runner, driver, profile, tests, log_path):
    """{test: ({part: status}, why)} of the tests of one profile that it has."""
    known, results = catalogue.load(profile), {}

    def done(job, result):
        record = records.Record(job.case.name, **result)
        results[record.test] = record.rows, record.reason()
        if not record.good():
            log.write(f'== {record.test}: {record.rows}\n{record.note}\n{record.output}\n')

    with open(log_path, 'w', encoding='utf-8') as log:
        runner.run([Job(known[test], driver, None) for test in tests if test in known], done)
    return results


def judge(parts, stock):
    """None when the parts are no worse than stock's, else a reason in one line."""
    for part, status in parts.items():
        where = f'subtest {part}: ' if part else ''
        if status == 'crash':
            return f'{where}crash'
        if stock.get(part) == 'pass' and status != 'pass':
            return f'{where}{status} (stock: pass)'
    for part, status in stock.items():
        # A subtest that is gone was not reached, or the whole test ended some other way.
        if status == 'pass' and part not in parts:
            got = parts.get('', 'nothing')
            return (f'subtest {part} was not run' if part else
                    f'no result of its own (stock: pass), {got}')
    return None


def run(report, config):
    run_list(report, config, LIST, STOCK, False)
    run_list(report, config, GLES_LIST, GLES_STOCK, True)


def run_list(report, config, names, stock_path, gles):
    logs = config.log_folder(NAME)
    stock = read_stock(stock_path)
    where = ' (GLES host)' if gles else ''
    with Runner(timeout=TEST_TIMEOUT, gles=gles) as runner:
        runner.check_driver(config.driver, gles)
        for profile, tests in catalogue.read_sections(names).items():
            todo, reasons = tests, {}
            for attempt in range(1 + RETRIES):
                results = run_piglit(runner, config.driver, profile, todo,
                                     os.path.join(logs, f'{profile}{"-gles" * gles}-{attempt}.log'))
                still = []
                for test in todo:
                    if test in results:
                        parts, said = results[test]
                        reason = judge(parts, stock.get((profile, test), {}))
                    else:
                        reason, said = 'piglit does not know this test', ''
                    if reason is None:
                        report.passed(test + where)
                        if attempt:
                            report.say(f'RETRIED {test}{where}: passed at attempt {attempt + 1}, '
                                       f'before: {reasons[test]}')
                    else:
                        reasons[test] = reason + (f' [{said}]' if said else '')
                        still.append(test)
                todo = still
                if not todo:
                    break
            for test in todo:
                report.failed(f'piglit {test}{where}', reasons[test])
        if runner.restarts:
            report.failed(f'piglit server{where}', 'virgl_test_server or Xvfb died during the run')


def record_stock(config):
    """Write smoke-stock.tsv and gles-stock.tsv anew, from runs of stock virgl done the same way."""
    logs = config.log_folder(NAME + '-stock')
    for names, path, gles in ((LIST, STOCK, False), (GLES_LIST, GLES_STOCK, True)):
        with Runner(timeout=TEST_TIMEOUT, gles=gles) as runner, open(path, 'w', encoding='utf-8') as out:
            runner.check_driver('stock', gles)
            out.write(f'# Stock virgl on {os.path.basename(names)}{", on a GLES host" * gles}: '
                      'status, profile, test, subtest.\n# Made by tests/run.py --record-stock.\n')
            for profile, tests in catalogue.read_sections(names).items():
                results = run_piglit(runner, 'stock', profile, tests,
                                     os.path.join(logs, f'{profile}{"-gles" * gles}.log'))
                for test in tests:
                    parts, _ = results.get(test, ({'': 'notrun'}, ''))
                    for part, status in sorted(parts.items()):
                        out.write(f'{status}\t{profile}\t{test}\t{part}\n')
