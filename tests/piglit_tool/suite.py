# SPDX-License-Identifier: MIT
"""piglit-tool: bin/piglit itself, on a piglit whose tests kill, hang, flood and flake."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import verglas_host
from piglit_tool import tree

NAME = 'piglit-tool'
TOOL = os.path.join(verglas_host.ROOT, 'scripts', 'piglit_runner')
LIMIT = 240

# What each of fake.py's deeds is to be called, by row: a test's own result, or its subtests'.
ORDINARY = {
    'pass': 'pass', 'fail': 'fail', 'skip': 'skip', 'warn': 'warn', 'crash': 'crash',
    'silent': 'notrun', 'half': 'fail', 'absent': 'skip', 'glx-only': 'skip', 'orphan': 'pass',
    'parts@one': 'pass', 'parts@two': 'fail', 'parts@three': 'skip',
    'parts-crash@one': 'pass', 'parts-crash': 'crash',
}
HARMFUL = {
    'hang': 'timeout', 'hang@before': 'pass', 'stuck-renderer': 'timeout', 'left-renderer': 'pass',
    'stopped-server': 'timeout', 'kill-server': 'crash', 'kill-display': 'crash', 'flood': 'fail',
}
SLOW = [f'slow{number:02}' for number in range(24)]


class Bench:
    """A fake piglit, a folder for temporary files, and the tool run on both."""

    def __init__(self, report, config):
        self.report = report
        self.driver = config.driver
        self.folder = tempfile.mkdtemp(prefix='verglas-tool-')
        self.tmp = os.path.join(self.folder, 'tmp')
        os.mkdir(self.tmp)
        self.log = os.path.join(self.folder, 'log')
        ordinary = list(dict.fromkeys(row.partition('@')[0] for row in ORDINARY))
        harmful = list(dict.fromkeys(row.partition('@')[0] for row in HARMFUL))
        mixed = [name for what in harmful for name in (what, f'alive-{what}')]
        self.tree = tree.make(os.path.join(self.folder, 'piglit'), {
            'ordinary': ordinary, 'harmful': mixed, 'slow': SLOW,
            'left': ['left-renderer', 'lonely'],
            'repeat': ['pass', 'stock-only', 'flaky', 'unlucky', 'fail']})

    def env(self):
        return dict(os.environ, PIGLIT_BUILD_DIR=self.tree, TMPDIR=self.tmp, FAKE_LOG=self.log)

    def out(self, name):
        return os.path.join(self.folder, name)

    def spawn(self, *words):
        words = [sys.executable, TOOL, *words]
        if self.driver != 'verglas' and '--resume' not in words:
            words.append('--' + self.driver)
        return verglas_host.spawn(words, env=self.env(), stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True)

    def run(self, *words):
        """The tool's exit status, output and errors."""
        process = self.spawn(*words)
        try:
            out, err = process.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            verglas_host.end(process)
            raise verglas_host.HostError('bin/piglit hangs: ' + ' '.join(words)) from None
        return process.returncode, out, err

    def check(self, good, name, reason):
        if good:
            self.report.passed(name)
        else:
            self.report.failed('piglit-tool: ' + name, reason)

    def table(self, name, folder, expected):
        """The rows of a results.tsv, against what they should be."""
        got = {}
        with contextlib.suppress(OSError):
            with open(os.path.join(self.out(folder), 'results.tsv'), encoding='utf-8') as f:
                for line in f:
                    if not line.startswith('#'):
                        row, status, seconds = line.rstrip('\n').split('\t')
                        float(seconds)
                        got[row.removeprefix(tree.PREFIX)] = status
        wrong = {row: (expected.get(row), got.get(row)) for row in {**expected, **got}
                 if expected.get(row) != got.get(row)}
        self.check(not wrong, name, f'expected, got: {wrong}')

    def nothing_left(self, name):
        """No process of the run lives, and no temporary file is there."""
        mark, alive = self.folder.encode(), []
        for entry in os.listdir('/proc'):
            if entry.isdigit() and int(entry) != os.getpid():
                with contextlib.suppress(OSError):
                    with open(f'/proc/{entry}/environ', 'rb') as f:
                        if mark in f.read():
                            alive.append(entry)
        files = os.listdir(self.tmp)
        self.check(not alive and not files, name + ': nothing is left',
                   f'processes {alive}, files {files}')

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)


def write(path, text):
    with open(path, 'w', encoding='utf-8') as f:
        f.write(text)
    return path


def page_of(folder):
    """The data of a page, as a browser would read it."""
    with open(os.path.join(folder, 'index.html'), encoding='utf-8') as f:
        text = f.read()
    return json.loads(re.search(r'<script id="data"[^>]*>(.*?)</script>', text, re.DOTALL).group(1))


def results(bench):
    """Each way to end, and the comparison with a baseline of other ways."""
    before = dict(ORDINARY, **{'fail': 'pass', 'pass': 'fail', 'crash': 'fail', 'warn': 'skip',
                               'parts@two': 'pass', 'parts@three': 'fail', 'gone': 'pass'})
    del before['orphan']
    rows = ''.join(f'{tree.PREFIX}{row}\t{status}\n' for row, status in before.items())
    baseline = write(bench.out('before.tsv'), rows)
    status, out, err = bench.run('ordinary', '-j3', '--baseline', baseline, '--out',
                                 bench.out('ordinary'))
    bench.check(status == 1, 'exit status with regressions', f'{status}: {err}')
    bench.table('each way to end', 'ordinary', ORDINARY)
    bench.nothing_left('each way to end')
    kinds = {row['row'].removeprefix(tree.PREFIX): row['kind']
             for row in page_of(bench.out('ordinary'))['rows'] if row['kind'] != 'same'}
    wanted = {'fail': 'regression', 'pass': 'fix', 'crash': 'crash', 'warn': 'failing',
              'parts@two': 'regression', 'parts@three': 'skipped', 'gone': 'gone', 'orphan': 'new'}
    bench.check(kinds == wanted, 'kinds of changes', f'{kinds}')
    said = page_of(bench.out('ordinary'))['said'].get(tree.PREFIX + 'fail', {})
    bench.check('why it is fail' in said.get('output', ''), 'the page has what a test said', f'{said}')
    for kind in ('Regressions', 'New crashes', 'Fixes', 'Disappeared'):
        bench.check(kind in out, f'printed: {kind}', out[-300:])

    # What was found is a baseline to itself, and its regressions are a list.
    status, out, err = bench.run('--list', bench.out('ordinary/regressions.txt'), '--baseline',
                                 bench.out('ordinary'), '--out', bench.out('again'))
    bench.check(status == 0, 'exit status without regressions', f'{status}: {out} {err}')
    bench.table('a list', 'again', {row: ORDINARY[row] for row in (
        'fail', 'crash', 'parts@one', 'parts@two', 'parts@three')})


def harm(bench):
    """Tests that harm their host: they are marked, and those after them find a new one."""
    for jobs in ('1', '4'):
        folder = 'harm' + jobs
        # Enough for a renderer to start while three others do: 3 s were once too short on two cores.
        status, _, err = bench.run('harmful', '-j', jobs, '--timeout', '6',
                                   '--out', bench.out(folder), '--baseline', 'none')
        bench.check(status == 0, f'-j {jobs}: exit status without a baseline', f'{status}: {err}')
        alive = {'alive-' + row: 'pass' for row in HARMFUL if '@' not in row}
        bench.table(f'-j {jobs}: harm is marked, and ends with its test', folder, {**HARMFUL, **alive})
        bench.check('virgl_test_server ended' in err, f'-j {jobs}: the restart is told', err)
        bench.nothing_left(f'-j {jobs}: harm')
    bench.run('left', '-j1', '--timeout', '20', '--out', bench.out('left'), '--baseline', 'none')
    bench.table('a renderer that outlives its test is ended', 'left',
                {'left-renderer': 'pass', 'lonely': 'pass'})


def interruption(bench):
    """Signals end a run cleanly; --resume goes on, even after a SIGKILL and half a line."""
    out = bench.out('slow')
    log = os.path.join(out, 'results.jsonl')
    words = ('slow', '-j2', '--baseline', 'none', '--out', out)
    earlier = lines_of(bench.log)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        process = bench.spawn(*words)
        try:
            until, had = time.monotonic() + 30, lines_of(log)
            while lines_of(log) < had + 3 and process.poll() is None and time.monotonic() < until:
                time.sleep(0.05)
            process.send_signal(number)
            _, err = process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            err = 'it does not end'
        finally:
            verglas_host.end(process)
        name = signal.Signals(number).name
        if number == signal.SIGKILL:
            bench.check(process.returncode == -number, name, f'{process.returncode}: {err}')
            time.sleep(2)
            shutil.rmtree(bench.tmp)
            os.mkdir(bench.tmp)
            with open(log, 'a', encoding='utf-8') as f:
                f.write('{"test": "spec@fake@slow')
        else:
            bench.check(process.returncode == 128 + number and '--resume' in err, name,
                        f'{process.returncode}: {err}')
        bench.nothing_left(name)
        words = ('--resume', '-j2', '--baseline', 'none', '--out', out)
    status, _, err = bench.run(*words)
    bench.check(status == 0, 'the rest after all of that', f'{status}: {err}')
    bench.table('all tests of the interrupted run', 'slow', dict.fromkeys(SLOW, 'pass'))
    runs = lines_of(bench.log)
    # Two were under way at each of three interruptions; what had ended was not run again.
    before = runs - earlier
    bench.check(len(SLOW) <= before <= len(SLOW) + 6, 'nothing was run twice', f'{before} runs')
    status, _, err = bench.run(*words)
    bench.check(status == 0 and lines_of(bench.log) == runs, 'the log is whole',
                f'{status}, {lines_of(bench.log) - runs} tests were run again: {err}')


def lines_of(path):
    with contextlib.suppress(OSError):
        with open(path, 'rb') as f:
            return f.read().count(b'\n')
    return 0


def repetition(bench):
    """Flakes are told from regressions."""
    if bench.driver != 'verglas':
        bench.report.skipped('piglit-tool: --repeat', 'it compares Verglas with stock')
        return
    names = ('pass', 'stock-only', 'flaky', 'unlucky', 'fail')
    baseline = write(bench.out('all-pass.tsv'), ''.join(f'{tree.PREFIX}{n}\tpass\n' for n in names))
    status, out, err = bench.run('repeat', '-j1', '--repeat', '4', '--baseline', baseline, '--out',
                                 bench.out('repeat'))
    verdicts = {}
    with contextlib.suppress(OSError):
        with open(bench.out('repeat/repeat.tsv'), encoding='utf-8') as f:
            for line in f:
                if not line.startswith('#'):
                    row, *verdict = line.rstrip('\n').split('\t')
                    verdicts[row.removeprefix(tree.PREFIX)] = tuple(verdict)
    wanted = {'stock-only': ('regression', '0', '4', '4'), 'flaky': ('flake', '2', '2', '4'),
              'unlucky': ('passes', '4', '4', '4'), 'fail': ('broken', '0', '0', '4')}
    bench.check(verdicts == wanted, 'verdicts', f'{verdicts} {err}')
    bench.check(status == 1, 'exit status with a real regression', f'{status}')
    bench.check('0/4 4/4' in out, 'verdicts are printed', out[-300:])
    status, _, err = bench.run('repeat', '--only', 'flaky|unlucky|@pass', '-j1', '--repeat', '4',
                               '--baseline', baseline, '--out', bench.out('flakes'))
    bench.check(status == 0, 'exit status with flakes alone', f'{status}: {err}')


def mistakes(bench):
    """One line on standard error, and status 2."""
    out = bench.out('mistake')
    write(bench.out('bad.tsv'), 'no\ttable\n')
    write(bench.out('bad.list'), 'spec@fake@unheard-of\n')
    cases = {
        'no --out': ('ordinary',),
        'no such profile': ('nonsense', '--out', out),
        'no such option': ('--nonsense', '--out', out),
        'no such list': ('--list', bench.out('none'), '--out', out),
        'no such baseline': ('ordinary', '--baseline', bench.out('none'), '--out', out),
        'a baseline that is none': ('ordinary', '--baseline', bench.out('bad.tsv'), '--out', out),
        'no regular expression': ('ordinary', '--only', '(', '--out', out),
        'nothing matches': ('ordinary', '--only', 'nothing', '--out', out),
        'nothing to resume': ('--resume', '--out', out),
        'a folder that is a file': ('ordinary', '--out', bench.out('bad.tsv')),
        'a run is there': ('ordinary', '--out', bench.out('ordinary')),
        'another profile': ('slow', '--resume', '--out', bench.out('ordinary')),
        'no jobs': ('ordinary', '-j0', '--out', out),
    }
    for name, words in cases.items():
        status, _, err = bench.run(*words)
        lines = [line for line in err.splitlines() if 'warning' not in line]
        bench.check(status == 2 and len(lines) == 1 and lines[0].startswith('verglas: piglit: '),
                    name, f'{status}: {err}')
    status, _, err = bench.run('repeat', '--list', bench.out('bad.list'), '--out', out)
    bench.check(status == 2 and 'unheard-of' in err, 'a list of strangers', f'{status}: {err}')


def run(report, config):
    bench = Bench(report, config)
    try:
        for part in (results, harm, interruption, repetition, mistakes):
            part(bench)
    finally:
        bench.close()
