# SPDX-License-Identifier: MIT
"""A man in the middle of a vtest connection: sees each message, and can spoil what goes through.

Facts of the protocol, from vtest_protocol.h (Mesa 22.3) and virglrenderer 0.10's vtest server:
a message is a length and a command id, two little-endian dwords, then `length` dwords of body;
only of CREATE_RENDERER the length counts bytes. Answers have the same header, except that
RESOURCE_CREATE2 is answered by a file descriptor with one byte. GET_CAPS and GET_CAPS2 are answered
by a header with the capset's number as its id and the capset's bytes plus one as its length.
"""

import array
import contextlib
import os
import select
import socket
import struct
import threading
import time

GET_CAPS = 1
RESOURCE_CREATE = 2
RESOURCE_UNREF = 3
TRANSFER_GET = 4
TRANSFER_PUT = 5
SUBMIT_CMD = 6
RESOURCE_BUSY_WAIT = 7
CREATE_RENDERER = 8
GET_CAPS2 = 9
PING_PROTOCOL_VERSION = 10
PROTOCOL_VERSION = 11
RESOURCE_CREATE2 = 12
TRANSFER_GET2 = 13
TRANSFER_PUT2 = 14
GET_PARAM = 15
GET_CAPSET = 16
CONTEXT_INIT = 17
RESOURCE_CREATE_BLOB = 18
SYNC_CREATE = 19
SYNC_UNREF = 20
SYNC_READ = 21
SYNC_WRITE = 22
SYNC_WAIT = 23
SUBMIT_CMD2 = 24

NAMES = {value: name for name, value in list(globals().items())
         if name.isupper() and isinstance(value, int)}

# What reads a resource back.
READS = (TRANSFER_GET, TRANSFER_GET2)

# Ids of the answers that bring a capset: the first two count bytes, see above.
CAPSETS = (1, 2, GET_CAPSET)


class Closed(Exception):
    """One side has closed the connection."""


def read_exactly(sock, count):
    data = b''
    while len(data) < count:
        try:
            more = sock.recv(count - len(data))
        except OSError as error:
            raise Closed from error
        if not more:
            raise Closed
        data += more
    return data


class Message:
    """What a client sent: when, which command, how many dwords, and the first of them."""

    __slots__ = ('connection', 'time', 'command', 'length', 'words')

    def __init__(self, connection, command, length, body):
        self.connection = connection
        self.time = time.monotonic()
        self.command = command
        self.length = length
        count = min(len(body) // 4, 12)
        self.words = struct.unpack(f'<{count}I', body[:count * 4])

    def __str__(self):
        return f'{NAMES.get(self.command, self.command)}[{self.length}] {list(self.words[:4])}'


class Listener:
    """Accepts connections on a socket path and hands each to serve() in a thread of its own."""

    def __init__(self, path):
        self.path = path
        self.connections = 0
        self._threads = []
        self._open = set()
        self._lock = threading.Lock()
        self._stopping = False
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        self._socket.bind(path)
        self._socket.listen(16)

    def serve(self, connection, index):
        raise NotImplementedError

    def keep(self, sock):
        """Remember a socket, so that stop() wakes whoever waits on it."""
        with self._lock:
            self._open.add(sock)
        if self._stopping:
            self.drop(sock)
        return sock

    def drop(self, sock):
        with self._lock:
            self._open.discard(sock)
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
        sock.close()

    def _accept(self):
        while not self._stopping:
            if not select.select([self._socket], [], [], 0.1)[0]:
                continue
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            index = self.connections
            self.connections += 1
            self.keep(connection)
            thread = threading.Thread(target=self._run, args=(connection, index), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _run(self, connection, index):
        try:
            self.serve(connection, index)
        except (Closed, OSError):
            pass
        finally:
            self.drop(connection)

    def __enter__(self):
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()
        return self

    def __exit__(self, *_):
        self._stopping = True
        self._acceptor.join()
        self._socket.close()
        with self._lock:
            left = list(self._open)
        for sock in left:
            self.drop(sock)
        for thread in self._threads:
            thread.join(5)
        with contextlib.suppress(OSError):
            os.unlink(self.path)


class Proxy(Listener):
    """Passes everything on between clients and the server at UPSTREAM, and keeps a log of it.

    on_message(proxy, message) is called before a client's message is passed on; when it answers
    False, the connection is cut there and then. spoil() makes, for each connection, a function that may
    change answers of the handshake, up to the first capset: (command, header, body) → the bytes to
    send instead, and whether to close the connection after them.
    """

    def __init__(self, path, upstream, on_message=None, spoil=None):
        super().__init__(path)
        self.upstream = upstream
        self.on_message = on_message
        self.spoil = spoil
        self.log = []

    def serve(self, connection, index):
        server = self.keep(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        server.connect(self.upstream)
        back = threading.Thread(target=self._answers, args=(server, connection), daemon=True)
        back.start()
        try:
            while True:
                header = read_exactly(connection, 8)
                length, command = struct.unpack('<II', header)
                body = read_exactly(connection, length if command == CREATE_RENDERER else length * 4)
                message = Message(index, command, length, body)
                if self.on_message and not self.on_message(self, message):
                    return
                self.log.append(message)
                server.sendall(header + body)
        finally:
            self.drop(server)
            self.drop(connection)
            back.join(5)

    def _answers(self, server, connection):
        try:
            if self.spoil:
                self._handshake(server, connection)
            while True:
                data, rights, _flags, _ = server.recvmsg(1 << 16, socket.CMSG_SPACE(4 * 8))
                if not data:
                    break
                fds = array.array('i')
                for level, kind, bits in rights:
                    if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                        fds.frombytes(bits[:len(bits) - len(bits) % fds.itemsize])
                sent = connection.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)]
                                          if fds else [])
                for fd in fds:
                    os.close(fd)
                if sent < len(data):
                    connection.sendall(data[sent:])
        except (Closed, OSError):
            pass
        finally:
            self.drop(connection)

    def _handshake(self, server, connection):
        spoil = self.spoil()
        while True:
            header = read_exactly(server, 8)
            length, command = struct.unpack('<II', header)
            body = read_exactly(server, length - 1 if command in (1, 2) else length * 4)
            changed, cut = spoil(command, header, body)
            connection.sendall(changed)
            if cut:
                raise Closed
            if command in CAPSETS:
                return
