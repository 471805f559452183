# SPDX-License-Identifier: MIT
"""What bin/bench found: medians and ratios, their table, and their JSON."""

import json
import math
import os
import platform
import statistics
import subprocess
import time

import verglas_host
from jobs import Figure

FORMAT = 2  # of the JSON
SLOW = 0.9  # of stock: below this a case is marked
PACKAGES = ('libgl1-mesa-dri', 'virgl-server', 'libvirglrenderer1', 'piglit', 'mesa-utils-bin',
            'glmark2-x11', 'glmark2-es2-x11', 'apitrace', 'neverball', 'qemu-system-x86', 'xvfb')


class Result:
    """The samples of one case, per driver, and why there are none where it failed."""

    def __init__(self, case, drivers):
        self.case = case
        self.samples = {driver: [] for driver in drivers}
        self.failures = {driver: [] for driver in drivers}
        self.skips = {}  # driver to why there is no such figure

    def over(self, driver):
        """Whether more rounds would bring nothing."""
        return self.failed(driver) or driver in self.skips

    def failed(self, driver):
        return bool(self.failures.get(driver))

    def missing(self, driver):
        return self.over(driver) or not self.samples.get(driver)

    def median(self, driver):
        return None if self.missing(driver) else statistics.median(self.samples[driver])

    def spread(self, driver):
        """The distance of the extremes as a part of the median."""
        if not self.median(driver):
            return None
        return (max(self.samples[driver]) - min(self.samples[driver])) / self.median(driver)

    def ratio(self, driver, base):
        """How many times better than BASE, whichever way is better."""
        mine, its = self.median(driver), self.median(base)
        if driver == base or not mine or not its:
            return None
        return its / mine if self.case.less else mine / its

    def ratio_range(self, driver, base):
        """The ratio at its worst and at its best: extremes against opposite extremes."""
        if self.ratio(driver, base) is None:
            return None
        mine, its = self.samples[driver], self.samples[base]
        if min(mine) <= 0 or min(its) <= 0:
            return None
        low, high = min(mine) / max(its), max(mine) / min(its)
        return (1 / high, 1 / low) if self.case.less else (low, high)


def geometric_mean(values):
    values = [value for value in values if value]
    return math.exp(sum(map(math.log, values)) / len(values)) if values else None


def machine():
    def first_value(path, key):
        try:
            with open(path, encoding='utf-8') as f:
                return next(line.split(':', 1)[1].strip() for line in f if line.startswith(key))
        except (OSError, StopIteration):
            return None
    return {'cpu': first_value('/proc/cpuinfo', 'model name'),
            'cores': len(os.sched_getaffinity(0)),
            'memory': first_value('/proc/meminfo', 'MemTotal'),
            'kernel': platform.release()}


def output_of(*command):
    try:
        done = subprocess.run(command, cwd=verglas_host.ROOT, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def versions():
    found = {package: output_of('dpkg-query', '-W', '-f=${Version}', package) or None
             for package in PACKAGES}
    found['verglas'] = output_of('git', 'describe', '--always', '--dirty')
    return found


def result_text(result, driver):
    if result.failed(driver):
        return '  failed'
    value = result.median(driver)
    return '       -' if value is None else number(value)


def number(value):
    """About three digits, in a width of eight."""
    return f'{value:8.0f}' if value >= 100 else f'{value:8.1f}' if value >= 10 else f'{value:8.2f}'


def percent(value):
    return '     ' if value is None else f'±{value * 50:3.0f}%'


def by_group(results):
    """Group to its results, in the order of the groups."""
    groups = {}
    for result in results:
        groups.setdefault(result.case.group, []).append(result)
    return groups


def table(results, drivers, base, titles):
    """Lines for the terminal: a median and half the range per driver, ratios to BASE."""
    width = max([len(result.case.label) for result in results] + [28])
    others = [driver for driver in drivers if driver != base]
    head = f'{"case":{width}} {"unit":11}'
    head += ''.join(f' {driver:>14}' for driver in drivers)
    head += ''.join(f' {driver + "/" + base:>14}' for driver in others)
    lines = [head]
    for group, members in by_group(results).items():
        lines += ['-' * len(head), titles.get(group, group)]
        for result in members:
            line = f'{result.case.label:{width}} {result.case.unit:11}'
            for driver in drivers:
                line += f' {result_text(result, driver)} {percent(result.spread(driver))}'
            for driver in others:
                ratio = result.ratio(driver, base)
                line += '              -' if ratio is None else f' {ratio:13.2f}x'
            slow = (result.ratio(others[0], base) or 1) < SLOW
            lines.append(line + (f'  < {SLOW}' if slow else ''))
        means = [geometric_mean([r.ratio(driver, base) for r in members]) for driver in others]
        if len(members) > 1 and any(means):
            lines.append(f'{"geometric mean":{width + 12 + 15 * len(drivers)}}' + ''.join(
                '              -' if mean is None else f' {mean:13.2f}x' for mean in means))
    return lines


def as_json(results, drivers, base, about):
    cases = []
    for result in results:
        cases.append({
            'name': result.case.name, 'group': result.case.group, 'label': result.case.label,
            'unit': result.case.unit, 'less_is_better': result.case.less,
            'samples': result.samples,
            'failures': {d: f for d, f in result.failures.items() if f}, 'skips': result.skips,
            'median': {d: result.median(d) for d in drivers},
            'ratio': {d: result.ratio(d, base) for d in drivers if d != base},
        })
    mean = {d: geometric_mean([r.ratio(d, base) for r in results]) for d in drivers if d != base}
    return {'format': FORMAT, 'date': time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime()), **about,
            'base': base, 'machine': machine(), 'versions': versions(),
            'geometric_mean': mean, 'cases': cases}


def from_json(document, drivers):
    """The results of a document that as_json has made."""
    results = []
    for case in document['cases']:
        result = Result(Figure(case['name'], case['group'], case['unit'], case['label'],
                               less=case['less_is_better']), drivers)
        for driver in drivers:
            result.samples[driver] = case['samples'].get(driver, [])
            result.failures[driver] = case['failures'].get(driver, [])
        result.skips = case['skips']
        results.append(result)
    return results


def write(path, text):
    """Whole or not at all."""
    partial = f'{path}.{os.getpid()}'
    try:
        os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
        with open(partial, 'w', encoding='utf-8') as f:
            f.write(text)
        os.replace(partial, path)
    except OSError as error:
        raise verglas_host.HostError(f'cannot write {path}: {error.strerror}') from None


def write_json(path, document):
    write(path, json.dumps(document, indent=1, ensure_ascii=False) + '\n')
