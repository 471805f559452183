# SPDX-License-Identifier: MIT
"""The command line of bin/piglit."""

import argparse
import os
import re
import shlex
import sys
import time

import verglas_host
from verglas_host import HostError
from piglit_runner import catalogue, compare, page, records, verdicts
from piglit_runner.runner import TIMEOUT, Job, Progress, Runner

NAMES = {'verglas': 'Verglas', 'stock': 'stock virgl', 'native': 'native llvmpipe'}

EPILOG = '''
PROFILE is one of piglit's: quick_gl (the default), quick_shader, glslparser, sanity, quick (all of
these), ... A list has a name of a test a line, and [profile] lines where they are of several.

In DIR afterwards: results.tsv, summary.txt, compare.txt, index.html, regressions.txt (a list, for
--list), and results.jsonl with the end of what each test said that did not pass.

The baseline is, unless one is named, what is committed under tests/piglit/ for that profile: our
own results (baseline-PROFILE) or else stock virgl's (stock-PROFILE).

Exit status: 0 no regression, 1 regressions or new crashes, 2 the run could not be made.
See docs/piglit.md.
'''


def positive(kind):
    def parse(text):
        value = kind(text)
        if value <= 0:
            raise ValueError
        return value
    parse.__name__ = 'positive number'
    return parse


def pattern(text):
    try:
        return re.compile(text, re.IGNORECASE)
    except re.error as error:
        raise argparse.ArgumentTypeError(f'{text!r} is no regular expression: {error}') from None


class Parser(argparse.ArgumentParser):
    def error(self, message):
        verglas_host.note(f'piglit: {message} (bin/piglit --help)')
        sys.exit(2)


def parse(argv):
    parser = Parser(prog='bin/piglit', description="Run piglit on Verglas, on the embedded host.",
                    formatter_class=argparse.RawDescriptionHelpFormatter, epilog=EPILOG,
                    allow_abbrev=False)
    add = parser.add_argument
    add('profile', nargs='?', metavar='PROFILE')
    add('--out', metavar='DIR', help='where results go; must not hold a run yet')
    add('--resume', action='store_true', help='go on with the run that is in DIR')
    add('--stock', action='store_true', help="run on Mesa's own virgl driver")
    add('--native', action='store_true', help='run on llvmpipe, without a server')
    add('--gles', action='store_true', help='a host that has GLES only')
    add('--list', action='append', default=[], metavar='FILE', help='run only the tests named there')
    add('--only', type=pattern, metavar='REGEX', help='run only tests whose name matches')
    add('-j', '--jobs', type=positive(int), metavar='N',
        help='tests at a time (default: the number of CPUs)')
    add('--timeout', type=positive(float), metavar='S', help=f'seconds for a test ({TIMEOUT:.0f})')
    add('--baseline', metavar='FILE', help="results to compare with: a results.tsv or another table, "
        "a results.json of piglit's, a folder of either; stock: stock's that are committed; none")
    add('--repeat', type=positive(int), metavar='N',
        help='run the regressions N times more on both drivers, to tell the flakes')
    add('--record', action='store_true',
        help='commit the results as the baseline of the profile (with --stock: as stock\'s)')
    options = parser.parse_args(argv)
    if not options.out:
        parser.error('--out DIR is missing')
    if options.stock and options.native:
        parser.error('--stock and --native exclude each other')
    if options.native and options.gles:
        parser.error('--native has no host that --gles could be said of')
    if options.record and (options.list or options.only or options.native):
        parser.error('--record takes whole profiles, on Verglas or on stock virgl')
    return options


def what_to_run(options):
    """The options that decide which tests run on what: they are kept in DIR, for --resume."""
    return {'profile': options.profile, 'lists': [os.path.abspath(p) for p in options.list],
            'only': options.only.pattern if options.only else None,
            'driver': 'stock' if options.stock else 'native' if options.native else 'verglas',
            'gles': options.gles, 'timeout': options.timeout or TIMEOUT,
            'build': os.environ.get('PIGLIT_BUILD_DIR')}


def open_store(options):
    """The folder of results: of a run that is to begin, or as --resume finds it."""
    store = records.Store(options.out)
    asked = what_to_run(options)
    if not options.resume:
        store.options = asked
        return store
    store.resume()
    given = {'profile': options.profile, 'lists': options.list, 'only': options.only,
             'driver': options.stock or options.native, 'gles': options.gles,
             'timeout': options.timeout}
    for name, value in given.items():
        if value and asked[name] != store.options.get(name):
            raise HostError(f'the run in {store.folder} has another {name} '
                            f'({store.options.get(name)}): leave it out, or use another folder')
    return store


class Run:
    """One run of the tool: what it was asked, what it found."""

    def __init__(self, options, store):
        self.options, self.store = options, store
        what = self.what = store.options
        self.driver, self.gles = what['driver'], what['gles']
        only = re.compile(what['only'], re.IGNORECASE) if what['only'] else None
        self.cases, missing = catalogue.select(what['profile'], what['lists'], only)
        if missing:
            verglas_host.warn(f'piglit: {len(missing)} name(s) of the list are not known, such as '
                              + missing[0])
        if not self.cases:
            raise HostError('no test has such a name')
        self.partial = bool(what['lists'] or what['only'])
        self.covered = set(self.profiles())
        self.baseline, self.against = self._baseline()
        if not options.resume:
            store.create()

    def profiles(self):
        return list(dict.fromkeys(case.profile for case in self.cases.values()))

    def _baseline(self):
        """The table to compare with and its name, or None and ''."""
        named = self.options.baseline
        if named == 'none':
            return None, ''
        if named not in (None, 'stock'):
            return records.read_table(named), named
        kinds = ('stock',) if named or self.driver != 'verglas' else ('baseline', 'stock')
        table, names = records.committed(kinds, self.profiles(), self.gles)
        self.covered = set(names)
        without = [name for name in self.profiles() if name not in names]
        if without:
            verglas_host.warn('piglit: no baseline is committed for '
                              + ', '.join(without) + ': nothing to compare with')
        return (table, ', '.join(names.values())) if names else (None, '')

    def add(self, job, result):
        record = records.Record(job.case.name, result['rows'], round(result['seconds'], 2),
                                result['note'], result['output'])
        if set(record.rows.values()) <= {'pass'}:
            record.output = ''
        elif record.good():
            record.output = record.output[-300:]
        self.store.add(record)

    def run(self):
        """Run what is left of it, and write everything down."""
        todo = [Job(case, self.driver, name) for name, case in self.cases.items()
                if name not in self.store.records]
        with Runner(self.options.jobs, self.gles, self.driver != 'native' or
                    bool(self.options.repeat), self.what['timeout']) as runner:
            progress = Progress(len(self.cases), len(self.cases) - len(todo))
            try:
                if todo or self.options.repeat:
                    runner.check_driver(self.driver, self.gles)
                if self.options.repeat:
                    runner.check_driver('stock', self.gles)
                runner.run(todo, self.add, progress)
                found = self.compare()
                again = self.repeat(runner, found) if self.options.repeat else []
            except BaseException:
                progress.clear()
                self.store.write_results()
                done = len(self.store.records)
                if done < len(self.cases):
                    verglas_host.note(f'piglit: {done} of {len(self.cases)} tests are done; bin/piglit '
                                      f'--resume --out {shlex.quote(self.options.out)} goes on')
                raise
            restarts = runner.restarts
        return self.report(found, again, restarts)

    def compare(self):
        if self.baseline is None:
            return []
        covered = {name: record for name, record in self.store.records.items()
                   if name in self.cases and self.cases[name].profile in self.covered}
        return compare.compare(covered, self.baseline, not self.partial)

    def repeat(self, runner, found):
        bad = [c for c in found if c.kind in compare.BAD and c.test in self.cases]
        if not bad:
            return []
        progress = Progress(0, what='runs of the regressions')
        return verdicts.repeat(runner, self.cases, bad, self.driver, self.options.repeat, progress)

    def report(self, found, again, restarts):
        """Write the files, print the comparison, give back the exit status."""
        store = self.store
        title = f'piglit on {NAMES[self.driver]}' + (' (GLES host)' if self.gles else '')
        said = [f'{", ".join(self.profiles())}; {len(self.cases)} tests; '
                + time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime())]
        said += [f'compared with {self.against}'] if self.baseline is not None else []
        said += [f'hosts started again: {restarts}'] if restarts else []
        summary = records.summary(list(store.records.values()))
        words = '\n'.join([title] + said)
        store.write_results()
        store.write('summary.txt', f'{words}\n\n{summary}')
        if self.baseline is not None:
            more = verdicts.text(again)
            store.write('compare.txt', compare.text(found, store.records, words) + more)
            print(compare.text(found, store.records, words, limit=40) + more, end='')
        else:
            print(f'{words}\n' + '\n'.join(summary.splitlines()[:4]))
        if again:
            store.write('repeat.tsv', verdicts.table(again))
        bad = compare.bad_tests(found)
        store.write('regressions.txt', records.list_text(bad, self.cases))
        commands = {name: shlex.join(self.cases[name].command()) for name, record in
                    store.records.items() if name in self.cases and not record.good()}
        store.write('index.html', page.page(title, said, found, store.records, again, summary,
                                            commands, self.baseline is not None))
        print(f'{os.path.join(self.options.out, "index.html")}: the same as a page')
        if self.options.record:
            self.record(title)
        if again:
            return int(any(v.word in verdicts.STILL for v in again))
        return int(bool(bad))

    def record(self, title):
        kind = 'stock' if self.driver == 'stock' else 'baseline'
        for profile in self.profiles():
            table = {records.row_name(r.test, part): status for r in self.store.records.values()
                     if self.cases[r.test].profile == profile for part, status in r.rows.items()}
            head = [title, f'piglit profile {profile}, platform {catalogue.PLATFORM}, '
                    f'--timeout {self.what["timeout"]:.0f}, ' + time.strftime('%Y-%m-%d', time.gmtime()),
                    'test[@subtest] <TAB> result']
            print(f'recorded {records.write_baseline(kind, profile, self.gles, table, head)}')


def main():
    options = parse(sys.argv[1:])
    store = None
    try:
        store = open_store(options)
        return Run(options, store).run()
    except HostError as error:
        verglas_host.note(f'piglit: {error}')
        return 2
    except OSError as error:
        verglas_host.note(f'piglit: {error.filename or store and store.folder}: {error.strerror}')
        return 2
    finally:
        if store is not None:
            store.close()
