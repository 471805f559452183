#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A program of the piglit that tree.py makes: what it does, its first argument says.

Beside doing that it adds a line to the file that FAKE_LOG names: a run that happened.
"""

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time


def say(**what):
    print('PIGLIT: ' + json.dumps(what), flush=True)


def connect():
    """A connection to the server, and the server's process, which is the one that listens."""
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.connect(os.environ['VTEST_SOCKET_NAME'])
    return client, peer(client)


def peer(client):
    return struct.unpack('3i', client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]


def children(pid):
    for entry in os.listdir('/proc'):
        try:
            with open(f'/proc/{entry}/stat', encoding='utf-8') as f:
                if int(f.read().rpartition(')')[2].split()[1]) == pid:
                    yield int(entry)
        except (OSError, ValueError, IndexError):
            pass


def create_renderer():
    """VCMD_CREATE_RENDERER, with which each connection begins."""
    name = b'fake\0'
    return struct.pack('<II', len(name), 8) + name


def renderer_of(client, server):
    """The renderer that the server has forked for us."""
    client.sendall(create_renderer())
    until = time.monotonic() + 10
    while time.monotonic() < until:
        for pid in children(server):
            return pid
        time.sleep(0.05)
    raise SystemExit('no renderer')


def times_before(what):
    """How often this program did WHAT before."""
    with open(os.environ['FAKE_LOG'], encoding='utf-8') as f:
        return f.read().splitlines().count(what) - 1


def main(what):
    with open(os.environ['FAKE_LOG'], 'a', encoding='utf-8') as f:
        f.write(what + '\n')
    stock = 'dri' == os.path.basename(os.environ['LIBGL_DRIVERS_PATH']) and \
        os.environ['LIBGL_DRIVERS_PATH'].startswith('/usr/')
    if what.startswith('slow'):
        time.sleep(0.4)
        say(result='pass')
    elif what.startswith('alive'):  # whether server and display are there
        client, _ = connect()
        client.settimeout(2.5)
        client.sendall(create_renderer() + struct.pack('<II', 0, 10))  # VCMD_PING_PROTOCOL_VERSION
        client.recv(8, socket.MSG_WAITALL)
        done = subprocess.run(['xdpyinfo'], stdout=subprocess.DEVNULL, check=False)
        say(result='fail' if done.returncode else 'pass')
    elif what in ('fail', 'skip', 'warn'):
        print(f'why it is {what}')
        say(result=what)
    elif what == 'pass':
        say(result='pass')
    elif what == 'parts':
        say(**{'enumerate subtests': ['One', 'two', 'three']})
        say(subtest={'One': 'pass'})
        say(subtest={'two': 'fail'})
        say(subtest={'three': 'skip'})
        say(result='fail')
        return 1
    elif what == 'parts-crash':
        say(subtest={'one': 'pass'})
        os.abort()
    elif what == 'crash':
        os.kill(os.getpid(), signal.SIGSEGV)
    elif what == 'silent':
        pass
    elif what == 'half':
        print('PIGLIT: {"resu')
        return 1
    elif what == 'hang':  # deaf to SIGTERM, and with a child that is as deaf
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        say(subtest={'before': 'pass'})
        os.fork()
        time.sleep(600)
    elif what == 'orphan':  # leaves a process behind that keeps its output open
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            time.sleep(600)
        say(result='pass')
    elif what == 'stuck-renderer':
        client, server = connect()
        os.kill(renderer_of(client, server), signal.SIGSTOP)
        time.sleep(600)
    elif what == 'left-renderer':  # ends well, and its renderer stays
        client, server = connect()
        os.kill(renderer_of(client, server), signal.SIGSTOP)
        say(result='pass')
    elif what == 'stopped-server':
        _, server = connect()
        os.kill(server, signal.SIGSTOP)
        time.sleep(600)
    elif what == 'kill-server':
        _, server = connect()
        os.kill(server, signal.SIGKILL)
        print('the server is gone')
        say(result='fail')
        return 1
    elif what == 'kill-display':
        number = os.environ['DISPLAY'].lstrip(':')
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.connect(f'\0/tmp/.X11-unix/X{number}')
            os.kill(peer(client), signal.SIGKILL)
        time.sleep(0.5)
        say(result='fail')
    elif what == 'lonely':  # no renderer of a test before is there for long
        time.sleep(8)
        client, server = connect()
        say(result='pass' if len(list(children(server))) < 2 else 'fail')
    elif what == 'flood':
        while True:
            sys.stdout.write('x' * 65536)
    elif what == 'stock-only':
        say(result='pass' if stock else 'fail')
    elif what == 'flaky':  # every other time, on either driver
        say(result='pass' if times_before(what) // 2 % 2 else 'fail')
    elif what == 'unlucky':  # the first time only
        say(result='pass' if times_before(what) else 'fail')
    else:
        raise SystemExit(f'no such thing: {what}')
    return 0


sys.exit(main(sys.argv[1]))
