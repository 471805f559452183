# SPDX-License-Identifier: MIT
"""What bin/bench's figures are held against: means over groups of them, and the goals for those."""

import dataclasses
from collections.abc import Callable

import in_guest
import programs
import transfers
from results import geometric_mean


def judgement(text, wanted, measured, reached, **numbers):
    """One line of the table of bars; reached is None where there is no goal."""
    return {'bar': text, 'wanted': wanted, 'measured': measured, 'reached': reached, **numbers}


@dataclasses.dataclass
class Mean:
    """Of the figures that belong to it: their geometric mean, and the worst of them.

    Both are multiples of stock's: of rates the higher is better, of what is spent (less) the lower.
    """
    text: str
    belongs: Callable  # to a Figure
    mean: float | None = None
    worst: float | None = None
    less: bool = False
    single: bool = False  # of one figure, there is no mean to speak of

    def judge(self, found, driver, base):
        mine = [r for r in found.values() if self.belongs(r.case)]
        ratios = {r.case.name: r.ratio(driver, base) for r in mine}
        ratios = {name: ratio for name, ratio in ratios.items() if ratio}
        failed = [r.case.name for r in mine if r.failed(driver)]
        wanted = self._wanted()
        if not ratios:
            return judgement(self.text, wanted, f'{len(failed)} failed', False) if failed else None
        # A Result's ratio is how many times better; of what is spent, that is stock's to ours.
        quotients = {name: 1 / r if self.less else r for name, r in ratios.items()}
        worst = (max if self.less else min)(quotients, key=quotients.get)
        mean = geometric_mean(quotients.values())
        measured = f'{mean:.2f}×'
        if len(ratios) > 1:
            measured += f' of {len(ratios)}, worst {quotients[worst]:.2f}× ({worst})'
        if failed:
            measured += f', {len(failed)} failed'
        reached = None
        if self.mean is not None or self.worst is not None:
            reached = (not failed and self._enough(mean, self.mean)
                       and self._enough(quotients[worst], self.worst))
        return judgement(self.text, wanted, measured, reached, mean=mean,
                         worst=quotients[worst], worst_figure=worst, figures=len(ratios))

    def _enough(self, value, limit):
        return limit is None or (value <= limit if self.less else value >= limit)

    def _wanted(self):
        sign, other = ('≤', '>') if self.less else ('≥', '<')
        parts = [] if self.mean is None else [f'{sign} {self.mean:g}×']
        if self.worst is not None:
            parts.append(f'no case {other} {self.worst:g}×')
        return ', '.join(parts)


@dataclasses.dataclass
class Special:
    """A bar of its own kind: judge(found, driver, base) gives its judgement."""
    judge: Callable


def in_group(name):
    return lambda figure: figure.group == name


def named(name):
    return lambda figure: figure.name == name


def transfers_of(low, high):
    return lambda figure: (figure.group == transfers.GROUP
                           and low <= transfers.size_of(figure.name) <= high)


def many_resources(found, driver, _):
    text, wanted = 'cost of a draw, 100,000 resources to 100, Verglas alone', '≤ 1.3×'
    few, many = found.get('distinct-100'), found.get('distinct-100000')
    if few is None or many is None:
        return None
    if not few.median(driver) or not many.median(driver):
        why = (many.failures[driver] or few.failures[driver] or ['not measured'])[0]
        return judgement(text, wanted, 'failed: ' + why, False)
    cost = few.median(driver) / many.median(driver)
    return judgement(text, wanted, f'{cost:.2f}×', cost <= 1.3, mean=cost)


def glxgears(found, driver, base):
    wanted = '≥ 1.25×'
    gears = found.get('glxgears')
    if gears is None:
        return None
    ratio = gears.ratio(driver, base)
    if ratio is None:
        return judgement('glxgears', wanted, 'failed', False)
    measured = f'{ratio:.2f}×'
    if gears.median('native'):
        measured += (f'; {gears.median(driver) / gears.median("native"):.0%} of native (stock '
                     f'{gears.median(base) / gears.median("native"):.0%})')
    return judgement('glxgears, embedded host', wanted, measured, ratio >= 1.25, mean=ratio)


def total(found, prefix, driver):
    """glmark2's score: the mean rate of all scenes; None where one is missing."""
    rates = [found[name].median(driver) if name in found else None
             for name in programs.glmark2_names(prefix)]
    return None if None in rates else sum(rates) / len(rates)


def glmark2_total(prefix, goal):
    def judge(found, driver, base):
        text = f'{prefix} total'
        wanted = '' if goal is None else f'≥ {goal:g}×'
        mine, its = total(found, prefix, driver), total(found, prefix, base)
        if mine is None or not its:
            failed = [name for name in programs.glmark2_names(prefix)
                      if name in found and found[name].failed(driver)]
            return judgement(text, wanted, f'{len(failed)} failed', False) if failed else None
        measured = f'{mine / its:.2f}× ({mine:.0f} to {its:.0f}'
        native = total(found, prefix, 'native')
        measured += f', native {native:.0f})' if native else ')'
        return judgement(text, wanted, measured, None if goal is None else mine / its >= goal,
                         mean=mine / its)
    return judge


def in_the_guest(name):
    def judge(found, driver, base):
        text = f'{name} in the guest: what a frame sends'
        wanted = '1 submission, ≤ stock in every kind'
        kinds = {key: found.get(f'guest-{name}-{key}') for key in in_guest.ROWS}
        kinds = {key: r for key, r in kinds.items() if r is not None and r.samples.get(driver)
                 and r.samples.get(base)}
        if 'submits' not in kinds:
            return None
        # Commands are divided by frames that were counted a moment apart (docs/guest.md).
        slack = 0.02
        more = [key for key, r in kinds.items()
                if r.median(driver) > r.median(base) * (1 + slack) + slack]
        one = kinds['submits'].median(driver)
        measured = f'{one:.2f} submissions; ' + ('more ' + ', '.join(
            f'{in_guest.LABELS[key]} ({kinds[key].median(driver):.2f} to '
            f'{kinds[key].median(base):.2f})' for key in more) if more else 'no kind above stock')
        return judgement(text, wanted, measured, not more and one <= 1 + slack, mean=one)
    return judge


BARS = (
    Mean('drawoverhead, sink host: rate', in_group('sink'), 2.5, 1.0),
    Mean('drawoverhead, end to end: rate', in_group('draw'), 1.35, 0.95),
    Mean('buffer replacement, end to end', named('drawoverhead-4'), 10.0),
    Mean('dwords per draw in the stream', in_group('sink-dwords'), 0.6, less=True),
    Mean('commands per draw in the stream', in_group('sink-commands'), less=True),
    Mean('dwords per draw with the payload of transfers', in_group('sink-payload'), less=True),
    Mean('application thread, CPU per draw', in_group('sink-app'), 0.5, less=True),
    Mean('whole client, CPU per draw', in_group('sink-client'), less=True),
    Mean('uploads and read-backs, up to 4 KB', transfers_of(0, 4 << 10), 3.0),
    Mean('uploads and read-backs, 64 KB', transfers_of(64 << 10, 64 << 10)),
    Mean('uploads and read-backs, 1 MB and more', transfers_of(1 << 20, 1 << 40), 1.0, 1.0),
    Special(many_resources),
    Special(glxgears),
    Special(glmark2_total('glmark2', 1.25)),
    Special(glmark2_total('glmark2-es2', None)),
    Special(in_the_guest('gears')),
    Special(in_the_guest('stream')),
    Mean('resident memory of glxgears', named('memory-glxgears'), 1.0, less=True),
    Mean('resident memory with 10,000 resources', named('memory-10000'), 1.0, less=True),
)


def judge(results, driver, base, bars=BARS):
    """A judgement of each bar that has figures."""
    found = {result.case.name: result for result in results}
    judged = (bar.judge(found, driver, base) for bar in bars)
    return [each for each in judged if each is not None]


STATES = {True: 'yes', False: 'NO', None: ''}


def lines(judged, driver, base):
    """The judgement for the terminal."""
    if not judged:
        return []
    head = [f'{driver} to {base}', 'wanted', 'measured', 'reached']
    rows = [[j['bar'], j['wanted'], j['measured'], STATES[j['reached']]] for j in judged]
    widths = [max(len(row[i]) for row in [head] + rows) for i in range(4)]

    def line(row):
        return '  '.join(f'{cell:{width}}' for cell, width in zip(row, widths)).rstrip()
    return ['', line(head), '-' * len(line(head))] + [line(row) for row in rows]
