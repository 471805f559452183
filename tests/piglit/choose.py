#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Choose the tests of piglit-smoke: writes smoke.txt, and smoke-stock.tsv beside it.

usage: tests/piglit/choose.py [--tests N] [--run FILE]... PROFILE=FILE...

Each FILE is a results.jsonl or results.tsv of bin/piglit, or a committed table. Those of profiles are stock
virgl's. With --run they are of Verglas: then a test that fails there, or takes long, is not chosen.
Every folder of a profile that has a test which passes on stock gives one at least; the others, up to N for all
profiles together (5000; an idle CPU does 5 to 6 a second), are shared out by the roots of the folders' sizes. With
the SEED below and the same files the choice is the same.
"""

import argparse
import collections
import json
import lzma
import math
import os
import random
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
SEED = 4
# Longer ones, and those that measure time or fill the memory, are for whole runs.
LONGEST = 10.0
LEFT_OUT = ('timing', 'time-elapsed', 'max-size', 'maxsize', 'max-texture', 'streaming-texture-leak',
            'glx-multithread', 'timestamp')
# Chosen by hand, whatever a run of ours said: what once failed on Verglas alone.
ALWAYS = {'quick_gl': ('spec@arb_shader_atomic_counters@respecify-buffer',
                       'spec@ext_transform_feedback@tessellation polygon wireframe')}


def lines(path):
    opener = lzma.open if path.endswith('.xz') else open
    with opener(path, 'rt', encoding='utf-8') as f:
        yield from f


def read(path):
    """{test: ({part: status}, seconds or None)} of either kind of file."""
    found = {}
    for line in lines(path):
        if line.startswith('{'):
            result = json.loads(line)
            found[result['test']] = result['rows'], result['seconds']
        elif not line.startswith('#') and line.strip():
            name, status, *rest = line.rstrip('\n').split('\t')
            test, part = split_row(name)
            rows, _ = found.get(test, ({}, None))
            rows[part] = status
            found[test] = rows, float(rest[0]) if rest else None
    return found


def split_row(name):
    """A row's test and subtest: names of both may hold an @, so those that piglit knows decide."""
    if name in KNOWN:
        return name, ''
    for at in range(len(name) - 1, 0, -1):
        if name[at] == '@' and name[:at] in KNOWN:
            return name[:at], name[at + 1:]
    return name, ''


KNOWN = set()


def fit(rows, seconds):
    """Whether a test says something: all that it has passes, or is skipped, and something passes."""
    return (set(rows.values()) <= {'pass', 'skip'} and 'pass' in rows.values()
            and (seconds is None or seconds <= LONGEST))


def choose(tests, count, always):
    folders = collections.defaultdict(list)
    for test in sorted(tests):
        folders[test.rpartition('@')[0]].append(test)
    turns = []  # a generator for each folder: what changes in one leaves the others alone
    for folder, names in sorted(folders.items()):
        random.Random(f'{SEED} {folder}').shuffle(names)
        # The n-th of a folder comes when n / root of its size does; the first ones before all others.
        turns += [(n / math.sqrt(len(names)) if n else -1.0, test) for n, test in enumerate(names)]
    turns.sort()
    first = [test for when, test in turns if when < 0]
    return sorted(set(first) | {t for t in always if t in tests}
                  | {test for _, test in turns[:max(count, len(first))]})


def main():
    parser = argparse.ArgumentParser(description='choose the tests of piglit-smoke')
    parser.add_argument('--tests', type=int, default=5000)
    parser.add_argument('--run', action='append', default=[], metavar='FILE')
    parser.add_argument('stock', nargs='+', metavar='PROFILE=FILE')
    options = parser.parse_args()
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(HERE)), 'scripts'))
    from piglit_runner import catalogue

    paths = dict(argument.split('=', 1) for argument in options.stock)
    profiles = {profile: catalogue.load(profile) for profile in paths}
    for known in profiles.values():
        KNOWN.update(known)
    ours = {}
    for path in options.run:
        ours.update(read(path))
    good, tables = {}, {}
    for profile, path in paths.items():
        tables[profile] = read(path)
        good[profile] = {test for test, result in tables[profile].items()
                         if test in profiles[profile] and fit(*result)
                         and (test not in ours or fit(*ours[test])
                              or test in ALWAYS.get(profile, ()))
                         and not any(word in test.lower() for word in LEFT_OUT)}
    listed, recorded = sections(os.path.join(HERE, 'smoke.txt'), 'sanity'), []
    for profile, table in tables.items():
        # Tests of the smaller profile say more each; so by the root again.
        share = math.sqrt(len(good[profile])) / sum(math.sqrt(len(g)) for g in good.values())
        chosen = choose(good[profile], round(options.tests * share), ALWAYS.get(profile, ()))
        print(f'{profile}: {len(chosen)} of {len(good[profile])} tests', file=sys.stderr)
        listed += [f'[{profile}]'] + chosen
        recorded += [f'{status}\t{profile}\t{test}\t{part}' for test in chosen
                     for part, status in sorted(table[test][0].items())]
    with open(os.path.join(HERE, 'smoke-stock.tsv'), encoding='utf-8') as f:
        sanity = [line.rstrip('\n') for line in f if line.split('\t')[1:2] == ['sanity']]
    with open(os.path.join(HERE, 'smoke.txt'), 'w', encoding='utf-8') as f:
        f.write('# The fixed list of piglit-smoke: a section for each profile of piglit, a test a line, chosen by\n'
                '# choose.py from every folder that has a test which passes on stock virgl.\n'
                + '\n'.join(listed) + '\n')
    with open(os.path.join(HERE, 'smoke-stock.tsv'), 'w', encoding='utf-8') as f:
        f.write('# Stock virgl on smoke.txt: status, profile, test, subtest.\n'
                '# Made by choose.py of whole runs, or by tests/run.py --record-stock.\n'
                + '\n'.join(sanity + recorded) + '\n')


def sections(path, wanted):
    """The lines of one section of a list, its head included."""
    inside, found = False, []
    for line in lines(path):
        if line.startswith('['):
            inside = line.strip() == f'[{wanted}]'
        if inside and line.strip():
            found.append(line.strip())
    return found


if __name__ == '__main__':
    main()
