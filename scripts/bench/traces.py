# SPDX-License-Identifier: MIT
"""Traces of programs in Debian, recorded here once by apitrace and replayed on each driver."""

import hashlib
import os
import re
import shutil
import subprocess
import time

import cases
import verglas_host
from jobs import Figure, Job, last_said, output

RENDERED = re.compile(r'Rendered (\d+) frames in ([0-9.e+-]+) secs')
NEVERBALL = 'width 320\nheight 240\nfullscreen 0\nreflection 0\nshadow 0\nmultisample 0\n'

# Name: the command, seconds of it, the package that has it, the API.
RECIPES = {
    'glxgears': (['glxgears'], 2, 'mesa-utils-bin', 'gl'),
    'es2gears': (['es2gears_x11'], 2, 'mesa-utils-bin', 'egl'),
    'desktop': (['glmark2', '-b', 'desktop:effect=shadow:windows=4:duration=2'], 15,
                'glmark2-x11', 'gl'),
    'buffer': (['glmark2', '-b', 'buffer:columns=200:update-method=map:duration=1'], 15,
               'glmark2-x11', 'gl'),
    'ideas': (['glmark2', '-b', 'ideas:speed=1:duration=3'], 15, 'glmark2-x11', 'gl'),
    # Its title, which is a game that plays itself.
    'neverball': (['/usr/games/neverball'], 15, 'neverball', 'gl'),
}


def package_version(package):
    done = subprocess.run(['dpkg-query', '-W', '-f=${Version}', package], capture_output=True,
                          text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ''


def trace_path(name):
    """Where a trace is kept; another recipe or another version is another file."""
    recipe = RECIPES[name]
    key = hashlib.sha256(repr((recipe, NEVERBALL, package_version(recipe[2]),
                               package_version('apitrace'))).encode()).hexdigest()[:12]
    cache = os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache')
    return os.path.join(cache, 'verglas', 'traces', f'{name}-{key}.trace')


def record(name, bed):
    """Record a trace on native llvmpipe, where it is not in the cache, and return its path."""
    path = trace_path(name)
    if os.path.exists(path):
        return path
    command, seconds, _, api = RECIPES[name]
    home = os.path.join(bed.folder, 'home-' + name)
    os.makedirs(os.path.join(home, '.neverball'))
    with open(os.path.join(home, '.neverball', 'neverballrc'), 'w', encoding='ascii') as f:
        f.write(NEVERBALL)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    partial = os.path.join(home, name + '.trace')
    env = bed.env('native', HOME=home, SDL_AUDIODRIVER='dummy')
    try:
        try:
            process = verglas_host.spawn(['apitrace', 'trace', '-a', api, '-o', partial, *command],
                                         env=env, stdout=subprocess.DEVNULL,
                                         stderr=subprocess.DEVNULL)
        except OSError as error:
            raise cases.CaseFailed(f'cannot run apitrace: {error.strerror}') from None
        try:
            process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            pass  # most never end by themselves; the trace is whole up to the signal
        verglas_host.end(process)
        if not os.path.exists(partial):
            raise cases.CaseFailed(f'apitrace recorded nothing of {command[0]}')
        shutil.move(partial, f'{path}.{os.getpid()}')
        os.replace(f'{path}.{os.getpid()}', path)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    return path


class Replay(Job):
    rounds = 3

    def __init__(self, name):
        self.name = name
        self.figures = [Figure(f'trace-{name}', 'traces', 'frames/s', f'trace of {name}')]

    def run(self, bed, driver, wanted):
        path = record(self.name, bed)
        replay = 'eglretrace' if RECIPES[self.name][3] == 'egl' else 'glretrace'
        began = time.monotonic()
        _, text = output([replay, '-b', path], bed.env(driver), 180)
        match = RENDERED.search(text)
        if not match or int(match[1]) == 0:
            raise cases.CaseFailed(f'no frame was replayed in {time.monotonic() - began:.0f} s'
                                   + last_said(text))
        return {self.figures[0].name: int(match[1]) / float(match[2])}


def jobs():
    return [Replay(name) for name in RECIPES]
