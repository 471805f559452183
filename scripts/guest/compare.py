# SPDX-License-Identifier: MIT
"""bin/guest --compare: the same command on Verglas and on Mesa's driver, in one boot."""

import os

from guest import ioctls
from guest.errors import GuestError
from verglas_host import warn

DRIVERS = ('verglas', 'stock')
# What a frame costs, as rows of the table: kinds of commands that the device was sent.
DEVICE = {
    'submissions': ('SUBMIT_3D',),
    'transfers': ('TRANSFER_TO_HOST_3D', 'TRANSFER_FROM_HOST_3D', 'TRANSFER_TO_HOST_2D'),
    'resources made': ('RESOURCE_CREATE_3D', 'RESOURCE_CREATE_2D', 'RESOURCE_CREATE_BLOB'),
    'resources dropped': ('RESOURCE_UNREF',),
    'flushes of the screen': ('RESOURCE_FLUSH',),
}


class Figures:
    """Of one run: {name of a row: value}, in the order of the table."""

    def __init__(self):
        self.rows = {}

    def add_device(self, who, steady, contexts, frames):
        total = {}
        for context in contexts:
            for kind, count in steady.by_context[context].items():
                total[kind] = total.get(kind, 0) + count
        for name, kinds in DEVICE.items():
            self.rows[f'{who}: {name}'] = sum(total.get(kind, 0) for kind in kinds) / frames
        size = sum(steady.bytes[context] for context in contexts)
        self.rows[f'{who}: bytes submitted'] = size / frames

    def add_ioctls(self, report):
        calls, frames = report.steady_calls()
        for kind, count in calls.most_common():
            self.rows[f'ioctl {kind}'] = count / frames


def measure(guest, session, window, name, share):
    """The Figures of a session that is over."""
    figures = Figures()
    begin, end, frames = window
    if session.rates:
        figures.rows['frames/s'] = sorted(session.rates)[len(session.rates) // 2]
    steady = guest.trace.counts_between(begin, end)
    mine = steady.contexts(name)
    per = frames or max(end - begin, 0.1)
    figures.add_device(name, steady, mine, per)
    figures.add_device('others', steady, [each for each in steady.by_context if each not in mine],
                       per)
    found = ioctls.reports(share, ioctls.PREFIX)
    if found and found[0].frames > ioctls.WARM_UP:
        figures.add_ioctls(found[0])
    return figures


def table(results, command, per_frame):
    """Lines of text, from {driver: [Figures of its runs]}; medians stand for several runs."""
    names = []
    for runs in results.values():
        for figures in runs:
            names += [name for name in figures.rows if name not in names]
    what = 'in a frame' if per_frame else 'in a second'
    lines = [f'{os.path.basename(command[0]) + ", " + what:<44}'
             + ''.join(f'{driver:>12}' for driver in results)]
    for name in names:
        values = [sorted(figures.rows.get(name, 0) for figures in runs)
                  for runs in results.values()]
        middle = [each[len(each) // 2] for each in values]
        if name == 'frames/s' or any(middle):
            digits = 0 if 'bytes' in name else 1 if name == 'frames/s' else 3
            lines.append(f'   {name:<41}' + ''.join(f'{each:>12.{digits}f}' for each in middle))
    return lines


def run(guest, options, env, start_server, new_session, window):
    """Run the command on each driver in turn, twice; the worst exit status."""
    results = {driver: [] for driver in DRIVERS}
    worst, per_frame = 0, True
    name = os.path.basename(options.command[0])
    for driver in DRIVERS * 2:
        start_server(driver)
        for each in ioctls.paths(guest.share):
            os.unlink(each)
        session = new_session()
        status = session.go({**env, **ioctls.environment(guest.share, base=env)}, driver)
        if status != 0:
            warn(f'{name} ended with status {status} on {driver}')
            worst = max(worst, status)
        span = window(session)
        per_frame = per_frame and span[2] is not None
        results[driver].append(measure(guest, session, span, name, guest.share))
        guest.stop_x()
        guest.stop_weston()
    if not any(figures.rows for runs in results.values() for figures in runs):
        raise GuestError(f'{name} drew nothing that could be counted')
    print('\n'.join(table(results, options.command, per_frame)))
    return worst
