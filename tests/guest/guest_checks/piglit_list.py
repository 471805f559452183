# SPDX-License-Identifier: MIT
"""Piglit's tests of what only a real display and device have: glx, egl, dma-buf import, sync.

../piglit.txt names them; ../piglit-stock.tsv is what stock virgl makes of them in the same guest
(tests/run.py --record-stock guest). The programs are run directly: piglit itself would read all of
its profiles in the emulated guest first.
"""

import json
import os
import re
import shlex
import subprocess

from guest.errors import GuestError
from piglit import suite as piglit

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LIST = os.path.join(HERE, 'piglit.txt')
STOCK = os.path.join(HERE, 'piglit-stock.tsv')
PIGLIT = '/usr/lib/x86_64-linux-gnu/piglit'
PROFILE = 'quick_gl'
SECONDS = 60
RETRIES = 1


def commands(names):
    """{name: argv}, as piglit knows them."""
    try:
        done = subprocess.run(['piglit', 'print-cmd', PROFILE, '--format', '{name}\t{command}'],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise GuestError(f'piglit does not tell its tests: {error}') from None
    known = {}
    for line in done.stdout.splitlines():
        name, _, command = line.partition('\t')
        if name in names:
            argv = shlex.split(command)
            argv[0] = os.path.join(PIGLIT, 'bin', os.path.basename(argv[0]))
            known[name] = argv
    return known


def parse(result):
    """{part: status} and the last line that was said, of a program that ended."""
    parts, whole = {}, None
    for text in re.findall(r'^PIGLIT: (\{.*\})\s*$', result.out, re.M):
        try:
            said = json.loads(text)
        except ValueError:
            continue
        parts.update(said.get('subtest', {}))
        whole = said.get('result', whole)
    if result.status is None:
        parts[''] = 'timeout'
    elif result.status < 0:
        parts[''] = 'crash'
    elif not parts:
        parts[''] = whole or 'fail'
    lines = [line.strip() for line in (result.err + '\n' + result.out).splitlines()
             if line.strip() and not line.startswith('PIGLIT:')]
    return parts, lines[-1][:160] if lines else ''


def run_one(bench, argv, label):
    env = {'PIGLIT_PLATFORM': 'x11_egl' if 'glx' not in argv[0] else 'glx',
           'PIGLIT_SOURCE_DIR': PIGLIT, 'PIGLIT_NO_WINDOW_DEFAULT': '0'}
    if not os.path.exists(argv[0]):
        return {'': 'notrun'}, f'there is no {argv[0]}'
    return parse(bench.run(argv, f'piglit {label}', timeout=SECONDS, env=env))


def names_of_list():
    with open(LIST, encoding='utf-8') as f:
        return [line.strip() for line in f if line.strip() and not line.startswith('#')]


def run(bench):
    names = names_of_list()
    known = commands(set(names))
    stock = piglit.read_stock(STOCK)
    with bench.part(f"{len(names)} of piglit's tests"):
        for name in names:
            if name not in known:
                bench.report.failed(f'guest: piglit {name}', 'piglit does not know this test')
                continue
            for attempt in range(1 + RETRIES):
                parts, said = run_one(bench, known[name], name)
                reason = piglit.judge(parts, stock.get((PROFILE, name), {}))
                if reason is None:
                    break
                bench.report.say(f'guest: piglit {name}: attempt {attempt + 1}: {reason} [{said}]')
            bench.check(reason is None, f'piglit {name}', f'{reason} [{said}]')
        bench.check(bench.machine.x_alive(), 'X after piglit', 'Xorg has ended')


def record(bench):
    """Write piglit-stock.tsv anew."""
    names = names_of_list()
    known = commands(set(names))
    with open(STOCK, 'w', encoding='utf-8') as out:
        out.write('# Stock virgl in the guest on piglit.txt: status, profile, test, subtest.\n'
                  '# Made by tests/run.py --record-stock guest.\n')
        for name in names:
            if name not in known:
                bench.report.failed(f'piglit {name}', 'piglit does not know this test')
                continue
            parts, said = run_one(bench, known[name], name)
            bench.report.say(f'{name}: {" ".join(sorted(set(parts.values())))} {said}')
            for part, status in sorted(parts.items()):
                out.write(f'{status}\t{PROFILE}\t{name}\t{part}\n')
