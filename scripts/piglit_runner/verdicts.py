# SPDX-License-Identifier: MIT
"""Which of the regressions are flakes: each is run again, several times, on both drivers."""

import collections

from piglit_runner.compare import DEAD
from piglit_runner.records import Record, row_name
from piglit_runner.runner import Job

# How often a row passed, of so many runs, on Verglas (or what was run) and on stock.
Verdict = collections.namedtuple('Verdict', 'row word ours stock runs')

# The words, and which of them still are regressions.
WORDS = collections.OrderedDict((
    ('regression', 'never passes here, passes on stock'),
    ('unsteady', 'passes at times here, always on stock'),
    ('broken', 'passes on neither: the baseline is of another time or machine'),
    ('flake', 'passes at times here, and not always on stock'),
    ('passes', 'always passes here when run again'),
))
STILL = ('regression', 'unsteady')


def judge(ours, stock, runs):
    if ours == runs:
        return 'passes'
    if ours == 0:
        return 'regression' if stock else 'broken'
    return 'unsteady' if stock == runs else 'flake'


def repeat(runner, cases, changes, driver, times, progress=None):
    """[Verdict] of the rows of CHANGES, each of whose tests is run TIMES times on both drivers.

    The two take turns, so that what else happens on the machine happens to both. A row that
    never passed and now crashes is asked only not to crash.
    """
    tests = list(dict.fromkeys(change.test for change in changes))
    rows = collections.OrderedDict((change.row, change) for change in changes)
    passed = {'ours': collections.Counter(), 'stock': collections.Counter()}
    jobs = [Job(cases[test], who, side) for test in tests for _ in range(times)
            for side, who in (('ours', driver), ('stock', 'stock'))]
    if progress:
        progress.total = len(jobs)

    def done(job, result):
        record = Record(job.case.name, result['rows'], result['seconds'])
        table = {row_name(record.test, part): status for part, status in record.rows.items()}
        for row, change in rows.items():
            if change.test == record.test:
                got = table.get(row, table.get(record.test, 'notrun'))
                passed[job.key][row] += (got == 'pass' if change.before == 'pass' else got not in DEAD)

    runner.run(jobs, done, progress)
    return [Verdict(row, judge(passed['ours'][row], passed['stock'][row], times),
                    passed['ours'][row], passed['stock'][row], times) for row in rows]


def text(verdicts):
    if not verdicts:
        return ''
    lines = ['', f'Run again, {verdicts[0].runs} times on both drivers (passes here, on stock):']
    for word, meaning in WORDS.items():
        some = [v for v in verdicts if v.word == word]
        if some:
            lines.append(f'  {word} ({meaning}): {len(some)}')
            lines += [f'    {v.ours}/{v.runs} {v.stock}/{v.runs}  {v.row}' for v in some]
    return '\n'.join(lines) + '\n'


def table(verdicts):
    return ('# test[@subtest], verdict, passes here, passes on stock, runs of each\n'
            + ''.join(f'{v.row}\t{v.word}\t{v.ours}\t{v.stock}\t{v.runs}\n' for v in verdicts))
