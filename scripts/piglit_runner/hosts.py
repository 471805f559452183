# SPDX-License-Identifier: MIT
"""A slot: a server and an X display of its own, and the one test that runs on them.

With a pair for each test that runs at a time, what happens to a server, or what a renderer goes
on doing, is known to come from one test; and tests that need the screen for themselves (piglit
runs those one by one) run beside others.
"""

import contextlib
import os
import re
import signal
import subprocess
import time

import verglas_host
from piglit_runner.records import SERVER_MARK

OUTPUT_LIMIT = 64 << 20  # bytes of a test's output, and of a server's log
TAIL = 4096  # bytes that are kept of what a test said
GRACE = 2.0  # seconds from SIGTERM to SIGKILL, for a test
# What the server says of each client that comes and goes.
USUAL = re.compile(r'client failed: VTEST_CLIENT_ERROR_INPUT_READ|GLSL feature level|gl_version '
                   r'|vtest_client_dispatch_commands: client context created')
LINGER = 5.0  # seconds that a renderer may outlive its client


def tail(path, start=0, size=TAIL):
    """The last SIZE bytes of what a file holds from START on, as text."""
    with contextlib.suppress(OSError):
        with open(path, 'rb') as f:
            end = f.seek(0, os.SEEK_END)
            f.seek(max(start, end - size))
            # A server's log that was emptied has a hole up to where it is written.
            return f.read().replace(b'\0', b'').decode('utf-8', 'replace')
    return ''


def read_all(path):
    with contextlib.suppress(OSError):
        with open(path, encoding='utf-8', errors='replace') as f:
            return f.read()
    return ''


def stat_of(pid):
    """(state, parent, start time) of a process, or None; the start time tells reused ids apart."""
    with contextlib.suppress(OSError, IndexError):
        with open(f'/proc/{pid}/stat', encoding='utf-8', errors='replace') as f:
            fields = f.read().rpartition(')')[2].split()
        return fields[0], int(fields[1]), int(fields[19])
    return None


def children(pid):
    """{process: start time} of the living children of a process."""
    found = {}
    for entry in os.listdir('/proc'):
        if entry.isdigit():
            stat = stat_of(entry)
            if stat and stat[1] == pid and stat[0] not in 'ZX':
                found[int(entry)] = stat[2]
    return found


def signal_name(number):
    with contextlib.suppress(ValueError):
        return signal.Signals(number).name
    return f'signal {number}'


class Running:
    """One execution of one test's program."""

    def __init__(self, case, env, folder, timeout):
        self.case = case
        self.out_path = os.path.join(folder, 'out')
        self.err_path = os.path.join(folder, 'err')
        self.began = time.monotonic()
        self.deadline = self.began + timeout
        self.timeout = timeout
        self.stopped = None  # why we ended it
        self.asked = False
        self.error = None
        self.process = self.pidfd = None
        cwd = case.test.cwd or folder
        try:
            with open(self.out_path, 'wb') as out, open(self.err_path, 'wb') as err:
                self.process = verglas_host.spawn(case.command(), env=env, cwd=cwd, stdout=out,
                                                  stderr=err)
            self.pidfd = os.pidfd_open(self.process.pid)
        except OSError as error:
            self.error = error

    def finished(self):
        """Whether it has ended; it stays a zombie, so that its group keeps its number."""
        if self.process is None:
            return True
        return os.waitid(os.P_PID, self.process.pid,
                         os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def signal(self, number):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, number)

    def supervise(self, now):
        """End it when its time is over, or when it writes without end."""
        if self.process is None:
            return
        if self.stopped is None:
            if now >= self.deadline:
                self.stopped = f'timed out after {self.timeout:.0f} s'
            else:
                with contextlib.suppress(OSError):
                    if max(os.path.getsize(self.out_path),
                           os.path.getsize(self.err_path)) > OUTPUT_LIMIT:
                        self.stopped = f'wrote more than {OUTPUT_LIMIT >> 20} MiB'
                        self.deadline = now
        if self.stopped is not None and now >= self.deadline:
            self.signal(signal.SIGKILL if self.asked else signal.SIGTERM)
            self.asked = True
            self.deadline = now + GRACE

    def reap(self):
        """After finished(): the program's status, with all that it started ended."""
        if self.process is None:
            return None
        self.signal(signal.SIGKILL)
        status = self.process.wait()
        # Its children have come to us (verglas_host.spawn): reap them, they are dead as well.
        until = time.monotonic() + 1
        with contextlib.suppress(ChildProcessError):
            while time.monotonic() < until:
                if not os.waitpid(-self.process.pid, os.WNOHANG)[0]:
                    time.sleep(0.002)
        self.close()
        return status

    def close(self):
        if self.pidfd is not None:
            os.close(self.pidfd)
            self.pidfd = None

    def abandon(self):
        if self.process is not None:
            verglas_host.end(self.process, grace=0.5)
        self.close()


class Slot:
    """A host, started at first need and again when a test has ended a part of it."""

    def __init__(self, gles=False, server=True):
        self.gles = gles
        self.want_server = server
        self.host = None
        self.running = None
        self.restarts = 0
        self.last_case = None
        self._log_start = 0
        self._left = {}  # renderers that were still there when their test had ended
        self._left_since = 0.0
        self._looked = 0.0

    def prepare(self):
        """A host of which both parts live; says so when one had to be started again."""
        if self.host is None:
            self.host = verglas_host.Host(gles=self.gles, server=self.want_server,
                                          private_display=True).start()
            return
        if self.host.display.process.poll() is not None:
            self._again('Xvfb')
            self.host.display.stop()
            self.host.display.start()
        if self.want_server and not self.host.server.alive():
            self._again('virgl_test_server')
            self.restart_server()

    def _again(self, what):
        self.restarts += 1
        after = f' after {self.last_case.name}' if self.last_case else ''
        verglas_host.note(f'piglit: {what} ended{after}; it is started again')

    def restart_server(self):
        """A new server; the renderers of the old one end with it."""
        if self.host is None or not self.want_server:
            return
        self.host.server.stop()
        self._left = {}
        self.host.server = verglas_host.Server(folder=self.host.folder, gles=self.gles).start()

    def start(self, case, driver, timeout):
        self.prepare()
        if self.want_server:
            self._log_start = self._log_size()
        env = self.host.env(driver)
        env.update(case.env())
        self.last_case = case
        self.running = Running(case, env, self.host.folder, timeout)

    def _log_size(self):
        with contextlib.suppress(OSError):
            return os.path.getsize(self.host.server.log_path)
        return 0

    def finish(self):
        """What became of the test that has ended: a dict with rows, seconds, note and output."""
        run, self.running = self.running, None
        status = run.reap()
        seconds = time.monotonic() - run.began
        if run.error is not None:
            missing = isinstance(run.error, FileNotFoundError)
            return {'rows': {'': 'skip' if missing else 'fail'}, 'seconds': 0.0,
                    'note': f'cannot run {run.case.command()[0]}: {run.error.strerror}',
                    'output': ''}
        out, err = read_all(run.out_path), read_all(run.err_path)
        rows = run.case.interpret(out, err, status)
        notes = []
        if run.stopped is not None:
            # What it had said of its subtests still holds, what it had not reached has no result.
            ended = 'timeout' if run.stopped.startswith('timed') else 'fail'
            rows = {k: v for k, v in rows.items() if k and v not in ('notrun', 'crash')}
            rows[''] = ended
            notes.append(run.stopped)
        elif status < 0:
            notes.append('ended by ' + signal_name(-status))
        notes += self._look_at_host(run, rows)
        output = out[-TAIL:] + ('\n' if out and err else '') + err[-TAIL:]
        if self.want_server and self.host.server:
            said = tail(self.host.server.log_path, self._log_start, TAIL // 2).splitlines()
            said = '\n'.join(line for line in said if line.strip() and not USUAL.match(line))
            if said:
                output += f'\n{SERVER_MARK}\n{said}'
        return {'rows': rows, 'seconds': seconds, 'note': '; '.join(notes), 'output': output}

    def _look_at_host(self, run, rows):
        """Notes on what the test did to its host, whose death is a crash of the test."""
        notes = []
        display, server = self.host.display.process, self.host.server
        # A server that was killed may take a moment to be gone.
        if run.stopped is None and set(rows.values()) - {'pass', 'skip'} and self.want_server:
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.process.wait(0.05)
        for what, process in (('Xvfb', display), ('virgl_test_server',
                                                  server.process if server else None)):
            if process is not None and process.poll() is not None:
                rows[''] = 'crash'
                how = f' by {signal_name(-process.returncode)}' if process.returncode < 0 else ''
                notes.append(f'{what} ended{how} during the test')
        if notes:
            return notes
        if run.stopped is not None:
            # Whatever hung, the next test must not meet it: nor its renderer, nor a server that
            # accepts no one.
            self.restart_server()
        else:
            self._note_renderers(time.monotonic())
        return notes

    def _note_renderers(self, now):
        """Between tests: a renderer that is there now has no client any more."""
        if self.want_server and not self._left:
            self._left, self._left_since = children(self.host.server.process.pid), now

    def supervise(self, now):
        """To be called often while a test runs."""
        self.running.supervise(now)
        if not self.want_server or now - self._looked < 1.0:
            return
        self._looked = now
        if self._left and now - self._left_since >= LINGER:
            for pid, began in self._left.items():
                stat = stat_of(pid)
                if stat and stat[2] == began:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
            self._left = {}
        with contextlib.suppress(OSError):
            # The server goes on where it was; what is emptied becomes a hole, and takes no room.
            if os.stat(self.host.server.log_path).st_blocks * 512 > OUTPUT_LIMIT:
                os.truncate(self.host.server.log_path, 0)

    def stop(self):
        if self.running is not None:
            self.running.abandon()
            self.running = None
        if self.host is not None:
            self.host.stop()
            self.host = None
