# SPDX-License-Identifier: MIT
"""Hosts that are missing, broken or hostile: one clear line, no crash, no hang beyond 5 s."""

import itertools
import os
import random
import signal
import struct
import threading
import time

from host import programs
from host import proxy as vtest
import verglas_host

GRACE = 5.0  # what a failing host may cost beyond the program's own time
NORMAL = 3.0  # which this machine may need to load the driver under load


class Silent(vtest.Listener):
    """Accepts, reads, never answers."""

    def serve(self, connection, index):
        while True:
            vtest.read_exactly(connection, 1)


class Closing(vtest.Listener):
    """Closes at once after accepting."""

    def serve(self, connection, index):
        pass


class Noise(vtest.Listener):
    """Sends random bytes, whatever it is asked."""

    def serve(self, connection, index):
        source = random.Random(index)
        while True:
            vtest.read_exactly(connection, 8)
            connection.sendall(source.randbytes(4096))


class Zeros(vtest.Listener):
    """Sends zeros: headers that are too short and of no command."""

    def serve(self, connection, index):
        while True:
            vtest.read_exactly(connection, 8)
            connection.sendall(bytes(4096))


def spoil_at(position, change):
    """For each connection, what changes the answer at a position of the handshake."""
    def fresh():
        count = itertools.count()

        def spoil(command, head, body):
            number = next(count)
            here = number == position if isinstance(position, int) else command in position
            return change(command, head, body) if here else (head + body, False)
        return spoil
    return fresh


def header(length, command):
    return struct.pack('<II', length, command)


# What can be wrong with an answer of the handshake. Each is (bytes to send, close after them).
ANSWERS = {
    'a wrong command id': lambda c, h, b: (header(struct.unpack('<I', h[:4])[0], 77) + b, False),
    'a huge length': lambda c, h, b: (header(0xfffffff0, c) + b, False),
    'length 0': lambda c, h, b: (header(0, c) + b, True),
    'half a header': lambda c, h, b: (h[:5], True),
}
CAPS = {
    'caps cut off': lambda c, h, b: (h + b[:len(b) // 2], True),
    'caps of 8 bytes': lambda c, h, b: (header(9, c) + b[:8], True),
    'a hanging server amid caps': lambda c, h, b: (h + b[:40], False),
}
# Capsets that are whole, but say too little or too much. A driver may believe what makes sense of
# them and go on, or refuse with a line.
STRANGE_CAPS = {
    'caps of zeros': lambda c, h, b: (h + bytes(len(b)), False),
    'caps of ones': lambda c, h, b: (h + b'\xff' * len(b), False),
    'caps of noise': lambda c, h, b: (h + random.Random(1).randbytes(len(b)), False),
    'caps of other noise': lambda c, h, b: (h + random.Random(2).randbytes(len(b)), False),
}


class Bench:
    """What all of these tests need: a host, places, and the programs to run."""

    def __init__(self, report, config, host, render_program):
        self.report, self.config, self.host = report, config, host
        self.logs = config.log_folder('host')
        self.folder = verglas_host.private_folder()
        self.render_program = render_program
        self._number = 0

    def args(self, program):
        if program == 'render':
            return [self.render_program, 'draw-many', self.logs]
        if program == 'render-es':
            return [self.render_program, 'es3-basics', self.logs]
        return [program]

    def socket(self):
        self._number += 1
        return os.path.join(self.folder, f's{self._number}')

    def check(self, name, program, socket_path, limit=GRACE + NORMAL, after=None, may_go_on=False,
              may_work=False):
        env = self.host.env(self.config.driver)
        env['VTEST_SOCKET_NAME'] = socket_path
        log_path = os.path.join(self.logs, f'{name}-{program}.log'.replace(' ', '-'))
        outcome = programs.watch(self.args(program), env, log_path, limit, after)
        if may_work:
            reason = programs.judge_strange(outcome, limit)
        else:
            reason = programs.judge(outcome, socket_path, limit, may_go_on)
        if reason is None:
            self.report.passed(name)
        else:
            self.report.failed(f'host: {name}, {program}', reason)
        return outcome


def missing_servers(bench):
    """No server at all, or something that is no server."""
    plain = bench.socket()
    with open(plain, 'w', encoding='utf-8') as f:
        f.write('not a socket\n')
    folder = bench.socket()
    os.mkdir(folder)
    places = {'no server': os.path.join(bench.folder, 'nothing'), 'a file for a socket': plain,
              'a folder for a socket': folder, 'a path too long': bench.folder + '/' + 'x' * 200}
    for name, place in places.items():
        for program in ('glxgears', 'es2gears_x11', 'glxinfo', 'render'):
            bench.check(name, program, place)


def bad_servers(bench):
    """Servers that are no virgl server."""
    for name, kind in (('a closing server', Closing), ('a silent server', Silent),
                       ('a server of noise', Noise), ('a server of zeros', Zeros)):
        for program in ('glxgears', 'es2gears_x11', 'glxinfo', 'render'):
            path = bench.socket()
            with kind(path):
                bench.check(name, program, path)


def bad_answers(bench):
    """A true server, of whose answers one is spoiled on the way."""
    upstream = bench.host.server.socket
    for program in ('glxgears', 'render'):
        for position in range(3):
            for name, change in ANSWERS.items():
                path = bench.socket()
                with vtest.Proxy(path, upstream, spoil=spoil_at(position, change)):
                    bench.check(f'{name} in answer {position}', program, path)
        for name, change in CAPS.items():
            path = bench.socket()
            with vtest.Proxy(path, upstream, spoil=spoil_at(vtest.CAPSETS, change)):
                bench.check(name, program, path)
        for name, change in STRANGE_CAPS.items():
            path = bench.socket()
            with vtest.Proxy(path, upstream, spoil=spoil_at(vtest.CAPSETS, change)):
                bench.check(name, program, path, limit=3 if program == 'glxgears' else 30,
                            may_work=True)


# How many messages pass before the connection is cut, for scenes that say little (one batch) and
# for scenes that map, read and wait much.
CUTS = {
    'draw-many': range(3, 16),
    'buffer-map-flags': range(6, 60, 4),
    'transfer-in-use': range(7, 40, 5),
    'query-availability': range(7, 40, 4),
    'transfer-read-in-turn': range(8, 40, 5),
    'format-read-back': range(10, 90, 9),
    'sync-two-drawing': range(6, 40, 3),
}


def cut_connections(bench):
    """A server that goes away after so many messages, whatever they are."""
    for scene, counts in CUTS.items():
        for count in counts:
            cut_connection(bench, scene, count)


def cut_connection(bench, scene, count):
    path = bench.socket()
    refused = []

    def on_message(proxy, message):
        if len(proxy.log) < count:
            return True
        refused.append(message)
        return False

    with vtest.Proxy(path, bench.host.server.socket, on_message=on_message):
        env = bench.host.env(bench.config.driver)
        env['VTEST_SOCKET_NAME'] = path
        outcome = programs.watch([bench.render_program, scene, bench.logs], env,
                                 os.path.join(bench.logs, f'cut-{scene}-{count}.log'),
                                 GRACE + NORMAL)
        reason = programs.judge(outcome, path, GRACE + NORMAL, False)
    # Who is cut off with nothing more to ask, at the end, has no reason to complain.
    asked = [m for m in refused if m.command not in (vtest.RESOURCE_UNREF, vtest.SUBMIT_CMD)]
    done = outcome.status == 0 and not asked
    if reason is None or done:
        bench.report.passed('a cut connection')
    else:
        bench.report.failed(f'host: {scene} cut off after {count} messages', reason)


def children(pid):
    out = []
    for entry in os.listdir('/proc'):
        if entry.isdigit():
            try:
                with open(f'/proc/{entry}/stat', encoding='utf-8', errors='replace') as f:
                    if int(f.read().rpartition(')')[2].split()[1]) == pid:
                        out.append(int(entry))
            except (OSError, IndexError, ValueError):
                pass
    return out


def killed_in_mid_frame(bench):
    """The renderer is killed while a program draws; another program then finds all as before."""
    server = bench.host.server
    for program in ('glxgears', 'es2gears_x11', 'render'):
        path = bench.socket()
        drawing = threading.Event()
        wanted = 30 if program != 'render' else 2

        def on_message(proxy, message, wanted=wanted, drawing=drawing):
            if sum(m.command == vtest.SUBMIT_CMD for m in proxy.log[-4 * wanted:]) >= wanted:
                drawing.set()
                time.sleep(0.05)  # leave room for the kill within this very frame
            return True

        def kill(process, drawing=drawing, program=program):
            if not drawing.wait(20):
                bench.report.failed(f'host: {program} before the kill', 'does not draw')
            for child in children(server.process.pid):
                os.kill(child, signal.SIGKILL)

        with vtest.Proxy(path, server.socket, on_message=on_message):
            bench.check('a renderer killed in mid-frame', program, path, after=kill,
                        may_go_on=program != 'render')
        if not server.alive():
            bench.report.failed('host: after the kill', 'the server is gone too')
            return


def nonsense_in_mid_frame(bench):
    """After some frames an answer is noise: the context is lost, nothing is believed."""
    for program in ('glxgears', 'render'):
        path = bench.socket()
        frames = 30 if program == 'glxgears' else 2
        with Turncoat(path, bench.host.server.socket, frames) as proxy:
            bench.check('nonsense in mid-frame', program, path, may_go_on=program == 'glxgears',
                        after=lambda _p, proxy=proxy: proxy.turned.wait(20))


class Turncoat(vtest.Proxy):
    """A proxy that, after so many submissions, itself answers waits: with nonsense."""

    def __init__(self, path, upstream, submissions):
        super().__init__(path, upstream, on_message=self._turn)
        self.turned = threading.Event()
        self._left = submissions
        self._clients = {}

    def serve(self, connection, index):
        self._clients[index] = connection
        super().serve(connection, index)

    def _turn(self, _proxy, message):
        if message.command == vtest.SUBMIT_CMD:
            self._left -= 1
        if self._left <= 0 and message.command == vtest.RESOURCE_BUSY_WAIT:
            self._clients[message.connection].sendall(b'\xa5\x5a' * 600)
            self.turned.set()
        return True


def recovers(bench):
    """The server that lost its renderers still serves: the host itself is unharmed."""
    outcome = programs.watch(bench.args('render'), bench.host.env(bench.config.driver),
                             os.path.join(bench.logs, 'recovers.log'), 30)
    if outcome.status == 0:
        bench.report.passed('a program after all of this')
    else:
        bench.report.failed('host: a program after all of this',
                            f'ends with {outcome.status}: {outcome.said.strip()[-120:]}')


def run(bench):
    missing_servers(bench)
    bad_servers(bench)
    bad_answers(bench)
    cut_connections(bench)
    killed_in_mid_frame(bench)
    nonsense_in_mid_frame(bench)
    recovers(bench)
