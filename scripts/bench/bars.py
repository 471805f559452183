# SPDX-License-Identifier: MIT
"""What bin/bench's figures are held against: means over groups of them, and the goals for those."""

import dataclasses
from collections.abc import Callable

import transfers
from results import geometric_mean


@dataclasses.dataclass
class Bar:
    """Of the figures that belong to it: their geometric mean, and the worst of them.

    Both are multiples of stock's: of rates the higher is better, of what is spent (less) the lower.
    """
    text: str
    belongs: Callable  # to a Figure
    mean: float | None = None
    worst: float | None = None
    less: bool = False


def in_group(name):
    return lambda figure: figure.group == name


def transfers_of(low, high):
    return lambda figure: (figure.group == transfers.GROUP
                           and low <= transfers.size_of(figure.name) <= high)


BARS = (
    Bar('drawoverhead, sink host: rate', in_group('sink'), 2.5, 1.0),
    Bar('drawoverhead, sink host: dwords per draw', in_group('sink-dwords'), 0.6, less=True),
    Bar('the same with the payload of transfers', in_group('sink-payload'), less=True),
    Bar('application thread, CPU per draw', in_group('sink-app'), 0.5, less=True),
    Bar('whole client, CPU per draw', in_group('sink-client'), less=True),
    Bar('drawoverhead, end to end: rate', in_group('draw'), 1.35, 0.95),
    Bar('buffer replacement, end to end', lambda f: f.name == 'drawoverhead-4', 10.0),
    Bar('uploads and read-backs, up to 4 KB', transfers_of(0, 4 << 10), 3.0),
    Bar('uploads and read-backs, 1 MB and more', transfers_of(1 << 20, 1 << 40), 1.0, 1.0),
    Bar('glxgears', in_group('gears'), 1.25),
    Bar('glmark2, all scenes', in_group('glmark2'), 1.25),
)


def judge(results, driver, base, bars=BARS):
    """Of each bar that has figures: a dict with what was found and whether that is enough."""
    judged = []
    for bar in bars:
        ratios = {r.case.name: r.ratio(driver, base) for r in results if bar.belongs(r.case)}
        ratios = {name: ratio for name, ratio in ratios.items() if ratio}
        if not ratios:
            continue
        # A Result's ratio is how many times better; of what is spent, that is stock's to ours.
        quotients = {name: 1 / r if bar.less else r for name, r in ratios.items()}
        worst = (max if bar.less else min)(quotients, key=quotients.get)
        mean = geometric_mean(quotients.values())

        def enough(value, limit):
            return limit is None or (value <= limit if bar.less else value >= limit)
        judged.append({
            'bar': bar.text, 'figures': len(ratios), 'less_is_better': bar.less, 'mean': mean,
            'mean_wanted': bar.mean, 'worst': quotients[worst], 'worst_figure': worst,
            'worst_wanted': bar.worst,
            'reached': enough(mean, bar.mean) and enough(quotients[worst], bar.worst)})
    return judged


def lines(judged, driver, base):
    """The judgement for the terminal."""
    if not judged:
        return []
    width = max(len(j['bar']) for j in judged)

    def wanted(value, less):
        return '' if value is None else f'{"<=" if less else ">="} {value:g}'
    head = (f'{driver + "/" + base:{width}} {"mean":>8} {"wanted":8} {"worst":>8} {"wanted":8} '
            'of figures')
    out = [head, '-' * len(head)]
    for j in judged:
        less = j['less_is_better']
        goal = j['mean_wanted'] is not None or j['worst_wanted'] is not None
        out.append(f'{j["bar"]:{width}} {j["mean"]:7.2f}x {wanted(j["mean_wanted"], less):8} '
                   f'{j["worst"]:7.2f}x {wanted(j["worst_wanted"], less):8} '
                   f'{j["figures"]:3}, worst {j["worst_figure"]}'
                   + ('' if not goal else '' if j['reached'] else '  MISSED'))
    return out
