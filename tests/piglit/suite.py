# SPDX-License-Identifier: MIT
"""piglit-smoke: piglit's sanity and a fixed list of its tests, held against stock virgl.

smoke.txt names the tests, in one section per piglit profile; smoke-stock.tsv is what stock virgl
made of them on the same server, recorded by `tests/run.py --record-stock`. A test fails when it
crashes, or when it or one of its subtests does anything but pass where stock passes.
"""

import bz2
import collections
import json
import os
import shutil
import subprocess

import verglas_host

NAME = 'piglit-smoke'
HERE = os.path.dirname(os.path.abspath(__file__))
LIST = os.path.join(HERE, 'smoke.txt')
STOCK = os.path.join(HERE, 'smoke-stock.tsv')
TEST_TIMEOUT = 120  # the longest takes 10 s on an idle machine of two cores
RUN_TIMEOUT = 1500
RETRIES = 2


def read_list(path=LIST):
    """{profile: [test, ...]}"""
    sections = collections.OrderedDict()
    current = None
    with open(path, encoding='utf-8') as f:
        for line in f:
            line = line.strip()
            if not line or line.startswith('#'):
                continue
            if line.startswith('[') and line.endswith(']'):
                current = sections.setdefault(line[1:-1], [])
            else:
                current.append(line)
    return sections


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


def parse_results(folder):
    """{test: ({part: status}, last line of stderr)} from piglit's own results."""
    path = os.path.join(folder, 'results.json.bz2')
    with bz2.open(path, 'rt', encoding='utf-8') as f:
        tests = json.load(f)['tests']
    results = {}
    for test, data in tests.items():
        parts = {k: v for k, v in data.get('subtests', {}).items() if not k.startswith('__')}
        if data['result'] in ('crash', 'timeout', 'incomplete') or not parts:
            parts[''] = data['result']
        said = [s for s in (data.get('err', '') + '\n' + data.get('out', '')).splitlines()
                if s.strip() and not s.startswith('PIGLIT:')]
        results[test] = (parts, said[-1].strip()[:160] if said else '')
    return results


def run_piglit(env, profile, tests, out):
    """Run the tests of one profile; raises HostError when piglit itself does not work."""
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(os.path.dirname(out), exist_ok=True)
    names, log_path = out + '.list', out + '.log'
    # Without this, piglit asks wflinfo (waffle-utils) for the driver's limits and, where that is
    # not installed, skips every shader test.
    env = dict(env, PIGLIT_NO_FAST_SKIP='1')
    with open(names, 'w', encoding='utf-8') as f:
        f.write('\n'.join(tests) + '\n')
    with open(log_path, 'wb') as log:
        process = verglas_host.spawn(
            ['piglit', 'run', '-p', 'x11_egl', '--timeout', str(TEST_TIMEOUT), '-l', 'quiet',
             '--ignore-missing', '--overwrite', '--test-list', names, profile, out],
            env=env, stdout=log, stderr=log)
        try:
            status = process.wait(RUN_TIMEOUT)
        except subprocess.TimeoutExpired:
            status = 'timeout'
        finally:
            verglas_host.end(process)
    if status != 0 or not os.path.exists(os.path.join(out, 'results.json.bz2')):
        raise verglas_host.HostError(f'piglit run {profile} ended with {status}: '
                                     + verglas_host.last_line(log_path))
    return parse_results(out)


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
    logs = config.log_folder(NAME)
    stock = read_stock()
    with verglas_host.Host(private_display=True) as host:
        env = host.env(config.driver)
        for profile, tests in read_list().items():
            todo, reasons = tests, {}
            for attempt in range(1 + RETRIES):
                results = run_piglit(env, profile, todo, os.path.join(logs, f'{profile}-{attempt}'))
                still = []
                for test in todo:
                    parts, said = results.get(test, ({'': 'notrun'}, ''))
                    if set(parts.values()) == {'notrun'}:
                        reason = 'piglit does not know this test'
                    else:
                        reason = judge(parts, stock.get((profile, test), {}))
                    if reason is None:
                        report.passed(test)
                        if attempt:
                            report.say(f'RETRIED {test}: passed at attempt {attempt + 1}, '
                                       f'before: {reasons[test]}')
                    else:
                        reasons[test] = reason + (f' [{said}]' if said else '')
                        still.append(test)
                todo = still
                if not todo:
                    break
            for test in todo:
                report.failed(f'piglit {test}', reasons[test])
        if not host.server.alive():
            report.failed('piglit server', 'virgl_test_server died during the run')


def record_stock(config):
    """Write smoke-stock.tsv anew, from a run of stock virgl done the same way."""
    logs = config.log_folder(NAME + '-stock')
    with verglas_host.Host(private_display=True) as host, open(STOCK, 'w', encoding='utf-8') as out:
        out.write('# Stock virgl on smoke.txt: status, profile, test, subtest.\n'
                  '# Made by tests/run.py --record-stock.\n')
        for profile, tests in read_list().items():
            results = run_piglit(host.env('stock'), profile, tests, os.path.join(logs, profile))
            for test in tests:
                parts, _ = results.get(test, ({'': 'notrun'}, ''))
                for part, status in sorted(parts.items()):
                    out.write(f'{status}\t{profile}\t{test}\t{part}\n')
