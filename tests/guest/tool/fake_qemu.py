#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Stands in for qemu-system-x86_64: runs the guest's own agent on this machine, or fails.

FAKE_QEMU chooses: agent (the default), refuse (ends at once), hang (connects and says nothing),
panic (the kernel's last words on the console), crash (the agent, and a signal when the file
FAKE_CRASH appears).
"""

import os
import signal
import socket
import sys
import threading
import time

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.realpath(__file__)))))
sys.path.insert(0, os.path.join(REPOSITORY, 'scripts', 'guest'))

import agent  # noqa: E402  pylint: disable=wrong-import-position


def option(name, prefix):
    """The rest of the value of option NAME that begins with PREFIX."""
    for key, value in zip(sys.argv, sys.argv[1:]):
        if key == name and value.startswith(prefix):
            return value[len(prefix):]
    sys.exit(f'fake QEMU: no {name} {prefix}')


def crash_later():
    while not os.path.exists(os.environ['FAKE_CRASH']):
        time.sleep(0.02)
    os.kill(os.getpid(), signal.SIGKILL)


def main():
    mode = os.environ.get('FAKE_QEMU', 'agent')
    if sys.argv[1:] == ['--version']:
        print('QEMU emulator version 7.2.0')
        return
    if mode == 'refuse':
        print('2026-01-01T00:00:00.0Z qemu-system-x86_64: OpenGL is not supported by the display',
              file=sys.stderr)
        sys.exit(1)
    port = socket.socket(socket.AF_UNIX)
    port.connect(option('-chardev', 'socket,id=a,path='))
    with open(option('-serial', 'file:'), 'w', encoding='ascii') as console:
        console.write('[    1.000000] Linux\n')
        if mode == 'panic':
            console.write('[    2.000000] BUG: kernel NULL pointer dereference\n'
                          + '[    2.100000] register\n' * 3
                          + '[    2.200000] Kernel panic - not syncing: Fatal exception\n'
                          + '[    2.300000] more\n' * 50)
            sys.exit(0)
    if mode == 'hang':
        time.sleep(600)
    if mode == 'crash':
        threading.Thread(target=crash_later, daemon=True).start()
    # In place of the port that the kernel would have.
    agent.find_port = lambda: os.devnull
    served = agent.Agent()
    os.dup2(port.fileno(), served.port, inheritable=False)
    served.run()


if __name__ == '__main__':
    main()
