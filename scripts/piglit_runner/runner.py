# SPDX-License-Identifier: MIT
"""Many tests on several slots, in one loop and one thread.

Without threads a signal unwinds everything from one place, and the kernel's "end it when its
parent dies" (verglas_host.spawn), which means the thread, means us.
"""

import collections
import contextlib
import os
import re
import resource
import select
import sys
import time

import verglas_host
from piglit_runner.hosts import Slot

TIMEOUT = 60.0  # seconds for a test; stock's results were recorded with the same
DOOMED = 20  # tests in a row that end their host: then something is wrong with the machine

# Tests that compare times, or want most of the machine's memory: nothing runs beside them.
ALONE = re.compile(r'''
    sync_control@(timing|swapbuffersmsc|waitformsc) | timer_query | time-elapsed | timestamp |
    glx-swap-event | max-texture-size | max-size | streaming-texture-leak | texture-al
    ''', re.VERBOSE)

# case, driver, and anything by which the caller knows the job again.
Job = collections.namedtuple('Job', 'case driver key')


class Progress:
    """A line on the terminal that changes, or elsewhere a line a minute."""

    def __init__(self, total, done=0, what='tests', quiet=False):
        self.total, self.done, self.what, self.quiet = total, done, what, quiet
        self.first = done
        self.counts = collections.Counter()
        self.began = time.monotonic()
        self.live = sys.stderr.isatty()
        self.last = self.began
        self.shown = False

    def add(self, rows):
        self.done += 1
        self.counts.update(rows.values())
        self.show()

    def show(self):
        now = time.monotonic()
        if self.quiet or now - self.last < (0.2 if self.live else 60.0):
            return
        self.last = now
        fresh = self.done - self.first
        left = (now - self.began) / max(fresh, 1) * (self.total - self.done)
        text = (f'piglit: {self.done}/{self.total} {self.what}, '
                + ', '.join(f'{self.counts[s]} {s}' for s in
                            ('pass', 'fail', 'crash', 'timeout', 'skip') if self.counts[s])
                + (f', {left / 60:.0f} min left' if fresh >= 20 else ''))
        if self.live:
            print('\r\033[K' + text[:110], end='', file=sys.stderr, flush=True)
            self.shown = True
        else:
            verglas_host.note(text)

    def clear(self):
        if self.shown:
            print('\r\033[K', end='', file=sys.stderr, flush=True)
            self.shown = False


class Runner:
    """A context manager: slots that live from one run() to the next."""

    def __init__(self, jobs=None, gles=False, server=True, timeout=TIMEOUT):
        self.slots = [Slot(gles, server) for _ in range(max(1, jobs or os.cpu_count() or 1))]
        self.timeout = timeout
        self._doomed = 0
        # A crash leaves no core file of a hundred megabytes behind.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))

    @property
    def restarts(self):
        return sum(slot.restarts for slot in self.slots)

    def check_driver(self, driver, gles=False):
        """GL's vendor, renderer and version; fails when it is not the driver that was asked for.

        A loader that cannot open a driver falls back to another one, and all of piglit would pass.
        """
        slot = self.slots[0]
        slot.prepare()
        vendor, renderer, version = verglas_host.gl_strings(slot.host.env(driver), gles)
        wanted = {'verglas': 'Verglas' in vendor, 'stock': 'virgl' in renderer,
                  'native': 'llvmpipe' in renderer}[driver]
        if not wanted or (driver != 'verglas' and 'Verglas' in vendor):
            raise verglas_host.HostError(f'asked for {driver}, got {vendor}, {renderer}')
        return vendor, renderer, version

    def run(self, jobs, done, progress=None):
        """Run all jobs; DONE is called with each job and what became of it (Slot.finish).

        Those that want to be alone are run last, one at a time.
        """
        together, alone = collections.deque(), collections.deque()
        for job in jobs:
            (alone if ALONE.search(job.case.name) else together).append(job)
        for queue, slots in ((together, self.slots), (alone, self.slots[:1])):
            busy = {}
            while queue or busy:
                for slot in slots:
                    while queue and slot not in busy:
                        self._begin(slot, queue.popleft(), busy, done, progress)
                self._wait(busy)
                now = time.monotonic()
                for slot, job in list(busy.items()):
                    slot.supervise(now)
                    if slot.running.finished():
                        del busy[slot]
                        self._ended(slot, job, done, progress)
        if progress:
            progress.clear()

    def _begin(self, slot, job, busy, done, progress):
        reason = job.case.skip_reason()
        if reason is None:
            slot.start(job.case, job.driver, self.timeout)
            busy[slot] = job
            return
        result = {'rows': {'': 'skip'}, 'seconds': 0.0, 'note': reason, 'output': ''}
        done(job, result)
        if progress:
            progress.add(result['rows'])

    @staticmethod
    def _wait(busy):
        poll = select.poll()
        for slot in busy:
            if slot.running.pidfd is None:
                return
            poll.register(slot.running.pidfd, select.POLLIN)
        if busy:
            poll.poll(250)

    def _ended(self, slot, job, done, progress):
        result = slot.finish()
        if progress and progress.shown and 'during the test' in result['note']:
            progress.clear()
        done(job, result)
        if progress:
            progress.add(result['rows'])
        self._doomed = self._doomed + 1 if 'during the test' in result['note'] else 0
        if self._doomed >= DOOMED:
            raise verglas_host.HostError(f'{DOOMED} tests in a row ended their host; the last: '
                                         f'{job.case.name}: {result["note"]}')

    def stop(self):
        for slot in self.slots:
            slot.stop()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
