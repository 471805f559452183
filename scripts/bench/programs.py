# SPDX-License-Identifier: MIT
"""Whole programs: gears, a player's texture, glmark2's scenes, and what gears keep resident."""

import re
import time

import cases
import verglas_host
from glmark2 import BENCHMARKS
from jobs import Figure, Job, Lines, One, program

GLMARK2_QUICK = ('glmark2-build-2',)
# The rate is printed in whole frames, which of slow scenes says little.
FRAME_TIME = re.compile(r'FrameTime:\s*([0-9.]+) ms')
FRAMES = re.compile(r'= ([0-9.]+) FPS')


def gears_case(name, command, label, quick=False):
    """A program that says every five seconds what its frame rate was."""
    def measure(bed, driver):
        # The first report holds the program's start, some 1 % of the time.
        return float(cases.run_for_match(command, bed.env(driver), FRAMES, 20, stop_early=True)[1])
    return One(Figure(name, 'gears', 'frames/s', label, quick=quick), measure,
               rounds=None if quick else 3)


def gears():
    return [gears_case('glxgears', ['glxgears'], 'glxgears', quick=True),
            gears_case('es2gears', ['es2gears_x11'], 'es2gears'),
            gears_case('stream', [program('stream')], 'texture streaming')]


def glmark2_names(prefix):
    """Name to description: glmark2-build-1, glmark2-build-2, …, glmark2-jellyfish."""
    scenes = [each.split(':')[0] for each in BENCHMARKS]
    names = {}
    for i, each in enumerate(BENCHMARKS):
        scene = scenes[i]
        several = scenes.count(scene) > 1
        names[f'{prefix}-{scene}' + (f'-{scenes[:i].count(scene) + 1}' if several else '')] = each
    return names


def glmark2(prefix, command):
    def job(name, description):
        def measure(bed, driver):
            # glmark2 ends a scene at its first frame after the time; slow ones take longer.
            match = cases.run_for_match([command, '-b', description + ':duration=1.0'],
                                        bed.env(driver), FRAME_TIME, 60)
            return 1000 / float(match[1]) if float(match[1]) else 0.0
        return One(Figure(name, prefix, 'frames/s', quick=name in GLMARK2_QUICK), measure, rounds=3)
    return [job(name, description) for name, description in glmark2_names(prefix).items()]


def resident(pid):
    """KiB of a process by what the kernel calls them: Rss, Pss, ..."""
    with open(f'/proc/{pid}/smaps_rollup', encoding='ascii') as f:
        return {words[0].rstrip(':'): float(words[1])
                for words in map(str.split, f) if words[-1] == 'kB'}


class GearsMemory(Job):
    """What glxgears keeps resident when it has run for a while."""
    rounds = 3
    figures = (Figure('memory-glxgears', 'memory', 'KiB', 'glxgears, RSS', less=True),
               Figure('memory-glxgears-pss', 'memory', 'KiB', 'glxgears, PSS', less=True))

    def run(self, bed, driver, wanted):
        try:
            process = verglas_host.spawn(['glxgears'], env=bed.env(driver), stdout=-3, stderr=-3)
        except OSError as error:
            raise cases.CaseFailed(f'cannot run glxgears: {error.strerror}') from None
        try:
            time.sleep(2)
            found = resident(process.pid)
        except OSError:
            raise cases.CaseFailed('glxgears ended') from None
        finally:
            verglas_host.end(process)
        return {'memory-glxgears': found['Rss'], 'memory-glxgears-pss': found['Pss']}


class ManyMemory(Job):
    """What a program with ten thousand buffers and textures keeps resident."""
    rounds = 3
    figures = (Figure('memory-10000', 'memory', 'KiB', '10,000 resources, RSS', less=True),
               Figure('memory-10000-pss', 'memory', 'KiB', '10,000 resources, PSS', less=True))
    SAID = re.compile(r'^memory-10000 (\d+) KiB of RSS, (\d+) KiB of PSS', re.M)

    def run(self, bed, driver, wanted):
        match = cases.run_for_match([program('resources'), 'memory-10000'], bed.env(driver),
                                    self.SAID, 60)
        return {'memory-10000': float(match[1]), 'memory-10000-pss': float(match[2])}


def memory():
    return [GearsMemory(), ManyMemory()]


def resources():
    def figure(name, unit, label, quick=False):
        return Figure(name, 'resources', unit, label, quick=quick)
    words = ['resources', '--seconds', '0.5']
    made = [Lines([figure('churn-buffers', 'buffers/s', 'make, use, delete buffers', True)], words),
            Lines([figure('churn-textures', 'textures/s', 'make, use, delete textures')], words)]
    for count in (100, 1000, 10000, 100000):
        made.append(Lines([figure(f'distinct-{count}', 'draws/s',
                                  f'draws with {count:,} buffers in turn')], words))
    for count in (100, 10000):
        made.append(Lines([figure(f'texdistinct-{count}', 'draws/s',
                                  f'draws with {count:,} textures in turn')], words))
    for job in made:
        job.rounds = 3
    return made
