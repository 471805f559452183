# SPDX-License-Identifier: MIT
"""All jobs of bin/bench, by group and in the order in which they run and are shown."""

import cases
import sink
import transfers
from jobs import OfCase


def draws():
    return [OfCase(cases.DrawOverhead(number), 'draw', rounds=3)
            for number in range(1, cases.DRAWOVERHEAD_CASES + 1)]


def sinks():
    return [sink.DrawOverhead(number) for number in range(1, cases.DRAWOVERHEAD_CASES + 1)]


GROUPS = {
    'gears': (lambda: [OfCase(cases.Glxgears(), 'gears')], 'glxgears'),
    'draw': (draws, 'drawoverhead, end to end'),
    'sink': (sinks, 'drawoverhead, the guest alone: rate, stream, CPU time'),
    'transfer': (transfers.jobs, 'uploads and read-backs'),
    'glmark2': (lambda: [OfCase(cases.Glmark2(scene), 'glmark2', rounds=3)
                         for scene in cases.GLMARK2_SCENES], 'glmark2'),
}


def all_jobs(groups=None):
    return [job for name, (make, _) in GROUPS.items() if not groups or name in groups
            for job in make()]
