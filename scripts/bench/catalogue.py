# SPDX-License-Identifier: MIT
"""All jobs of bin/bench, by group and in the order in which they run and are shown."""

import cases
import in_guest
import programs
import shaders
import sink
import traces
import transfers
from jobs import OfCase


def draws():
    return [OfCase(cases.DrawOverhead(number), 'draw', rounds=3)
            for number in range(1, cases.DRAWOVERHEAD_CASES + 1)]


def sinks():
    return [sink.DrawOverhead(number) for number in range(1, cases.DRAWOVERHEAD_CASES + 1)]


# A group's jobs, and what it is.
GROUPS = {
    'gears': (programs.gears, 'gears and texture streaming'),
    'draw': (draws, 'drawoverhead, end to end'),
    'sink': (sinks, 'drawoverhead, the guest alone: rate'),
    'transfer': (transfers.jobs, 'uploads and read-backs'),
    'resources': (programs.resources, 'many resources'),
    'memory': (programs.memory, 'resident memory'),
    'shaders': (shaders.jobs, 'shaders'),
    'glmark2': (lambda: programs.glmark2('glmark2', 'glmark2'), 'glmark2, OpenGL'),
    'glmark2-es2': (lambda: programs.glmark2('glmark2-es2', 'glmark2-es2'), 'glmark2, OpenGL ES'),
    'traces': (traces.jobs, 'replayed traces'),
    'guest': (in_guest.jobs, 'in the guest'),
}
# The same for groups of figures, in the order in which they are shown: one job's may be of several.
FIGURES = {}
for _name, (_, _text) in GROUPS.items():
    FIGURES[_name] = _text
    if _name == 'sink':
        FIGURES['sink-dwords'] = 'drawoverhead, dwords per draw'
        FIGURES['sink-commands'] = 'drawoverhead, commands per draw'
        FIGURES['sink-payload'] = 'drawoverhead, dwords and payload per draw'
        FIGURES['sink-app'] = "drawoverhead, CPU of the application's thread"
        FIGURES['sink-client'] = 'drawoverhead, CPU of the whole client'


def all_jobs(groups=None):
    return [job for name, (make, _) in GROUPS.items() if not groups or name in groups
            for job in make()]
