# SPDX-License-Identifier: MIT
"""The caller's terminal or pipe as the standard input of a command in the guest."""

import contextlib
import os
import select
import shutil
import signal
import sys
import termios
import threading
import tty


class Terminal:
    """A context manager. With INTERACTIVE the command gets a terminal of its own, and ours is raw.

    Otherwise our standard input is passed on when it is a pipe or a file; a terminal's is not,
    as then nobody means it.
    """

    def __init__(self, interactive):
        self.interactive = interactive and sys.stdin.isatty() and sys.stdout.isatty()
        self.forward = self.interactive or self._is_pipe_or_file()
        # A terminal is silent rather than at its end: kmscube stops at that.
        self.silent = sys.stdin is not None and sys.stdin.isatty()
        self._saved = None
        self._process = None
        self._thread = None
        self._stop_reader, self._stop_writer = os.pipe()

    @staticmethod
    def _is_pipe_or_file():
        with contextlib.suppress(OSError, ValueError, AttributeError):
            descriptor = sys.stdin.fileno()
            if os.isatty(descriptor):
                return False
            return os.fstat(descriptor).st_rdev != os.stat(os.devnull).st_rdev
        return False

    @staticmethod
    def _size():
        size = shutil.get_terminal_size()
        return size.lines, size.columns

    def options(self):
        """For Guest.spawn."""
        if self.interactive:
            return {'terminal': self._size()}
        return {'input': self.forward or self.silent}

    def attach(self, process):
        """From now on, what is typed goes to PROCESS."""
        if not self.forward:
            return
        self._process = process
        if self.interactive:
            tty.setraw(0, termios.TCSANOW)  # what was typed ahead stays
            signal.signal(signal.SIGWINCH, lambda *_: process.resize(*self._size()))
        self._thread = threading.Thread(target=self._pump, name='guest-input', daemon=True)
        self._thread.start()

    def _pump(self):
        # A descriptor that cannot be polled, such as a file, always counts as ready.
        with contextlib.suppress(Exception):
            while self._stop_reader not in (ready := select.select([0, self._stop_reader],
                                                                   [], [])[0]):
                data = os.read(0, 16384) if ready else b''
                self._process.send_input(data)
                if not data:
                    return

    def __enter__(self):
        if self.interactive:
            self._saved = termios.tcgetattr(0)
        return self

    def __exit__(self, *_):
        os.write(self._stop_writer, b'.')
        if self._thread is not None:
            self._thread.join(1.0)
        if self._saved is not None:
            signal.signal(signal.SIGWINCH, signal.SIG_DFL)
            termios.tcsetattr(0, termios.TCSADRAIN, self._saved)
        for descriptor in (self._stop_reader, self._stop_writer):
            os.close(descriptor)
