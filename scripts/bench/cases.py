# SPDX-License-Identifier: MIT
"""Running programs that print a figure, and piglit's drawoverhead."""

import os
import pty
import re
import select
import subprocess
import time

import verglas_host

PIGLIT = '/usr/lib/x86_64-linux-gnu/piglit/bin'
ESCAPES = re.compile(r'\x1b\[[0-9;]*m')
# Those that --quick runs; the others are named by drawoverhead's own output.
QUICK_DRAWOVERHEAD = (1, 4, 9)
QUICK_SINK = (9,)
DRAWOVERHEAD_CASES = 39


class CaseFailed(Exception):
    """This case gave no result on this driver; the message says why, in a line."""


def run_for_match(command, env, pattern, limit, stop_early=False, meanwhile=None):
    """Run COMMAND and return the match of PATTERN in its output.

    Its output goes to a terminal of its own, which makes the C library print line by line. With
    stop_early the program is ended once the line is there: it would go on for ever. meanwhile is
    called with the running process, before its output is looked at.
    """
    master, slave = pty.openpty()
    try:
        process = verglas_host.spawn(command, env=env, stdout=slave, stderr=subprocess.STDOUT)
    except OSError as error:
        os.close(master)
        raise CaseFailed(f'cannot run {command[0]}: {error.strerror}') from None
    finally:
        os.close(slave)
    deadline = time.monotonic() + limit
    text = ''
    match = None
    timed_out = False
    try:
        if meanwhile:
            meanwhile(process)
        while not (stop_early and match):
            left = deadline - time.monotonic()
            if left <= 0:
                timed_out = True
                break
            if not select.select([master], [], [], left)[0]:
                continue
            try:
                more = os.read(master, 65536)
            except OSError:  # EIO: all writers are gone
                more = b''
            if not more:
                break
            text += more.decode(errors='replace')
            # Whole lines only: the number at the end of half a line may be half a number.
            match = match or pattern.search(ESCAPES.sub('', text[:text.rfind('\n') + 1]))
        if not timed_out and not (stop_early and match):
            process.wait(timeout=max(0.1, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        timed_out = True
    finally:
        verglas_host.end(process)
        os.close(master)
    said = [line.strip() for line in ESCAPES.sub('', text).splitlines() if line.strip()]
    if timed_out:
        raise CaseFailed(f'no end within {limit:.0f} s')
    if not stop_early and process.returncode != 0:
        how = f'status {process.returncode}'
        if process.returncode < 0:
            how = f'signal {-process.returncode}'
        raise CaseFailed(how + (': ' + said[-1] if said else ''))
    if match is None:
        raise CaseFailed('no result: ' + (said[-1] if said else 'no output'))
    return match


def short_label(text):
    """"DrawElements (16 VBO| 8 UBO|  8 Tex) w/ x change" as "DrawElements 16/8/8 x"."""
    counts = re.search(r'\((.*?)\)', text)
    bound = '/'.join(re.findall(r'\d+', counts[1])) if counts else ''
    text = re.sub(r'\s*\(.*?\)\s*w/\s*', f' {bound} ', text)
    return re.sub(r' change$', '', re.sub(r'\s+', ' ', text))


class DrawOverhead:
    unit = 'kdraws/s'

    def __init__(self, number):
        self.number = number
        self.name = f'drawoverhead-{number}'
        self.label = self.name
        self.quick = number in QUICK_DRAWOVERHEAD

    def run(self, env):
        program = os.path.join(PIGLIT, 'drawoverhead')
        match = run_for_match([program, '-test', str(self.number), '-duration', '1', '-auto',
                               '-fbo'], env,
                              re.compile(rf'^\s*{self.number}, (.*?)\s*,\s*([0-9.]+),', re.M), 60)
        self.label = f'{self.number} ' + short_label(match[1])
        return float(match[2])
