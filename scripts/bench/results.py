# SPDX-License-Identifier: MIT
"""What bin/bench found: medians and ratios, and their table, JSON and plot."""

import json
import math
import os
import platform
import statistics
import subprocess
import time
from xml.sax.saxutils import escape

import verglas_host

SLOW = 0.9  # of stock: below this a case is marked
PACKAGES = ('libgl1-mesa-dri', 'virgl-server', 'libvirglrenderer1', 'piglit', 'mesa-utils-bin',
            'glmark2-x11', 'xvfb')


class Result:
    """The samples of one case, per driver, and why there are none where it failed."""

    def __init__(self, case, drivers):
        self.case = case
        self.samples = {driver: [] for driver in drivers}
        self.failures = {driver: [] for driver in drivers}
        self.skips = {}  # driver to why there is no such figure

    def over(self, driver):
        """Whether more rounds would bring nothing."""
        return bool(self.failures[driver]) or driver in self.skips

    def failed(self, driver):
        return bool(self.failures[driver])

    def missing(self, driver):
        return self.over(driver) or not self.samples[driver]

    def median(self, driver):
        return None if self.missing(driver) else statistics.median(self.samples[driver])

    def spread(self, driver):
        """The distance of the extremes as a part of the median."""
        if not self.median(driver):
            return None
        return (max(self.samples[driver]) - min(self.samples[driver])) / self.median(driver)

    def ratio(self, driver, base):
        """How many times better than BASE, whichever way is better."""
        mine, its = self.median(driver), self.median(base) if base in self.samples else None
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


def table(results, drivers, base):
    """Lines for the terminal: a median and half the range per driver, ratios to BASE."""
    width = max([len(result.case.label) for result in results] + [4])
    others = [driver for driver in drivers if driver != base]
    head = f'{"case":{width}} {"unit":8}'
    head += ''.join(f' {driver:>14}' for driver in drivers)
    head += ''.join(f' {driver + "/" + base:>14}' for driver in others)
    lines = [head, '-' * len(head)]
    for result in results:
        line = f'{result.case.label:{width}} {result.case.unit:8}'
        for driver in drivers:
            line += f' {result_text(result, driver)} {percent(result.spread(driver))}'
        for driver in others:
            ratio = result.ratio(driver, base)
            line += '              -' if ratio is None else f' {ratio:13.2f}x'
        slow = [driver for driver in others if (result.ratio(driver, base) or 1) < SLOW]
        lines.append(line + (f'  < {SLOW}' if slow else ''))
    means = ''.join(
        '              -' if mean is None else f' {mean:13.2f}x' for mean in
        (geometric_mean([r.ratio(driver, base) for r in results]) for driver in others))
    lines.append(f'{"geometric mean":{width + 9 + 15 * len(drivers)}}{means}')
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
    return {'format': 1, 'date': time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime()), **about,
            'base': base, 'machine': machine(), 'versions': versions(),
            'geometric_mean': mean, 'cases': cases}


def svg(results, driver, base, subtitle):
    """A bar per case on a logarithmic scale: DRIVER's rate as a multiple of BASE's."""
    left, right, top, row = 330, 90, 64, 22
    span = 560
    ranges = [result.ratio_range(driver, base) for result in results]
    known = [value for pair in ranges if pair for value in pair if value > 0]
    low = min([0.5] + known)
    high = max([2.0] + known)
    low, high = 2 ** math.floor(math.log2(low)), 2 ** math.ceil(math.log2(high))

    def x(ratio):
        return left + span * math.log(ratio / low) / math.log(high / low)

    height = top + row * len(results) + 40
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + span + right}" '
           f'height="{height}" font-family="sans-serif" font-size="12">',
           '<rect width="100%" height="100%" fill="#ffffff"/>',
           f'<text x="16" y="24" font-size="16">{escape(driver)} against {escape(base)}: '
           'rate as a multiple (more is better)</text>',
           f'<text x="16" y="44" fill="#666666">{escape(subtitle)}</text>']
    bottom = top + row * len(results)
    tick = low
    while tick <= high:
        out.append(f'<line x1="{x(tick):.1f}" x2="{x(tick):.1f}" y1="{top}" y2="{bottom}" '
                   f'stroke="{"#444444" if tick == 1 else "#dddddd"}"/>'
                   f'<text x="{x(tick):.1f}" y="{bottom + 16}" text-anchor="middle">{tick:g}×</text>')
        tick *= 2
    for i, (result, extent) in enumerate(zip(results, ranges)):
        y = top + row * i
        out.append(f'<text x="{left - 8}" y="{y + 15}" text-anchor="end">'
                   f'{escape(result.case.label)}</text>')
        ratio = result.ratio(driver, base)
        if ratio is None:
            out.append(f'<text x="{x(1) + 6:.1f}" y="{y + 15}" fill="#b00020">failed</text>')
            continue
        colour = '#b00020' if ratio < SLOW else '#2a6f97' if ratio >= 1 else '#8a8a8a'
        start, stop = sorted((x(1), x(ratio)))
        out.append(f'<rect x="{start:.1f}" y="{y + 4}" width="{max(stop - start, 1):.1f}" '
                   f'height="{row - 8}" fill="{colour}"/>')
        if extent and extent[0] > 0:
            out.append(f'<line x1="{x(extent[0]):.1f}" x2="{x(extent[1]):.1f}" y1="{y + row / 2}" '
                       f'y2="{y + row / 2}" stroke="#111111"/>')
        out.append(f'<text x="{left + span + 12}" y="{y + 15}">{ratio:.2f}×</text>')
    out.append('</svg>')
    return '\n'.join(out) + '\n'


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
