# SPDX-License-Identifier: MIT
"""A run held against a baseline: what got worse, what got better, what came and went."""

import collections

from piglit_runner.catalogue import owner
from piglit_runner.records import row_name

# kind: its title. In this order they are shown; the first two fail a run.
KINDS = collections.OrderedDict((
    ('crash', 'New crashes and timeouts'),
    ('regression', 'Regressions'),
    ('failing', 'Not run before, failing now'),
    ('skipped', 'Failing before, skipped now'),
    ('gone', 'Disappeared'),
    ('fix', 'Fixes'),
    ('gained', 'Not run before, passing now'),
    ('new', 'New'),
    ('changed', 'Failing otherwise'),
))
BAD = ('crash', 'regression')
DEAD = ('crash', 'timeout', 'incomplete')
NOT_RUN = ('skip', 'notrun')

Change = collections.namedtuple('Change', 'kind test row before after')


def kind_of(before, after):
    """The kind of a change between two results (None: there was no such row), or None."""
    if before == after:
        return None
    if after in DEAD and before not in DEAD:
        return 'crash'
    if before == 'pass':
        return 'regression'
    if after is None:
        return 'gone'
    if before is None:
        return 'new' if after in ('pass',) + NOT_RUN else 'failing'
    if before in NOT_RUN:
        return 'gained' if after == 'pass' else 'changed' if after in NOT_RUN else 'failing'
    if after == 'pass':
        return 'fix'
    return 'skipped' if after in NOT_RUN else 'changed'


def compare(records, baseline, whole):
    """[Change] of {test: Record} against {row: result}, sorted by kind and name.

    WHOLE says that all of the baseline's tests were to run: then those without a record are gone.
    """
    changes = []
    rows_before = collections.defaultdict(dict)  # test: {row: result}
    strangers = []
    for row, status in baseline.items():
        test = owner(row, records)
        if test is None:
            strangers.append((row, status))
        else:
            rows_before[test][row] = status
    for test, record in records.items():
        after = {row_name(test, part): status for part, status in record.rows.items()}
        changes += _changes_of(test, rows_before.get(test, {}), after)
    if whole:
        changes += [Change('gone', row, row, status, None) for row, status in strangers]
    order = list(KINDS)
    return sorted(changes, key=lambda c: (order.index(c.kind), c.row))


def _changes_of(test, before, after):
    """The changes of one test's rows.

    A test that had one result for all (skipped, or ended early) and now tells its subtests apart
    is compared by that one result, and the other way round.
    """
    changes = []
    unreached = [row for row in before if row not in after and row != test]
    for row in {**before, **after}:
        was, now = before.get(row), after.get(row)
        if row == test and ((now is None and after) or (was is None and unreached)):
            continue  # the rows of the subtests tell it
        if row != test:
            was = was or before.get(test)
            now = now or after.get(test)
        if now is None and was == 'pass':
            now = 'notrun'
        kind = kind_of(was, now)
        if kind is not None:
            changes.append(Change(kind, test, row, was, now))
    return changes


def counts(changes):
    """{kind: (tests, rows)}"""
    tests, rows = collections.defaultdict(set), collections.Counter()
    for change in changes:
        tests[change.kind].add(change.test)
        rows[change.kind] += 1
    return {kind: (len(tests[kind]), rows[kind]) for kind in KINDS}


def bad_tests(changes):
    return sorted({change.test for change in changes if change.kind in BAD})


def text(changes, records, title, limit=None):
    """The comparison as text; LIMIT is how many tests of a kind are named at most."""
    lines = [title, '']
    for kind, (tests, rows) in counts(changes).items():
        lines.append(f'{KINDS[kind] + ":":30} {rows:6}'
                     + (f'  in {tests} tests' if tests != rows else ''))
    for kind in KINDS:
        by_test = collections.OrderedDict()
        for change in changes:
            if change.kind == kind:
                by_test.setdefault(change.test, []).append(change)
        if not by_test or (limit is not None and kind not in BAD):
            continue
        lines += ['', f'{KINDS[kind]}:']
        for number, (test, some) in enumerate(by_test.items()):
            if limit is not None and number == limit:
                lines.append(f'  and {len(by_test) - limit} tests more')
                break
            lines += _lines_of(test, some, records.get(test) if kind in BAD + ('failing',) else None)
    return '\n'.join(lines) + '\n'


def _lines_of(test, changes, record):
    lines = []
    ways = collections.OrderedDict()
    for change in changes:
        ways.setdefault((change.before or '-', change.after or '-'), []).append(change.row)
    for (before, after), rows in ways.items():
        parts = [row[len(test) + 1:] for row in rows if row != test]
        which = f' ({len(parts)} subtests: ' + ', '.join(parts[:4]) \
            + (', ...)' if len(parts) > 4 else ')') if parts else ''
        lines.append(f'  {before} -> {after}  {test}{which}')
    if record is not None and record.reason():
        lines.append('      ' + record.reason())
    return lines
