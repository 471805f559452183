# SPDX-License-Identifier: MIT
"""What bin/guest says about a command's traffic: tables for eyes, JSON for tests."""

import json
import os
import sys

from guest import ioctls
from guest import trace as traces
from verglas_host import HostError, warn

# A program's first frames compile shaders and fill caches.
WARM_UP_SECONDS = 2.0


def _write_json(path, value):
    try:
        with open(path, 'w', encoding='utf-8') as f:
            json.dump(value, f, indent=1)
            f.write('\n')
    except OSError as error:
        raise HostError(f'cannot write {path}: {error.strerror}') from None


def window(session):
    """(begin, end, frames or None): the part of the run to call steady.

    Programs that report their frames, as gears do, give it: from the first report to the last.
    """
    reports = session.reports
    if len(reports) >= 2:
        return reports[0][0], reports[-1][0], sum(frames for _, frames, _ in reports[1:])
    if reports:
        when, frames, seconds = reports[0]
        return when - seconds, when, frames
    begin = session.began + min(WARM_UP_SECONDS, (session.ended - session.began) / 2)
    return begin, session.ended, None


class Report:
    """Collects what the options ask for."""

    def __init__(self, options, guest):
        self.options = options
        self.guest = guest
        self.begin = None

    def prepare(self, env):
        """Just before the command starts; its environment, ENV with what the counting needs."""
        if self.options.trace:
            self.begin = self.guest.mark()
        if self.options.ioctls:
            for path in ioctls.paths(self.guest.share):  # of an earlier run with the same --out
                os.unlink(path)
            env = {**env, **ioctls.environment(self.guest.share, base=env)}
        return env

    def write(self, session):
        if self.options.trace:
            self._trace(session)
        if self.options.ioctls:
            self._ioctls()

    def _trace(self, session):
        begin, end, frames = window(session)
        total = self.guest.counts(self.begin)
        steady = self.guest.trace.counts_between(begin, end)
        seconds = end - begin
        print(f'steady: {seconds:.1f} s' + (f', {frames} frames' if frames else ''))
        print('\n'.join(traces.table(total, steady, frames, seconds)))
        print(f'the device holds {self.guest.trace.resources()} resources')
        if self.options.trace != '-':
            _write_json(self.options.trace, {
                'driver': self.guest.driver, 'kernel': self.guest.kernel.release,
                'accel': self.guest.accel, 'command': self.options.command,
                'seconds': seconds, 'frames': frames, 'total': total.json(),
                'steady': steady.json(), 'resources': self.guest.trace.resources()})
        sys.stdout.flush()

    def _ioctls(self):
        found = ioctls.reports(self.guest.share)
        if not found:
            warn(f'{os.path.basename(self.options.command[0])} sent no ioctl to a DRM device')
        for each in found:
            print('\n'.join(each.table()))
        if self.options.ioctls != '-':
            _write_json(self.options.ioctls, [each.raw for each in found])
        sys.stdout.flush()
