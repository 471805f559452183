# SPDX-License-Identifier: MIT
"""Runs inside the guest: starts the commands that the host sends and passes on what they say.

It talks over a virtio-serial port, in frames of a kind (1 byte), a number (4 bytes, big endian),
a length (4 bytes) and so many bytes. The number names a command. Kinds:

    to the guest    R run (JSON)   I input (none: its end)   S signal (JSON)   W window size (JSON)
                    Q power off
    to the host     H hello (JSON)   O, E output and errors   X ended (JSON)   F did not start (JSON)

It is loaded over 9p on an emulated processor, so it imports as little as it can.
"""

import errno
import fcntl
import json
import os
import select
import signal
import struct
import sys
import termios
import time

PORT = 'org.verglas.agent'
HEAD = struct.Struct('>cII')
PIECE = 65536
# Descendants may hold the output open when the command itself has ended, and even go on writing:
# it is passed on for so long at most, and while no tenth of that time passes without some.
LINGER_S = 2.0


def find_port():
    """The device of our port: no udev here makes a link by its name."""
    base = '/sys/class/virtio-ports'
    for _ in range(100):
        for entry in os.listdir(base) if os.path.isdir(base) else []:
            try:
                with open(f'{base}/{entry}/name', encoding='ascii') as f:
                    if f.read().strip() == PORT:
                        return f'/dev/{entry}'
            except OSError:
                pass
        select.select([], [], [], 0.05)
    sys.exit('verglas: agent: the port to the host does not appear')


class Command:
    """A command of the host's, its pipes, and the process it became."""

    def __init__(self, number, request):
        self.number = number
        self.streams = {}  # descriptor → kind of frame
        self.input = None
        self.pending = bytearray()
        self.input_ends = False
        self.status = None
        self.terminal = request.get('terminal')
        error_reader, error_writer = os.pipe2(os.O_CLOEXEC)
        if self.terminal:
            master, slave = os.openpty()
            inner = (slave, slave, slave)
            self.input = master
            self.streams[master] = b'O'
            fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack('HHHH', *self.terminal, 0, 0))
        else:
            out, err = os.pipe(), os.pipe()
            self.streams = {out[0]: b'O', err[0]: b'E'}
            if request.get('input'):
                source, self.input = os.pipe()
            else:
                source = os.open(os.devnull, os.O_RDONLY)
            inner = (source, out[1], err[1])
        self.pid = os.fork()
        if self.pid == 0:
            self._become(request, inner, error_writer)
        os.close(error_writer)
        for descriptor in set(inner):
            os.close(descriptor)
        with os.fdopen(error_reader, 'rb') as f:
            self.failure = f.read().decode(errors='replace')
        for descriptor in {*self.streams, self.input} - {None}:
            os.set_inheritable(descriptor, False)
            os.set_blocking(descriptor, False)

    def _become(self, request, inner, error_writer):
        """In the child: the command, or a word on why not."""
        try:
            os.setsid()
            for number in (signal.SIGPIPE, signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.SIG_DFL)
            inner = [fcntl.fcntl(each, fcntl.F_DUPFD_CLOEXEC, 10) for each in inner]
            for target, descriptor in enumerate(inner):
                os.dup2(descriptor, target, inheritable=True)
            if self.terminal:
                fcntl.ioctl(0, termios.TIOCSCTTY, 0)
            try:
                os.chdir(os.fsencode(request['cwd']))
            except OSError as error:
                raise OSError(error.errno, f'cannot enter {request["cwd"]}: '
                              + os.strerror(error.errno)) from None
            argv = [os.fsencode(each) for each in request['argv']]
            env = {os.fsencode(k): os.fsencode(v) for k, v in request['env'].items()}
            os.execvpe(argv[0], argv, env)
        except OSError as error:
            if error.errno == errno.ENOENT and error.strerror == os.strerror(errno.ENOENT):
                text = f'there is no program {request["argv"][0]}'
            else:
                text = error.strerror
            os.write(error_writer, text.encode(errors='surrogateescape'))
        except BaseException as error:  # pylint: disable=broad-except
            os.write(error_writer, repr(error).encode())
        finally:
            os._exit(127)

    def feed(self, data):
        """Input from the host; none means that no more comes."""
        if self.input is None:
            return
        if data:
            self.pending += data
        else:
            self.input_ends = True
        self.pass_input()

    def pass_input(self):
        try:
            while self.pending:
                del self.pending[:os.write(self.input, self.pending[:PIECE])]
        except BlockingIOError:
            return
        except OSError:  # the command does not read any more
            self.pending.clear()
            self.input_ends = True
        if self.input_ends and not self.terminal:
            os.close(self.input)
            self.input = None


class Agent:
    """The loop."""

    def __init__(self):
        # A port has one reader and writer; no command may inherit it.
        self.port = os.open(find_port(), os.O_RDWR | os.O_CLOEXEC)
        self.commands = {}
        self.received = bytearray()
        self.wake_reader, wake_writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(wake_writer)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def send(self, kind, number, data):
        data = HEAD.pack(kind, number, len(data)) + data
        while data:
            data = data[os.write(self.port, data):]

    def tell(self, kind, number, **values):
        self.send(kind, number, json.dumps(values).encode())

    def run(self):
        self.tell(b'H', 0, release=os.uname().release, uptime=_uptime())
        while True:
            # Few descriptors, and they come and go: a new list each time is the simplest.
            poll = select.poll()
            poll.register(self.port, select.POLLIN)
            poll.register(self.wake_reader, select.POLLIN)
            for command in self.commands.values():
                events = dict.fromkeys(command.streams, select.POLLIN)
                if command.input is not None and command.pending:
                    events[command.input] = events.get(command.input, 0) | select.POLLOUT
                for descriptor, mask in events.items():
                    poll.register(descriptor, mask)
            ready = dict(poll.poll())
            if self.wake_reader in ready:
                os.read(self.wake_reader, 4096)
            for command in self.commands.values():
                if command.input in ready and command.pending:
                    command.pass_input()
                for descriptor in [each for each in command.streams if each in ready]:
                    if ready[descriptor] & ~select.POLLOUT:
                        self.pass_on(command, descriptor)
            if self.port in ready:
                self.receive()
            self.reap()

    def pass_on(self, command, descriptor):
        """Send what came; False when nothing more can come."""
        try:
            data = os.read(descriptor, PIECE)
        except BlockingIOError:
            return True
        except OSError:  # EIO: a terminal without a program
            data = b''
        if data:
            self.send(command.streams[descriptor], command.number, data)
            return True
        del command.streams[descriptor]
        if descriptor == command.input:
            command.input = None
        os.close(descriptor)
        return False

    def receive(self):
        data = os.read(self.port, PIECE)
        if not data:  # the host's end is closed
            select.select([], [], [], 0.1)
            return
        self.received += data
        while len(self.received) >= HEAD.size:
            kind, number, length = HEAD.unpack_from(self.received)
            if len(self.received) < HEAD.size + length:
                break
            payload = bytes(self.received[HEAD.size:HEAD.size + length])
            del self.received[:HEAD.size + length]
            self.obey(kind, number, payload)

    def obey(self, kind, number, payload):
        command = self.commands.get(number)
        if kind == b'R':
            command = Command(number, json.loads(payload))
            if command.failure:
                os.waitpid(command.pid, 0)
                for descriptor in {*command.streams, command.input} - {None}:
                    os.close(descriptor)
                self.tell(b'F', number, message=command.failure)
            else:
                self.commands[number] = command
        elif kind == b'I' and command:
            command.feed(payload)
        elif kind == b'S' and command:
            try:
                os.killpg(command.pid, json.loads(payload))
            except OSError:
                pass
        elif kind == b'W' and command and command.terminal and command.input is not None:
            fcntl.ioctl(command.input, termios.TIOCSWINSZ,
                        struct.pack('HHHH', *json.loads(payload), 0, 0))
        elif kind == b'Q':
            sys.exit(0)

    def reap(self):
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            for command in list(self.commands.values()):
                if command.pid == pid:
                    self.finish(command, status)

    def finish(self, command, status):
        """The rest of its output, then its status."""
        deadline = time.monotonic() + LINGER_S
        while command.streams and time.monotonic() < deadline:
            ready = select.select(list(command.streams), [], [], LINGER_S / 10)[0]
            if not ready:
                break
            for descriptor in ready:
                self.pass_on(command, descriptor)
        for descriptor in {*command.streams, command.input} - {None}:
            os.close(descriptor)
        del self.commands[command.number]
        self.tell(b'X', command.number, status=status)


def _uptime():
    with open('/proc/uptime', encoding='ascii') as f:
        return float(f.read().split()[0])


if __name__ == '__main__':
    Agent().run()
