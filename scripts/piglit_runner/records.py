# SPDX-License-Identifier: MIT
"""What came out: the log of a run, tables of results, summaries, baselines.

A row is `test`, or `test@subtest` for a test that reports subtests; its result is one of piglit's
words. A table is {row: result}.
"""

import bz2
import collections
import contextlib
import gzip
import json
import lzma
import os

from verglas_host import ROOT, HostError

STATUSES = ('pass', 'warn', 'dmesg-warn', 'fail', 'dmesg-fail', 'timeout', 'crash', 'incomplete',
            'skip', 'notrun')
SERVER_MARK = '--- virgl_test_server:'  # before its part of a test's output
COLUMNS = ('pass', 'fail', 'crash', 'timeout', 'warn', 'skip', 'notrun')
BASELINES = os.path.join(ROOT, 'tests', 'piglit')
SUFFIXES = ('.tsv', '.tsv.xz', '.tsv.gz')


def row_name(test, part):
    return f'{test}@{part}' if part else test


class Record:
    """One test of a run."""

    __slots__ = ('test', 'rows', 'seconds', 'note', 'output')

    def __init__(self, test, rows, seconds, note='', output=''):
        self.test, self.rows, self.seconds = test, rows, seconds
        self.note, self.output = note, output

    def good(self):
        return set(self.rows.values()) <= {'pass', 'skip'}

    def reason(self):
        """One line on why it did not pass."""
        own, _, _ = self.output.partition(SERVER_MARK)
        said = [line.strip() for line in own.splitlines()
                if line.strip() and not line.startswith('PIGLIT:')]
        return '; '.join(filter(None, (self.note, said[-1][:160] if said else '')))

    def to_json(self):
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_json(cls, data):
        return cls(*(data[name] for name in cls.__slots__))


class Store:
    """The folder of a run: run.json says what is run, results.jsonl has a line a finished test."""

    def __init__(self, folder):
        self.folder = os.path.abspath(folder)
        self.options = {}
        self.records = collections.OrderedDict()
        self._log = None

    def path(self, name):
        return os.path.join(self.folder, name)

    def create(self):
        """Begin a new run. The folder may exist, but not with results in it."""
        try:
            os.makedirs(self.folder, exist_ok=True)
            self._log = open(self.path('results.jsonl'), 'a', encoding='utf-8')
            if self._log.tell():
                raise HostError(f'{self.folder} holds a run already: go on with it with --resume, or '
                                'name another folder')
            self.write('run.json', json.dumps(self.options, indent=1) + '\n')
        except OSError as error:
            raise HostError(f'cannot write to {self.folder}: {error.strerror}') from None

    def resume(self):
        """A run that was begun before, with what it has found."""
        try:
            with open(self.path('run.json'), encoding='utf-8') as f:
                self.options = json.load(f)
            whole = self._read_log()
            self._log = open(self.path('results.jsonl'), 'r+b')
            self._log.truncate(whole)
            self._log.close()
            self._log = open(self.path('results.jsonl'), 'a', encoding='utf-8')
        except FileNotFoundError:
            raise HostError(f'there is no run in {self.folder}') from None
        except (OSError, ValueError) as error:
            raise HostError(f'cannot read the run in {self.folder}: {error}') from None

    def _read_log(self):
        """Fill records; gives back where the last whole line ends (it may have been cut short)."""
        end = 0
        if not os.path.exists(self.path('results.jsonl')):
            open(self.path('results.jsonl'), 'wb').close()
        with open(self.path('results.jsonl'), 'rb') as f:
            for line in f:
                if not line.endswith(b'\n'):
                    break
                with contextlib.suppress(ValueError, KeyError):
                    record = Record.from_json(json.loads(line))
                    self.records[record.test] = record
                end += len(line)
        return end

    def add(self, record):
        self.records[record.test] = record
        self._log.write(json.dumps(record.to_json()) + '\n')
        self._log.flush()

    def write(self, name, text):
        """A file of the folder, whole or not at all."""
        partial = self.path(name + '.new')
        with open(partial, 'w', encoding='utf-8') as f:
            f.write(text)
        os.replace(partial, self.path(name))

    def table(self):
        return {row_name(r.test, part): status
                for r in self.records.values() for part, status in r.rows.items()}

    def write_results(self):
        lines = [f'{row_name(r.test, part)}\t{status}\t{r.seconds:.2f}\n'
                 for r in self.records.values() for part, status in r.rows.items()]
        self.write('results.tsv', '# test[@subtest], result, seconds of the test\n'
                   + ''.join(sorted(lines)))

    def close(self):
        if self._log is not None:
            self._log.close()
            self._log = None


def list_text(tests, cases):
    """A list of tests as catalogue.read_sections reads it."""
    lines, current = [], None
    for test in sorted(tests, key=lambda name: (cases[name].profile, name)):
        if cases[test].profile != current:
            current = cases[test].profile
            lines.append(f'[{current}]')
        lines.append(test)
    return ''.join(line + '\n' for line in lines)


def group(test):
    """The folder of piglit by which results are counted."""
    parts = test.split('@')
    return '@'.join(parts[:2]) if parts[0] == 'spec' and len(parts) > 2 else parts[0]


def summary(records):
    """Counts in all and by group, as text."""
    groups = collections.defaultdict(collections.Counter)
    total = collections.Counter()
    for record in records:
        for status in record.rows.values():
            column = {'dmesg-warn': 'warn', 'dmesg-fail': 'fail', 'incomplete': 'crash'}.get(status,
                                                                                            status)
            groups[group(record.test)][column] += 1
            total[column] += 1
    width = max([len(name) for name in groups] + [10])
    head = f'{"":{width}}' + ''.join(f'{name:>9}' for name in COLUMNS)

    def line(name, counts):
        return f'{name:{width}}' + ''.join(f'{counts[c] or "-":>9}' for c in COLUMNS)

    seconds = sum(record.seconds for record in records)
    return '\n'.join([f'{len(records)} tests, {sum(total.values())} results, '
                      f'{seconds / 60:.1f} minutes of tests', '', head, line('all', total), '']
                     + [line(name, groups[name]) for name in sorted(groups)]) + '\n'


def _open(path):
    opener = {'.gz': gzip.open, '.xz': lzma.open, '.bz2': bz2.open}.get(os.path.splitext(path)[1], open)
    return opener(path, 'rt', encoding='utf-8')


def parse_json(data):
    """{row: result} of piglit's own results.json."""
    table = {}
    for test, result in data['tests'].items():
        parts = {k: v for k, v in result.get('subtests', {}).items() if not k.startswith('__')}
        if not parts or (result['result'] in ('crash', 'incomplete')
                         and result['result'] not in parts.values()):
            table[test] = result['result']
        for part, status in parts.items():
            table[row_name(test, part)] = status
    return table


def parse_tsv(lines):
    """{row: result} of a table: row, result [, seconds]; or result, row; or result, profile, test,
    subtest (smoke-stock.tsv)."""
    table = {}
    for line in lines:
        fields = line.rstrip('\n').split('\t')
        if line.startswith('#') or len(fields) < 2:
            continue
        if fields[0] not in STATUSES and fields[1] in STATUSES:
            table[fields[0]] = fields[1]
        elif fields[0] in STATUSES and len(fields) == 4:
            table[row_name(fields[2], fields[3])] = fields[0]
        elif fields[0] in STATUSES:
            table[fields[1]] = fields[0]
        else:
            raise ValueError(f'no result in the line {line.strip()[:60]!r}')
    return table


def read_table(path):
    """The table of a file, or of the folder of a run of ours or of piglit's."""
    if os.path.isdir(path):
        names = ('results.tsv', 'results.json.bz2', 'results.json', 'results.json.gz',
                 'results.json.xz')
        found = [os.path.join(path, n) for n in names if os.path.exists(os.path.join(path, n))]
        if not found:
            raise HostError(f'there are no results in {path}')
        path = found[0]
    try:
        with _open(path) as f:
            table = parse_json(json.load(f)) if '.json' in os.path.basename(path) else parse_tsv(f)
    except (OSError, EOFError, ValueError, KeyError, lzma.LZMAError) as error:
        raise HostError(f'cannot read {path}: {getattr(error, "strerror", None) or error}') from None
    if not table:
        raise HostError(f'there is no result in {path}')
    return table


def baseline_path(kind, profile, gles):
    """A committed baseline of KIND (baseline: ours; stock), or None."""
    stem = os.path.join(BASELINES, f'{kind}-{profile}' + ('-gles' if gles else ''))
    return next((stem + s for s in SUFFIXES if os.path.exists(stem + s)), None)


def committed(kinds, profiles, gles):
    """The committed baselines of these profiles: a table, and {profile: name of its file}.

    For each profile it is the first of KINDS that there is.
    """
    table, names = {}, {}
    for profile in profiles:
        path = next(filter(None, (baseline_path(kind, profile, gles) for kind in kinds)), None)
        if path:
            table.update(read_table(path))
            names[profile] = os.path.basename(path)
    return table, names


def write_baseline(kind, profile, gles, table, head):
    """Commit a table as a baseline; gives back the file's path."""
    stem = os.path.join(BASELINES, f'{kind}-{profile}' + ('-gles' if gles else ''))
    text = ''.join(f'# {line}\n' for line in head) + ''.join(f'{row}\t{status}\n'
                                                             for row, status in sorted(table.items()))
    path = stem + '.tsv.xz'
    with open(path + '.new', 'wb') as f:
        f.write(lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME))
    os.replace(path + '.new', path)
    for suffix in set(SUFFIXES) - {'.tsv.xz'}:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(stem + suffix)
    return path
