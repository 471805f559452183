# SPDX-License-Identifier: MIT
"""Programs under observation: started with a time limit, their end and their stderr judged."""

import os
import signal
import subprocess
import time

import verglas_host

# What the driver says about its host begins so, whichever part of it speaks.
PREFIX = 'verglas: '


class Outcome:
    """How a program ended: status is None when it had to be ended from outside."""

    def __init__(self, status, seconds, said, stuck):
        self.status, self.seconds, self.said, self.stuck = status, seconds, said, stuck

    def driver_lines(self):
        return [line for line in self.said.splitlines() if line.startswith(PREFIX)]

    def crashed(self):
        return self.status is not None and self.status < 0


def cpu_ticks(pid):
    """CPU time of a process and its threads so far, or None when it is gone."""
    try:
        with open(f'/proc/{pid}/stat', encoding='utf-8', errors='replace') as f:
            fields = f.read().rpartition(')')[2].split()
        return int(fields[11]) + int(fields[12])
    except (OSError, IndexError):
        return None


def watch(args, env, log_path, limit, after=None):
    """Run a program until it ends, or for LIMIT seconds, counted from what after() does if given.

    A program that is still there then is ended; it counts as stuck when it used no CPU time in the
    last second, for then it does not even do its work without a host.
    """
    with open(log_path, 'wb') as log:
        process = verglas_host.spawn(args, env=env, stdout=log, stderr=log)
    began = time.monotonic()
    try:
        if after:
            after(process)
            began = time.monotonic()
        stuck = False
        try:
            status = process.wait(limit)
        except subprocess.TimeoutExpired:
            status = None
            before = cpu_ticks(process.pid)
            time.sleep(1)
            stuck = cpu_ticks(process.pid) == before
        seconds = time.monotonic() - began
    finally:
        verglas_host.end(process)
    with open(log_path, encoding='utf-8', errors='replace') as f:
        said = f.read()
    return Outcome(status, seconds, said, stuck)


def judge(outcome, socket_path, limit, may_go_on):
    """None when a program has taken the loss of its host well, else what is wrong, in a line."""
    lines = outcome.driver_lines()
    if outcome.crashed():
        return f'crash ({signal.Signals(-outcome.status).name})'
    if outcome.status is None and not may_go_on:
        return f'still running after {limit:.0f} s'
    if outcome.status is None and outcome.stuck:
        return f'hangs: no CPU time used after {limit:.0f} s'
    if not lines:
        last = [s for s in outcome.said.splitlines() if s.strip()]
        return 'says nothing on stderr about the host' + (f' (but "{last[-1][:90]}")' if last else '')
    if len(lines) > 1:
        return f'{len(lines)} lines on stderr instead of one: {lines[0]} | {lines[1]}'
    if os.path.basename(socket_path) not in lines[0]:
        return f'the line does not name the socket: {lines[0]}'
    return None


def judge_strange(outcome, limit):
    """As judge(), for a host with strange capabilities: with those a program may also just work."""
    if outcome.crashed():
        return f'crash ({signal.Signals(-outcome.status).name})'
    if outcome.status is None and outcome.stuck:
        return f'hangs: no CPU time used after {limit:.0f} s'
    if len(outcome.driver_lines()) > 1:
        return f'{len(outcome.driver_lines())} lines on stderr: {outcome.driver_lines()[0]}'
    return None
