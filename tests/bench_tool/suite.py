# SPDX-License-Identifier: MIT
"""bench-tool: what bin/bench makes of samples, and that its own programs tell right from wrong."""

import argparse
import contextlib
import io
import json
import os
import re
import shutil
import tempfile
import unittest

# These are of scripts/bench, but for the two in the middle.
import bars
import bench
import catalogue
import chart
import in_guest
from guest import compare
import verglas_host
import jobs
import report as pages
import results
import transfers
from cases import CaseFailed

NAME = 'bench-tool'
DRIVERS = ['verglas', 'stock', 'native']
LIMIT = 60


def result(name, verglas, stock, group='draw', less=False, native=()):
    made = results.Result(jobs.Figure(name, group, 'things/s', less=less), DRIVERS)
    made.samples = {'verglas': list(verglas), 'stock': list(stock), 'native': list(native)}
    return made


class FakeBed:
    """A bed on which nothing runs."""

    def __init__(self):
        self.calls = []

    def check(self, _doing):
        pass


class FakeJob(jobs.Job):
    """Gives what it is told, by driver: a number, or an exception to raise or to hand back."""

    def __init__(self, values, **about):
        self.values = values
        self.figures = [jobs.Figure(name, 'draw', 'things/s') for name in values]
        self.__dict__.update(about)

    def run(self, bed, driver, wanted):
        bed.calls.append((driver, tuple(wanted)))
        found = {name: self.values[name][driver] for name in wanted}
        for value in found.values():
            if isinstance(value, KeyError):
                raise CaseFailed('the whole job')
        return found


def run_jobs(made, drivers=('verglas', 'stock'), rounds=3, **how):
    bed = FakeBed()
    chosen = [(job, [figure.name for figure in job.figures]) for job in made]
    with contextlib.redirect_stderr(io.StringIO()):
        return bench.measure(bed, chosen, list(drivers), rounds, **how), bed.calls


class Statistics(unittest.TestCase):
    def test_median_spread_ratio(self):
        one = result('a', [10, 40, 20], [5, 10, 20])
        self.assertEqual(one.median('verglas'), 20)
        self.assertEqual(one.spread('verglas'), 1.5)
        self.assertEqual(one.ratio('verglas', 'stock'), 2)
        self.assertEqual(one.ratio_range('verglas', 'stock'), (0.5, 8))
        self.assertIsNone(one.ratio('native', 'stock'))

    def test_less_is_better(self):
        one = result('a', [2, 2], [4, 8], less=True)
        self.assertEqual(one.ratio('verglas', 'stock'), 3)
        self.assertEqual(one.ratio_range('verglas', 'stock'), (2, 4))

    def test_geometric_mean(self):
        self.assertAlmostEqual(results.geometric_mean([2, 8, None]), 4)
        self.assertIsNone(results.geometric_mean([None]))

    def test_document_and_back(self):
        before = [result('a', [1, 2], [3], less=True), result('b', [], [1])]
        before[1].failures['verglas'].append('it crashed')
        before[1].skips['native'] = 'not there'
        document = json.loads(json.dumps(results.as_json(before, DRIVERS, 'stock', {})))
        after = results.from_json(document, DRIVERS)
        self.assertEqual([r.ratio('verglas', 'stock') for r in after],
                         [r.ratio('verglas', 'stock') for r in before])
        self.assertTrue(after[1].failed('verglas'))
        self.assertTrue(after[1].over('native'))


class Measuring(unittest.TestCase):
    def test_turns(self):
        _, calls = run_jobs([FakeJob({'a': {'verglas': 2.0, 'stock': 1.0}})])
        self.assertEqual([driver for driver, _ in calls],
                         ['verglas', 'stock', 'stock', 'verglas', 'verglas', 'stock'])

    def test_fewer_rounds_and_no_native(self):
        values = {driver: 1.0 for driver in DRIVERS}
        _, calls = run_jobs([FakeJob({'a': values}, rounds=1, native=False)], DRIVERS)
        self.assertEqual(sorted(driver for driver, _ in calls), ['stock', 'verglas'])

    def test_all_rounds_when_asked_for(self):
        values = {driver: 1.0 for driver in DRIVERS}
        found, _ = run_jobs([FakeJob({'a': values}, rounds=1)], DRIVERS, all_rounds=True)
        self.assertEqual(found[0].samples['verglas'], [1.0] * 3)

    def test_one_boot_of_the_guest_for_each_round(self):
        class Guest(in_guest.InGuest):
            boots = 0

            def compare(self):
                self.boots += 1
                return {driver: {'frames/s': float(self.boots)} for driver in DRIVERS}
        job = Guest('gears')
        values = [job.run(None, driver, ['guest-gears'])['guest-gears']
                  for driver in ('verglas', 'stock', 'stock', 'verglas')]
        self.assertEqual((values, job.boots), ([1.0, 1.0, 2.0, 2.0], 2))

    def test_a_figure_that_fails_is_not_asked_for_again(self):
        found, calls = run_jobs([FakeJob({
            'good': {'verglas': 2.0, 'stock': 1.0},
            'bad': {'verglas': CaseFailed('wrong pixels'), 'stock': 1.0},
            'absent': {'verglas': 1.0, 'stock': jobs.Skipped('no such extension')}})])
        good, bad, absent = found
        self.assertEqual(good.samples['verglas'], [2.0] * 3)
        self.assertEqual(bad.failures['verglas'], ['wrong pixels'])
        self.assertIsNone(bad.ratio('verglas', 'stock'))
        self.assertFalse(absent.failed('stock'))
        self.assertIsNone(absent.ratio('verglas', 'stock'))
        self.assertIn(('verglas', ('good', 'absent')), calls)

    def test_a_job_that_fails_fails_its_figures(self):
        found, _ = run_jobs([FakeJob({'a': {'verglas': KeyError(), 'stock': 1.0},
                                      'b': {'verglas': 1.0, 'stock': 1.0}})])
        self.assertEqual([r.failures['verglas'] for r in found], [['the whole job']] * 2)

    def test_lines_of_programs(self):
        wanted = ['a', 'b', 'c', 'd', 'e']
        found = jobs.parse_lines(1, 'a 12.5 ops/s 3 MB/s\nb FAILED wrong\nc SKIP no such\n'
                                 'd many ops/s\nx 1 ops/s\nterminate called', wanted)
        self.assertEqual(found['a'], 12.5)
        self.assertEqual(str(found['b']), 'wrong')
        self.assertIsInstance(found['c'], jobs.Skipped)
        self.assertIsInstance(found['d'], CaseFailed)
        self.assertIn('status 1: terminate called', str(found['e']))


class Bars(unittest.TestCase):
    @staticmethod
    def judge(found, bar):
        return bar.judge({r.case.name: r for r in found}, 'verglas', 'stock')

    def test_rates(self):
        bar = bars.Mean('rates', bars.in_group('draw'), 2.0, 1.0)
        found = [result('a', [8], [1]), result('b', [1], [2])]
        judged = self.judge(found, bar)
        self.assertFalse(judged['reached'])
        self.assertAlmostEqual(judged['mean'], 2)
        self.assertEqual(judged['worst_figure'], 'b')
        self.assertTrue(self.judge(found[:1], bar)['reached'])
        self.assertIsNone(self.judge([], bar))

    def test_spent(self):
        bar = bars.Mean('spent', bars.in_group('draw'), 0.6, less=True)
        self.assertTrue(self.judge([result('a', [1], [2], less=True)], bar)['reached'])
        self.assertFalse(self.judge([result('a', [1], [1], less=True)], bar)['reached'])

    def test_what_failed_reaches_no_bar(self):
        bar = bars.Mean('rates', bars.in_group('draw'), 1.0)
        failed = result('b', [], [1])
        failed.failures['verglas'].append('it crashed')
        self.assertFalse(self.judge([result('a', [8], [1]), failed], bar)['reached'])
        self.assertFalse(self.judge([failed], bar)['reached'])

    def test_many_resources(self):
        bar = bars.Special(bars.many_resources)
        few = result('distinct-100', [130], [1])
        self.assertTrue(self.judge([few, result('distinct-100000', [100], [])], bar)['reached'])
        self.assertFalse(self.judge([few, result('distinct-100000', [90], [])], bar)['reached'])
        self.assertIsNone(self.judge([few], bar))

    def test_total_needs_all_scenes(self):
        bar = bars.Special(bars.glmark2_total('glmark2', 1.25))
        names = list(bars.programs.glmark2_names('glmark2'))
        self.assertEqual(len(names), 33)
        found = [result(name, [30], [10], 'glmark2') for name in names]
        self.assertAlmostEqual(self.judge(found, bar)['mean'], 3)
        self.assertIsNone(self.judge(found[1:], bar))

    def test_guest(self):
        text = '\n'.join(compare.table(
            {driver: [figures] for driver, figures in (('verglas', Frames(1.0, 0.0)),
                                                       ('stock', Frames(1.0, 2.0)))},
            ['glxgears'], True))
        rows = in_guest.parse(text)
        mine = in_guest.figures_of(rows['verglas'], 'gears')
        self.assertEqual(mine['guest-gears-submits'], 1.0)
        self.assertEqual(mine['guest-gears-transfers'], 0.0)
        self.assertEqual(mine['guest-gears-ioctls'], 1.5)
        stock = in_guest.figures_of(rows['stock'], 'gears')
        self.assertEqual(stock['guest-gears-transfers'], 2.0)
        bar = bars.Special(bars.in_the_guest('gears'))
        for better, worse, reached in ((mine, stock, True), (stock, mine, False)):
            found = [result(name, [better[name]], [worse[name]], 'guest', True) for name in better]
            self.assertEqual(self.judge(found, bar)['reached'], reached)

    def test_groups(self):
        names = [figure.name for job in catalogue.all_jobs() for figure in job.figures]
        self.assertEqual(len(names), len(set(names)))
        groups = {figure.group for job in catalogue.all_jobs() for figure in job.figures}
        self.assertEqual(groups, set(catalogue.FIGURES))
        small = [name for job in transfers.jobs() for name in (f.name for f in job.figures)
                 if transfers.size_of(name) <= 4096]
        self.assertIn('buffersubdata-64-busy', small)
        self.assertNotIn('buffersubdata-64k-busy', small)


class Frames:
    """What compare.measure gives."""

    def __init__(self, submissions, transfers_made):
        self.rows = {'frames/s': 100.0, 'glxgears: submissions': submissions,
                     'glxgears: transfers': transfers_made, 'glxgears: bytes submitted': 900.0,
                     'others: submissions': 3.0, 'ioctl EXECBUFFER': 1.0, 'ioctl WAIT': 0.5}


class Showing(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix='verglas-bench-')
        self.addCleanup(shutil.rmtree, self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def show(self, found, **more):
        document = results.as_json(found, DRIVERS, 'stock', {
            'mode': 'full', 'rounds': 3, 'seconds': 1.0, 'busy_before': 0.0,
            'gl': {driver: None for driver in DRIVERS}})
        results.write_json(self.path('in.json'), document)
        options = argparse.Namespace(json=self.path('out.json'), plot=self.path('out.svg'),
                                     report=None, fail_below=None)
        options.__dict__.update(more)
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            failed, slow = bench.show(options, bench.earlier([self.path('in.json')]))
        return out.getvalue(), failed, slow

    def test_a_failure_is_shown_and_fails(self):
        bad = result('bad', [], [2.0])
        bad.failures['verglas'].append('wrong pixels')
        text, failed, _ = self.show([result('good', [4.0], [2.0]), bad])
        self.assertEqual([r.case.name for r in failed], ['bad'])
        self.assertRegex(text, r'(?m)^bad +things/s +failed')
        self.assertIn('FAILED bad on verglas: wrong pixels', text)
        self.assertRegex(text, r'(?m)^good .* 2\.00x')
        with open(self.path('out.svg'), encoding='utf-8') as f:
            picture = f.read()
        self.assertRegex(picture, r'failed</text>')

    def test_stock_may_fail(self):
        bad = result('bad', [1.0], [])
        bad.failures['stock'].append('it crashed')
        text, failed, _ = self.show([bad])
        self.assertEqual(failed, [])
        self.assertIn('FAILED bad on stock: it crashed', text)

    def test_slow(self):
        _, _, slow = self.show([result('slow', [1.0], [2.0]), result('fast', [2.0], [2.0])],
                               fail_below=0.9)
        self.assertEqual(slow, ['slow'])

    def test_the_last_of_several_runs_counts(self):
        for name, value, rounds in (('one.json', 1.0, 7), ('two.json', 6.0, 3)):
            found = [result('a', [value], [2.0])] + (
                [result('b', [3.0], [3.0])] if name == 'one.json' else [])
            results.write_json(self.path(name), results.as_json(found, DRIVERS, 'stock', {
                'rounds': rounds, 'seconds': 2.0, 'busy_before': rounds / 100}))
        merged = bench.earlier([self.path('one.json'), self.path('two.json')])
        self.assertEqual([r.ratio('verglas', 'stock')
                          for r in results.from_json(merged, DRIVERS)], [3.0, 1.0])
        self.assertEqual((merged['rounds'], merged['seconds'], merged['busy_before']),
                         (7, 4.0, 0.07))
        with self.assertRaises(verglas_host.HostError):
            bench.earlier([self.path('none.json')])

    def test_a_page(self):
        page = self.path('page.md')
        with open(page, 'w', encoding='utf-8') as f:
            f.write(f'before\n{pages.BEGIN}\nold\n{pages.END}\nafter\n')
        found = [result(f'drawoverhead-{n}', [4.0], [2.0]) for n in range(1, 40)]
        for _ in range(2):
            self.show(found, report=page)
        with open(page, encoding='utf-8') as f:
            text = f.read()
        self.assertTrue(text.startswith('before\n') and text.endswith('after\n'))
        self.assertNotIn('old', text)
        self.assertEqual(text.count('2.00× of 39'), 1)
        self.assertIn('](page.svg)', text)
        with open(self.path('page.svg'), encoding='utf-8') as f:
            self.assertIn('2.00×', f.read())
        with open(self.path('page-cases.svg'), encoding='utf-8') as f:
            self.assertEqual(f.read().count('drawoverhead '), 39)

    def test_columns(self):
        groups = [('a', 1.0, list(range(100))), ('b', None, list(range(40)))]
        made = chart.columns(groups)
        self.assertEqual(sum(len(members) for page in made for _, _, members in page), 140)
        self.assertLess(max(sum(len(members) + 3 for _, _, members in page) for page in made), 90)


def programs(report, config):
    """Each way in and out, on the driver under test: what arrives is what was sent."""
    # With no more than a pass or two of each combination.
    command = [os.path.join(config.build, 'tests', 'bench', 'transfer'), '--seconds', '0.005',
               '*-64-*', '*-4k-*', '*-64k-*']
    if not os.path.exists(command[0]):
        report.skipped('bench-tool: transfer', 'it is not built')
        return
    with verglas_host.Host(display=False) as host:
        try:
            status, text = jobs.output(command, host.env(config.driver), LIMIT)
        except CaseFailed as failure:
            report.failed('bench-tool: transfer', str(failure))
            return
    good = re.findall(r'(?m)^(\S+) [0-9.]+ ops/s', text)
    bad = re.findall(r'(?m)^(\S+) FAILED (.*)', text)
    report.passed('bench-tool: transfer', len(good))
    for name, why in bad:
        report.failed('bench-tool: ' + name, why)
    if not good or (status != 0 and not bad):
        report.failed('bench-tool: transfer', f'status {status}{jobs.last_said(text)}')


def run(report, config):
    loader = unittest.TestLoader()
    suite = unittest.TestSuite(loader.loadTestsFromTestCase(case)
                               for case in (Statistics, Measuring, Bars, Showing))
    outcome = unittest.TestResult()
    suite.run(outcome)
    report.passed(NAME, outcome.testsRun - len(outcome.failures) - len(outcome.errors))
    for test, why in outcome.failures + outcome.errors:
        report.failed(f'{NAME}: {test.id().split(".", 1)[-1]}', why.strip().splitlines()[-1])
    programs(report, config)
