# SPDX-License-Identifier: MIT
"""Suites of Meson tests: built, run, and counted by the test cases within the programs."""

import concurrent.futures
import json
import os
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree

import verglas_host
from harness.report import ROOT

# Debian's python3 has Mako; another may come first on PATH (see bin/setup).
BUILD_ENV = dict(os.environ, PATH='/usr/bin:' + os.environ.get('PATH', ''))
SANITIZER_ENV = {
    'ASAN_OPTIONS': 'detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1',
    'UBSAN_OPTIONS': 'halt_on_error=1:print_stacktrace=1',
}
THREAD_ENV = {'TSAN_OPTIONS': 'second_deadlock_stack=1'}
# What a sanitizer prints, even where the program then ends well.
COMPLAINTS = ('ERROR: AddressSanitizer', 'ERROR: LeakSanitizer', 'runtime error:',
              'WARNING: ThreadSanitizer')
# Tests in Meson's suite of this name are those that start threads.
THREADED = 'threads'


def command(args, log_path):
    """Run a build step; raises HostError with what it said last when it fails."""
    with open(log_path, 'ab') as log:
        done = subprocess.run(args, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                              env=BUILD_ENV, check=False)
    if done.returncode == 0:
        return
    said = ''
    with open(log_path, encoding='utf-8', errors='replace') as f:
        for line in f:
            if any(mark in line for mark in ('error:', 'ERROR:', 'FAILED:', 'No space left')):
                said = line.strip()
                break
    raise verglas_host.HostError(f'{" ".join(args[:3])} failed (see {log_path}): '
                                 + (said or verglas_host.last_line(log_path))[:200])


def sanitizer_build(config, name='sanitized', sanitizers='address,undefined', driver=True):
    """Configure another build folder. Mesa's archives are not sanitized in it: of the driver, what is
    ours is. (ThreadSanitizer has to see all of a program, so it goes without the driver.)"""
    folder = os.path.join(config.build, name)
    if not os.path.exists(os.path.join(folder, 'build.ninja')):
        shutil.rmtree(folder, ignore_errors=True)
        command(['meson', 'setup', folder, ROOT, f'-Ddriver={str(driver).lower()}', '-Dtests=true',
                 f'-Db_sanitize={sanitizers}', '-Db_lundef=false', '-Doptimization=1'],
                os.path.join(config.log_folder('unit'), f'configure-{name}.log'))
    # What Meson knows of the tests may be older than their meson.build.
    command(['ninja', '-C', folder, 'build.ninja'],
            os.path.join(config.log_folder('unit'), f'configure-{name}.log'))
    return folder


def tests_of(folder, suite):
    done = subprocess.run(['meson', 'introspect', folder, '--tests'], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, env=BUILD_ENV, check=False)
    if done.returncode != 0:
        raise verglas_host.HostError(f'meson introspect fails in {folder}: '
                                     + (done.stderr.strip().splitlines() or ['?'])[-1])
    return [t for t in json.loads(done.stdout)
            if any(s.rpartition(':')[2] == suite for s in t['suite'])]


def run_program(report, test, label, log_base, extra_env):
    """Run one test program and count its cases."""
    name = f'{label}{test["name"]}'
    xml_path, log_path = log_base + '.xml', log_base + '.log'
    if os.path.exists(xml_path):
        os.unlink(xml_path)
    env = dict(os.environ, **extra_env)
    env.update(test.get('env') or {})
    env['GTEST_OUTPUT'] = 'xml:' + xml_path
    with open(log_path, 'wb') as log:
        process = verglas_host.spawn(test['cmd'], env=env, cwd=test.get('workdir') or None,
                                     stdout=log, stderr=log)
        try:
            # Sanitizers slow a program down, and so does a machine of two cores.
            status = process.wait(2 * max(test.get('timeout') or 30, 60))
        except subprocess.TimeoutExpired:
            status = None
        finally:
            verglas_host.end(process)
    with open(log_path, encoding='utf-8', errors='replace') as f:
        complaint = next((line.strip() for line in f if any(c in line for c in COMPLAINTS)), None)

    passed, failed = 0, 0
    if os.path.exists(xml_path):
        for case in ElementTree.parse(xml_path).getroot().iter('testcase'):
            case_name = f'{name}: {case.get("classname")}.{case.get("name")}'
            failure = case.find('failure')
            skip = case.find('skipped')
            if failure is not None:
                failed += 1
                said = (failure.get('message') or '').split('\n')
                report.failed(case_name, ' '.join(s.strip() for s in said if s.strip())[:200])
            elif skip is not None or case.get('result') == 'skipped':
                reason = skip.get('message') if skip is not None else ''
                report.skipped(case_name, (reason or 'it says no reason').split('\n')[-1].strip())
            elif case.get('status') == 'run':
                passed += 1
        report.passed(name, passed)
    elif status == 0:
        report.passed(name)
    if complaint:
        report.failed(name, complaint[:200])
    elif status is None:
        report.failed(name, 'runs too long')
    elif status < 0:
        report.failed(name, f'crash (signal {-status}): {verglas_host.last_line(log_path)[:160]}')
    elif status != 0 and not failed:
        report.failed(name, f'exit status {status}: {verglas_host.last_line(log_path)[:160]}')


def run(report, config, suite):
    logs = config.log_folder(suite)
    builds = [('', config.build, {}, suite),
              ('sanitized ', sanitizer_build(config), SANITIZER_ENV, suite)]
    if suite == 'unit':
        builds.append(('thread-sanitized ', sanitizer_build(config, 'tsan', 'thread', False), THREAD_ENV,
                       THREADED))
    for label, folder, env, kind in builds:
        tests = tests_of(folder, kind)
        if not tests:
            report.failed(f'{label}suite {suite}', f'there is no test of it in {folder}')
            continue
        report.say(f'{suite}: building {len(tests)} {label}test programs')
        targets = sorted({os.path.relpath(t['cmd'][0], folder) for t in tests
                          if t['cmd'][0].startswith(folder + os.sep)})
        command(['ninja', '-C', folder] + targets,
                os.path.join(logs, f'build-{label.strip() or "plain"}.log'))

        def one(test, label=label, env=env):
            base = os.path.join(logs, f'{label}{test["name"]}'.replace(' ', '-').replace('/', '-'))
            run_program(report, test, label, base, env)

        with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 2) as pool:
            list(pool.map(one, tests))
