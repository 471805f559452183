# SPDX-License-Identifier: MIT
"""The host's end of the line to the agent (agent.py), and the commands that run over it."""

import contextlib
import json
import os
import signal
import socket
import struct
import threading
import time

from guest.errors import GuestError

PORT = 'org.verglas.agent'
HEAD = struct.Struct('>cII')


class Process:
    """A command in the guest.

    out and err collect what it says, unless callbacks on_out and on_err take the pieces; those run
    on the channel's thread. status is None while it runs, then as subprocess counts it.
    """

    def __init__(self, channel, number, argv, on_out=None, on_err=None):
        self.argv = argv
        self.number = number
        self.status = None
        self.failure = None
        self._channel = channel
        self._out, self._err = bytearray(), bytearray()
        self._on_out = on_out or self._out.extend
        self._on_err = on_err or self._err.extend

    @property
    def out(self):
        return self._out.decode(errors='replace')

    @property
    def err(self):
        return self._err.decode(errors='replace')

    @property
    def out_bytes(self):
        return bytes(self._out)

    def poll(self):
        return self.status

    def wait(self, timeout=None):
        """Until it has ended; None after TIMEOUT seconds without that."""
        self._channel.wait_for(lambda: self.status is not None, timeout)
        if self.failure:
            raise GuestError(f'cannot run {self.argv[0]}: {self.failure}')
        return self.status

    def send_input(self, data):
        """For its standard input; nothing (b'') ends that."""
        self._channel.send(b'I', self.number, data)

    def send_signal(self, number):
        """To the command and its children, unless they left its session."""
        if self.status is None:
            self._channel.send(b'S', self.number, json.dumps(int(number)).encode())

    def resize(self, rows, columns):
        self._channel.send(b'W', self.number, json.dumps([rows, columns]).encode())

    def end(self, grace=5.0):
        """Ask it to end, then kill it; its status, or None when not even that is answered."""
        for number, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, 20.0)):
            if self.status is None:
                self.send_signal(number)
                self._channel.wait_for(lambda: self.status is not None, patience)
        return self.status

    def take(self, kind, payload):
        """A frame from the agent; the channel's thread calls."""
        if kind == b'O':
            self._on_out(payload)
        elif kind == b'E':
            self._on_err(payload)
        elif kind == b'X':
            self.status = os.waitstatus_to_exitcode(json.loads(payload)['status'])
        elif kind == b'F':
            self.failure = json.loads(payload)['message']
            self.status = 127


class Channel:
    """Listens on a socket to which QEMU connects the guest's port; CHECK raises when it is dead."""

    def __init__(self, path, check):
        self._check = check
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(path)
        self._listener.listen(1)
        self._socket = None
        self._thread = None
        self._changed = threading.Condition()
        self._send_lock = threading.Lock()
        self._processes = {}
        self._last = 0
        self.hello = None
        self.error = None

    def accept(self, timeout=15.0):
        """QEMU connects at once when it starts."""
        self._listener.settimeout(0.1)
        for _ in range(int(timeout * 10)):
            self._check()
            with contextlib.suppress(TimeoutError):
                self._socket, _ = self._listener.accept()
                break
        else:
            raise GuestError(f'QEMU does not start within {timeout:.0f} s')
        self._socket.settimeout(None)
        self._thread = threading.Thread(target=self._read, name='guest-channel', daemon=True)
        self._thread.start()

    def wait_for(self, predicate, timeout=None):
        """Until PREDICATE holds (True) or TIMEOUT seconds are over (False)."""
        deadline = float('inf') if timeout is None else time.monotonic() + timeout
        with self._changed:
            while not predicate():
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                if self.error:
                    raise self.error
                self._check()
                self._changed.wait(min(0.25, left))
        return True

    def spawn(self, argv, env, cwd, on_out=None, on_err=None, **options):
        """Start a command; the result comes back at once, whether it could be started later."""
        with self._changed:
            self._last += 1
            process = Process(self, self._last, argv, on_out, on_err)
            self._processes[process.number] = process
        request = {'argv': argv, 'env': env, 'cwd': cwd, **options}
        self.send(b'R', process.number, json.dumps(request).encode())
        return process

    def send(self, kind, number, payload):
        try:
            with self._send_lock:
                self._socket.sendall(HEAD.pack(kind, number, len(payload)) + payload)
        except OSError:
            self._check()
            raise GuestError('the guest does not listen any more') from None

    def _read(self):
        received = bytearray()
        while True:
            try:
                data = self._socket.recv(1 << 16)
            except OSError:
                data = b''
            if not data:
                break
            received += data
            while len(received) >= HEAD.size:
                kind, number, length = HEAD.unpack_from(received)
                if len(received) < HEAD.size + length:
                    break
                payload = bytes(received[HEAD.size:HEAD.size + length])
                del received[:HEAD.size + length]
                self._take(kind, number, payload)
        with self._changed:
            self._changed.notify_all()

    def _take(self, kind, number, payload):
        if kind in b'OE':
            # Without the lock: a callback may block, on a full pipe of ours for one.
            process = self._processes.get(number)
            try:
                if process:
                    process.take(kind, payload)
            except Exception as error:  # pylint: disable=broad-except
                self.error = error
            return
        with self._changed:
            if kind == b'H':
                self.hello = json.loads(payload)
            elif number in self._processes:
                self._processes.pop(number).take(kind, payload)
            self._changed.notify_all()

    def close(self):
        for each in (self._socket, self._listener):
            if each is not None:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
                each.close()
        if self._thread is not None:
            self._thread.join(2.0)
