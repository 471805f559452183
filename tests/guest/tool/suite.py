# SPDX-License-Identifier: MIT
"""test_tool.py's tests in tests/run.py: run(report, config). A minute, and no guest is booted."""

import os
import unittest

from tool import test_tool


class _Result(unittest.TestResult):
    def __init__(self, report):
        super().__init__()
        self.report = report

    @staticmethod
    def _name(test):
        return 'guest tool: ' + test.id().partition('test_tool.')[2]

    def addSuccess(self, test):
        super().addSuccess(test)
        self.report.passed(self._name(test))

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.report.failed(self._name(test), str(err[1]).strip().split('\n')[0])

    addError = addFailure

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.report.skipped(self._name(test), reason)


def run(report, config):
    """Details of failures go to guest-tool.log in the logs of the guest suite."""
    os.environ.setdefault('VERGLAS_BUILD', config.build)
    result = _Result(report)
    unittest.defaultTestLoader.loadTestsFromModule(test_tool).run(result)
    log = os.path.join(config.log_folder('guest'), 'guest-tool.log')
    with open(log, 'w', encoding='utf-8') as f:
        for test, text in result.failures + result.errors:
            f.write(f'{test.id()}\n{text}\n')
