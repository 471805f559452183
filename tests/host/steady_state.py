# SPDX-License-Identifier: MIT
"""What a frame costs: glxgears must be one submission per frame, and what presents it."""

import collections
import os
import time

from host import programs
from host import proxy as vtest

WARM_UP = 60  # frames that may still make shaders and buffers
WANTED = 120  # frames that are then looked at
SECONDS = 40

# What reads a frame back to be shown, and the answered message that tells when it is there: a
# TRANSFER_GET2 into shared memory has no answer of its own.
PRESENTS = vtest.READS


def frames_of(log):
    """The messages of each frame, cut behind each read-back; what follows the last is left out."""
    frames, current = [], []
    for message in log:
        if current and message.command not in PRESENTS and any(
                m.command in PRESENTS for m in current) and message.command != vtest.RESOURCE_BUSY_WAIT:
            frames.append(current)
            current = []
        current.append(message)
    return frames


def faults(frames):
    """What is too much in the frames: {fault: how often}."""
    found = collections.Counter()
    for frame in frames:
        counts = collections.Counter(m.command for m in frame)
        if counts[vtest.SUBMIT_CMD] != 1:
            found[f'{counts[vtest.SUBMIT_CMD]} SUBMIT_CMD in a frame'] += 1
        if sum(counts[c] for c in PRESENTS) != 1:
            found[f'{sum(counts[c] for c in PRESENTS)} read-backs in a frame'] += 1
        if counts[vtest.RESOURCE_BUSY_WAIT] > 1:
            found[f'{counts[vtest.RESOURCE_BUSY_WAIT]} RESOURCE_BUSY_WAIT in a frame'] += 1
        for command in counts:
            if command not in PRESENTS + (vtest.SUBMIT_CMD, vtest.RESOURCE_BUSY_WAIT):
                found[f'{vtest.NAMES.get(command, command)} in a frame'] += 1
    return found


# Of RESOURCE_CREATE2 (virglrenderer, vtest_protocol.h) and of virgl_hw.h: what is shown is made red
# first, so that the host reads it back without exchanging channels.
FORMAT, BIND, DISPLAY_TARGET = 2, 3, 1 << 7
BLUE_FIRST = {1, 2, 100, 101}  # B8G8R8A8, B8G8R8X8 and both as sRGB


def blue_first(log):
    """How many of the pictures that are shown are kept blue first by the host; None without any."""
    shown = [m.words[FORMAT] for m in log if m.command == vtest.RESOURCE_CREATE2
             and len(m.words) > BIND and m.words[BIND] & DISPLAY_TARGET]
    return sum(f in BLUE_FIRST for f in shown) if shown else None


def record(bench, program):
    """The log of a program that draws through a proxy, until there are frames enough."""
    path = bench.socket()
    env = dict(bench.host.env(bench.config.driver), VTEST_SOCKET_NAME=path)
    with vtest.Proxy(path, bench.host.server.socket) as proxy:
        def until_enough(process):
            deadline = time.monotonic() + SECONDS
            while time.monotonic() < deadline and process.poll() is None:
                if sum(m.command in PRESENTS for m in list(proxy.log)) > WARM_UP + WANTED + 2:
                    return
                time.sleep(0.05)
        outcome = programs.watch([program], env, os.path.join(bench.logs, f'steady-{program}.log'),
                                 0.01, after=until_enough)
        log = list(proxy.log)
    with open(os.path.join(bench.logs, f'steady-{program}.messages'), 'w', encoding='utf-8') as f:
        f.writelines(f'{m}\n' for m in log)
    return outcome, log


def self_test(report):
    """The judgement must find faults in frames that have them."""
    def frame(*commands):
        return [vtest.Message(0, c, 0, b'') for c in commands]
    good = frame(vtest.SUBMIT_CMD, vtest.TRANSFER_GET2, vtest.RESOURCE_BUSY_WAIT)
    cases = {
        'a good frame': (good, False),
        'two submissions': (good[:1] + good, True),
        'no submission': (good[1:], True),
        'a resource': (frame(vtest.RESOURCE_CREATE2) + good, True),
        'an upload': (frame(vtest.TRANSFER_PUT2) + good, True),
        'a second wait': (good + good[2:], True),
        'a second read-back': (good[:2] + good[1:], True),
    }
    for name, (messages, bad) in cases.items():
        if bool(faults([messages])) == bad and frames_of(messages * 3 + good[:1]):
            report.passed(f'steady state self-test: {name}')
        else:
            report.failed(f'host: steady state self-test: {name}', 'is judged wrongly')


def run(bench):
    self_test(bench.report)
    for program in ('glxgears', 'es2gears_x11'):
        outcome, log = record(bench, program)
        frames = frames_of(log)[WARM_UP:WARM_UP + WANTED]
        if outcome.crashed() or len(frames) < WANTED:
            bench.report.failed(f'host: steady state of {program}',
                                f'only {len(frames)} frames came, status {outcome.status}')
            continue
        found = faults(frames)
        if found:
            what = ', '.join(f'{fault} ({n} of {WANTED})' for fault, n in found.most_common(4))
            bench.report.failed(f'host: steady state of {program}', what)
        else:
            bench.report.passed(f'steady state of {program}')
        wrong = blue_first(log)
        if wrong == 0 or bench.config.driver != 'verglas':
            bench.report.passed(f'order of channels of {program}')
        else:
            bench.report.failed(f'host: order of channels of {program}',
                                'nothing is made to be shown' if wrong is None else
                                f'the host has to exchange the channels of {wrong} pictures')
