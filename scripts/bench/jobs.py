# SPDX-License-Identifier: MIT
"""What bin/bench measures with: figures, the jobs that yield them, and where jobs run."""

import contextlib
import dataclasses
import os
import shutil
import subprocess

import verglas_host
from cases import CaseFailed
from verglas_host import HostError


class Skipped(Exception):
    """There is no such figure on this driver or machine; the message says why, in a line."""


@dataclasses.dataclass
class Figure:
    """One number of a driver. Of rates more is better; of times, sizes and counts (less), less."""
    name: str
    group: str
    unit: str
    label: str = ''
    quick: bool = False
    less: bool = False

    def __post_init__(self):
        self.label = self.label or self.name.replace('-', ' ')


class Job:
    """One run of a program on one driver, which yields one figure or several."""

    figures = ()
    native = True  # whether native llvmpipe says something about it
    rounds = None  # no more than so many, where nobody asks for a number

    def run(self, bed, driver, wanted):
        """Name to value, for the names in WANTED; a value may be a CaseFailed or a Skipped."""
        raise NotImplementedError


class One(Job):
    """A job of one figure: measure(bed, driver) gives it."""

    def __init__(self, figure, measure, native=True, rounds=None):
        self.figures = [figure]
        self.measure = measure
        self.native = native
        self.rounds = rounds

    def run(self, bed, driver, wanted):
        return {self.figures[0].name: self.measure(bed, driver)}


class OfCase(Job):
    """A job made of a case that runs in an environment and has a name, a label and a unit."""

    def __init__(self, case, group, **about):
        self.case = case
        self.figures = [Figure(case.name, group, case.unit, case.label, case.quick)]
        self.__dict__.update(about)

    def run(self, bed, driver, wanted):
        value = self.case.run(bed.env(driver))
        self.figures[0].label = self.case.label
        return {self.case.name: value}


class Bed:
    """What jobs run on: one server and one display for all drivers, and a folder for their files.

    The sink host is started when a job asks for it first.
    """

    def __init__(self):
        # Always an Xvfb: a real display's compositor would have its own say in every number.
        self.host = verglas_host.Host(private_display=True)
        self.folder = None
        self._sink = None
        self._stack = contextlib.ExitStack()

    def __enter__(self):
        self._stack.enter_context(self.host)
        self.folder = verglas_host.private_folder()
        self._stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
        return self

    def __exit__(self, *_):
        self._stack.close()

    def env(self, driver, **more):
        return {**self.host.env(driver), **more}

    @property
    def sink(self):
        if self._sink is None:
            import sink
            self._sink = self._stack.enter_context(sink.SinkHost())
        return self._sink

    def sink_env(self, driver):
        return verglas_host.client_env(driver, self.sink.socket, self.host.display.name)

    def check(self, doing):
        if not self.host.server.alive():
            raise HostError(f'the server ended during {doing}: '
                            + verglas_host.last_line(self.host.server.log_path))
        if self._sink is not None and not self._sink.alive():
            raise HostError(f'the sink host ended during {doing}')


def program(name):
    """A program of tests/bench."""
    return os.path.join(verglas_host.build_folder(), 'tests', 'bench', name)


def output(command, env, limit, cwd=None):
    """What COMMAND prints, whatever its status; CaseFailed when it crashes or does not end."""
    try:
        process = verglas_host.spawn(command, env=env, cwd=cwd, text=True, errors='replace',
                                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    except OSError as error:
        raise CaseFailed(f'cannot run {command[0]}: {error.strerror}') from None
    try:
        text, _ = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        raise CaseFailed(f'no end within {limit:.0f} s') from None
    finally:
        verglas_host.end(process)
        process.stdout.close()
    if process.returncode < 0:
        raise CaseFailed(f'signal {-process.returncode}' + last_said(text))
    return process.returncode, text


def last_said(text):
    said = [line.strip() for line in text.splitlines() if line.strip()]
    return ': ' + said[-1] if said else ''


def parse_lines(status, text, wanted):
    """Lines "NAME VALUE unit…", "NAME FAILED why" and "NAME SKIP why", to values by name."""
    found = {}
    for line in text.splitlines():
        name, _, rest = line.partition(' ')
        if name not in wanted:
            continue
        word, _, why = rest.partition(' ')
        if word == 'FAILED':
            found[name] = CaseFailed(why)
        elif word == 'SKIP':
            found[name] = Skipped(why)
        else:
            try:
                found[name] = float(word)
            except ValueError:
                found[name] = CaseFailed('it printed no number: ' + line)
    for name in wanted:
        if name not in found:
            found[name] = CaseFailed(f'no result, status {status}' + last_said(text))
    return found


class Lines(Job):
    """A program of tests/bench that prints a line for each figure it is asked for."""

    def __init__(self, figures, words, limit=120, **about):
        self.figures = figures
        self.words = words  # the program, and what stands before the names
        self.limit = limit
        self.__dict__.update(about)

    def run(self, bed, driver, wanted):
        command = [program(self.words[0]), *self.words[1:], *wanted]
        status, text = output(command, self.environment(bed, driver), self.limit)
        return parse_lines(status, text, wanted)

    def environment(self, bed, driver):
        return bed.env(driver)
