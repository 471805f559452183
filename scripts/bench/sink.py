#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The sink host: what the guest's side costs, and what it sends, with nobody to render it.

    scripts/bench/sink.py [--driver verglas|stock] [--case N] [--seconds S] [--commands] [--threads]

runs case N of piglit's drawoverhead on tests/bench/sink_host, which answers as virgl_test_server
does, and prints draws, dwords of the stream and CPU time of the client, per draw, as they were
within the measured time.
"""

import argparse
import contextlib
import json
import math
import mmap
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import cases
import verglas_host
from jobs import Figure, Job
from verglas_host import HostError

# A program's first draws find cold caches, its shaders are not translated yet, and so on.
WARM_UP = 0.4
START_LIMIT = 30.0


class SinkHost:
    """A sink host with the face of a virgl_test_server, which is asked and ended; a context manager."""

    def __init__(self, validate=False, program=None):
        self.validate = validate
        self.program = program or os.path.join(verglas_host.build_folder(), 'tests', 'bench',
                                               'sink_host')
        self.folder = None
        self.process = None
        self.socket = None
        self.layout = None
        self._map = None

    def start(self):
        if not os.access(self.program, os.X_OK):
            raise HostError(f'there is no {self.program}: run bin/setup')
        self.layout = json.loads(subprocess.run([self.program, '--layout'], capture_output=True,
                                                check=True).stdout)
        self.folder = verglas_host.private_folder()
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def _start(self):
        caps = os.path.join(self.folder, 'sink')
        self.socket = os.path.join(self.folder, 'sink-vtest')
        counters = os.path.join(self.folder, 'counters')
        log_path = os.path.join(self.folder, 'sink.log')
        with verglas_host.Server() as real, open(log_path, 'wb') as log:
            self.process = verglas_host.spawn(
                [self.program, '--socket-path=' + self.socket, '--caps-from=' + real.socket,
                 '--counters=' + counters] + (['--validate'] if self.validate else []),
                stdout=log, stderr=log, env=verglas_host.clean_env())
            deadline = time.monotonic() + START_LIMIT
            while not self._answers():
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise HostError('the sink host does not start: '
                                    + (verglas_host.last_line(log_path) or 'it said nothing'))
                time.sleep(0.02)
        with open(counters, 'rb') as f:
            self._map = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ)

    def _answers(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            try:
                probe.connect(self.socket)
                return True
            except OSError:
                return False

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def stop(self):
        if self._map is not None:
            self._map.close()
            self._map = None
        if self.process is not None:
            verglas_host.end(self.process)
            self.process = None
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def _slot(self, index):
        size = self.layout['slot_bytes']
        for _ in range(1000):
            data = self._map[index * size:(index + 1) * size]
            before = struct.unpack_from('<Q', data)[0]
            if before % 2 == 0 and struct.unpack_from('<Q', self._map, index * size)[0] == before:
                break
            time.sleep(0.0001)
        found = {}
        for name, (offset, count) in self.layout['fields'].items():
            values = struct.unpack_from(f'<{count}Q', data, offset)
            found[name] = values[0] if count == 1 else values
        start, length = self.layout['fault']
        found['fault'] = data[start:start + length].split(b'\0')[0].decode(errors='replace')
        return found

    def connections(self, pid=None):
        """What was counted of each connection, of a process or of all."""
        slots = (self._slot(i) for i in range(self.layout['slots']))
        return [s for s in slots if s['state'] and (pid is None or s['pid'] == pid)]

    def counters(self, pid):
        """The connection of a process that has sent most; None before there is one."""
        return max(self.connections(pid), key=lambda s: s['submits'], default=None)

    def by_name(self, before, after):
        """Commands between two moments: name to (count, dwords)."""
        found = {}
        for i, name in enumerate(self.layout['commands']):
            count = after['command_count'][i] - before['command_count'][i]
            if count:
                found[name] = (count,
                               after['command_dwords'][i] - before['command_dwords'][i])
        for verb in ('create', 'bind', 'destroy'):
            for i, name in enumerate(self.layout['objects']):
                count = after[f'{verb}_count'][i] - before[f'{verb}_count'][i]
                if count:
                    found[f'  {verb} {name}'] = (count, None)
        return found

    def messages_by_name(self, before, after):
        return {name: after['message_count'][i] - before['message_count'][i]
                for i, name in enumerate(self.layout['message_names'])
                if after['message_count'][i] > before['message_count'][i]}


def thread_times(pid):
    """Seconds on a CPU of each thread: tid to (name, seconds)."""
    found = {}
    for tid in os.listdir(f'/proc/{pid}/task'):
        with contextlib.suppress(OSError, IndexError, ValueError):
            with open(f'/proc/{pid}/task/{tid}/schedstat', encoding='ascii') as f:
                seconds = int(f.read().split()[0]) / 1e9
            with open(f'/proc/{pid}/task/{tid}/comm', encoding='utf-8', errors='replace') as f:
                found[int(tid)] = (f.read().strip(), seconds)
    return found


class Sample:
    """Two moments of a program on the sink, and what happened between them, per draw."""

    def __init__(self, before, after):
        (self.counted_before, times_before, began) = before
        (self.counted_after, times_after, ended) = after
        self.seconds = ended - began
        self.threads = {tid: (name, spent - times_before.get(tid, (name, 0.0))[1])
                        for tid, (name, spent) in times_after.items()}
        self.said = None  # what the program itself says, in thousand draws/s

    def delta(self, name):
        return self.counted_after[name] - self.counted_before[name]

    @property
    def metrics(self):
        draws = self.delta('draws')
        if draws <= 0:
            raise cases.CaseFailed('nothing was drawn within the measured time')
        pid = self.counted_after['pid']
        payload = (self.delta('put_bytes') + self.delta('get_bytes')) / 4
        return {
            'kdraws_per_s': self.said,
            'kdraws_per_s_sampled': draws / self.seconds / 1000,
            'draws': draws,
            'dwords_per_draw': self.delta('dwords') / draws,
            'dwords_and_payload_per_draw': (self.delta('dwords') + payload) / draws,
            'commands_per_draw': self.delta('commands') / draws,
            'draws_per_submit': draws / max(1, self.delta('submits')),
            'app_us_per_draw': 1e6 * self.threads.get(pid, ('', 0.0))[1] / draws,
            # What would bound the rate on a machine with cores enough.
            'busiest_us_per_draw': 1e6 * max(s for _, s in self.threads.values()) / draws,
            'client_us_per_draw': 1e6 * sum(s for _, s in self.threads.values()) / draws,
        }


def moment(sink, pid):
    counted = sink.counters(pid)
    return counted, thread_times(pid), time.monotonic()


def take_sample(sink, process, seconds):
    """Wait until PROCESS draws and is warm, and look at it twice, SECONDS apart."""
    def check():
        if process.poll() is not None:
            raise cases.CaseFailed('it ended before it was measured')
        if not sink.alive():
            raise HostError('the sink host has ended')
    deadline = time.monotonic() + START_LIMIT
    while not (sink.counters(process.pid) or {'draws': 0})['draws']:
        check()
        if time.monotonic() > deadline:
            raise cases.CaseFailed(f'it draws nothing within {START_LIMIT:.0f} s')
        time.sleep(0.02)
    time.sleep(WARM_UP)
    check()
    before = moment(sink, process.pid)
    time.sleep(seconds)
    check()
    try:
        return Sample(before, moment(sink, process.pid))
    except OSError:
        raise cases.CaseFailed('it ended while it was measured') from None


def run_drawoverhead(sink, env, number, seconds):
    """Case NUMBER of drawoverhead, measured for SECONDS: its Sample."""
    program = os.path.join(cases.PIGLIT, 'drawoverhead')
    samples = []
    match = cases.run_for_match(
        # It takes whole seconds only.
        [program, '-test', str(number), '-duration', str(math.ceil(seconds + WARM_UP + 0.3)),
         '-auto', '-fbo'], env, re.compile(rf'^\s*{number}, (.*?)\s*,\s*([0-9.]+),', re.M),
        60 + seconds, meanwhile=lambda process: samples.append(
            take_sample(sink, process, seconds)))
    samples[0].said = float(match[2])
    samples[0].label = match[1]
    return samples[0]


class DrawOverhead(Job):
    """A case of drawoverhead on the sink host: its rate, what it sends, what it costs."""

    native = False  # there is no stream
    rounds = 3
    # Of a figure's name: what it is of a Sample's metrics, its unit, and whether less is better.
    # A microsecond per draw is a second per million draws.
    KINDS = {
        '': ('kdraws_per_s_sampled', 'kdraws/s', False),
        '-dwords': ('dwords_per_draw', 'dw/draw', True),
        '-commands': ('commands_per_draw', 'commands', True),
        '-payload': ('dwords_and_payload_per_draw', 'dw/draw', True),
        '-app': ('app_us_per_draw', 'us/draw', True),
        '-client': ('client_us_per_draw', 'us/draw', True),
    }

    def __init__(self, number):
        self.number = number
        self.figures = [Figure(f'sink-drawoverhead-{number}{kind}', 'sink' + kind, unit,
                               quick=not kind and number in cases.QUICK_SINK, less=less)
                        for kind, (_, unit, less) in self.KINDS.items()]

    def run(self, bed, driver, wanted):
        sample = run_drawoverhead(bed.sink, bed.sink_env(driver), self.number, 0.6)
        for figure, kind in zip(self.figures, self.KINDS):
            text = kind.replace('-', ', ') or ''
            figure.label = f'sink {self.number} {cases.short_label(sample.label)}{text}'
        metrics = sample.metrics
        return {figure.name: metrics[key]
                for figure, (key, _, _) in zip(self.figures, self.KINDS.values())}


def report(sink, sample, options):
    m = sample.metrics
    print(f'{options.driver} {options.case}: {sample.label}')
    for text, value in (('thousand draws/s, as the program says', m['kdraws_per_s']),
                        ('thousand draws/s, sampled', m['kdraws_per_s_sampled']),
                        ('draws in the sample', m['draws']),
                        ('dwords per draw', m['dwords_per_draw']),
                        ('dwords per draw with payload', m['dwords_and_payload_per_draw']),
                        ('commands per draw', m['commands_per_draw']),
                        ('draws per submission', m['draws_per_submit']),
                        ('application thread, us per draw', m['app_us_per_draw']),
                        ('busiest thread, us per draw', m['busiest_us_per_draw']),
                        ('whole client, us per draw', m['client_us_per_draw'])):
        print(f'  {text:40} {value:14.3f}' if isinstance(value, float) else
              f'  {text:40} {value:10}')
    if options.threads:
        for tid, (name, spent) in sorted(sample.threads.items(), key=lambda t: -t[1][1]):
            if spent > 0:
                print(f'    thread {name:20} {1e6 * spent / m["draws"]:10.4f} us per draw')
    if options.commands:
        counted = sink.by_name(sample.counted_before, sample.counted_after)
        for name, (count, dwords) in counted.items():
            size = '' if dwords is None else f'{dwords / m["draws"]:12.4f} dwords per draw'
            print(f'    {name:36} {count / m["draws"]:12.5f} per draw {size}')
        for name, count in sink.messages_by_name(sample.counted_before,
                                                 sample.counted_after).items():
            print(f'    message {name:28} {count / m["draws"]:12.5f} per draw')
    if sample.counted_after['faults']:
        print(f'  {sample.counted_after["faults"]} faults, first: {sample.counted_after["fault"]}')


def main():
    parser = argparse.ArgumentParser(description='a case of drawoverhead on the sink host')
    parser.add_argument('--driver', choices=('verglas', 'stock', 'both'), default='verglas')
    parser.add_argument('--case', type=int, default=1, metavar='N', help='1 to 39')
    parser.add_argument('--seconds', type=float, default=1.0, metavar='S')
    parser.add_argument('--commands', action='store_true', help='commands and messages by name')
    parser.add_argument('--threads', action='store_true', help="each thread's CPU time")
    parser.add_argument('--validate', action='store_true', help='hold streams to the validator')
    options = parser.parse_args()
    with verglas_host.Display(private=True) as display, SinkHost(options.validate) as sink:
        for driver in ('verglas', 'stock') if options.driver == 'both' else (options.driver,):
            options.driver = driver
            env = verglas_host.client_env(driver, sink.socket, display.name)
            try:
                sample = run_drawoverhead(sink, env, options.case, options.seconds)
                report(sink, sample, options)
            except cases.CaseFailed as failure:
                raise HostError(f'{driver}: {failure}') from None
    return 0


if __name__ == '__main__':
    verglas_host.run_main(main)
