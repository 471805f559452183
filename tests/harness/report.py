# SPDX-License-Identifier: MIT
"""What a run of suites found, and the places it works in."""

import os
import sys
import threading

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Config:
    """Where things are, and which driver is under test."""

    def __init__(self, build, driver):
        self.build = os.path.abspath(build)
        self.driver = driver
        self.logs = os.path.join(self.build, 'test-logs')

    def log_folder(self, suite):
        folder = os.path.join(self.logs, suite)
        os.makedirs(folder, exist_ok=True)
        return folder


class Report:
    """Counts results and prints those that need a person; suites call it from any thread."""

    def __init__(self):
        self._lock = threading.Lock()
        self.passed_count = 0
        self.failures = []
        self.skips = []

    def say(self, text):
        with self._lock:
            print(text, flush=True)

    def passed(self, _name, count=1):
        with self._lock:
            self.passed_count += count

    def failed(self, name, reason):
        with self._lock:
            self.failures.append((name, reason))
            print(f'FAIL {name}: {reason}', flush=True)

    def skipped(self, name, reason):
        with self._lock:
            self.skips.append((name, reason))
            print(f'SKIP {name}: {reason}', flush=True)

    def counts(self):
        return self.passed_count, len(self.failures), len(self.skips)

    def finish(self):
        """Print the closing lines; the last one is read by CI. Returns the exit status."""
        passed, failed, skipped = self.counts()
        if self.failures:
            print('\nWhat failed:')
            for name, reason in self.failures:
                print(f'  {name}: {reason}')
        if passed + failed == 0:
            print('no test ran')
        sys.stdout.flush()
        print(f'{passed} passed, {failed} failed, {skipped} skipped', flush=True)
        return 1 if failed or passed == 0 else 0
