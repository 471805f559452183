# SPDX-License-Identifier: MIT
"""Programs linked with cold and warm caches, and draws while state changes under them."""

import os
import shutil

from jobs import Figure, Job, Skipped, output, parse_lines, program

NAMES = {'link': ('200 programs linked', 'ms'),
         'firstdraw': ('first draws with 10 programs', 'ms')}


class Link(Job):
    """The same programs twice, each time in a new process with the same cache on disk.

    Each run has programs that nobody has seen, so that the host's own cache is as cold as ours.
    """
    rounds = 3

    def __init__(self):
        self.runs = 0
        self.figures = [Figure(f'{name}-{state}', 'shaders', unit, f'{label}, {state}', less=True)
                        for state in ('cold', 'warm') for name, (label, unit) in NAMES.items()]

    def run(self, bed, driver, wanted):
        self.runs += 1
        cache = os.path.join(bed.folder, f'shaders-{self.runs}')
        salt = str(os.getpid() * 100 + self.runs)
        found = {}
        os.makedirs(cache)
        try:
            for state in ('cold', 'warm'):
                values = parse_lines(*output(
                    [program('shaders'), '--salt', salt, 'link'],
                    bed.env(driver, MESA_SHADER_CACHE_DIR=cache), 120), NAMES)
                found.update({f'{name}-{state}': value for name, value in values.items()})
            if not any(files for _, _, files in os.walk(cache)):
                none = Skipped('the driver keeps no cache on disk')
                found.update({f'{name}-warm': none for name in NAMES})
        finally:
            shutil.rmtree(cache, ignore_errors=True)
        return found


class Variants(Job):
    rounds = 3
    figures = (Figure('variants', 'shaders', 'draws/s', 'draws in 32 states in turn'),
               Figure('variants-first', 'shaders', 'ms', 'first draws in 32 states', less=True))

    def __init__(self):
        self.runs = 0

    def run(self, bed, driver, wanted):
        self.runs += 1
        salt = str(os.getpid() * 100 + self.runs)
        return parse_lines(*output([program('shaders'), '--salt', salt, 'variants'],
                                   bed.env(driver), 120),
                           [figure.name for figure in self.figures])


def jobs():
    return [Link(), Variants()]
