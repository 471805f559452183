# SPDX-License-Identifier: MIT
"""The charts of bin/bench: a bar per case, by group, on a logarithmic scale around 1; and a
bar per group."""

import contextlib
import math
import os
import shutil
import subprocess
from xml.sax.saxutils import escape

import results
import verglas_host

ROW, HEAD, LABEL, SPAN, VALUE, GAP, TOP = 14, 34, 250, 190, 56, 24, 64
WORSE, NEAR, BETTER = '#b00020', '#8a8a8a', '#2a6f97'


def colour(ratio):
    return WORSE if ratio < results.SLOW else NEAR if ratio < 1 else BETTER


def columns(groups):
    """Groups in columns of about one height; a group that is longer than that goes on in the next.

    A list of columns, each a list of (title, mean of the whole group or None, results).
    """
    rows = sum(len(members) + 3 for _, _, members in groups)
    count = 1 if rows <= 45 else 2 if rows <= 110 else 3 if rows <= 200 else 4 if rows <= 330 else 5
    limit = math.ceil(rows / count) + 2
    made, left = [[]], limit
    for title, mean, members in groups:
        members = list(members)
        while members:
            if left < min(len(members), 6) + 3:
                made.append([])
                left = limit
            taken = members[:left - 3]
            made[-1].append((title, mean, taken))
            left -= len(taken) + 3
            members = members[len(taken):]
            title += ' …' if members and not title.endswith('…') else ''
    return made


class Scale:
    """Ratios to pixels; what lies outside is cut off, and its number says so."""

    def __init__(self, ratios):
        low = min([0.5] + ratios)
        high = max([2.0] + ratios)
        self.low = 2.0 ** max(-3, math.floor(math.log2(low)))
        self.high = 2.0 ** min(6, math.ceil(math.log2(high)))

    def x(self, ratio):
        ratio = min(max(ratio, self.low), self.high)
        return SPAN * math.log(ratio / self.low) / math.log(self.high / self.low)

    def ticks(self):
        tick = self.low
        while tick <= self.high:
            yield tick
            tick *= 2


def panel(out, left, top, scale, title, mean, members, driver, base):
    """One group; the y below it."""
    zero = left + LABEL
    text = escape(title) + ('' if mean is None else f': {mean:.2f}×')
    out.append(f'<text x="{left}" y="{top + 14}" font-weight="bold">{text}</text>')
    y = top + HEAD - 8
    bottom = y + ROW * len(members)
    for tick in scale.ticks():
        x = zero + scale.x(tick)
        out.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y}" y2="{bottom}" '
                   f'stroke="{"#222222" if tick == 1 else "#e2e2e2"}"/>')
        if tick in (0.5, 1, 2, 4, 16, 64):
            out.append(f'<text x="{x:.1f}" y="{y - 2}" text-anchor="middle" font-size="9" '
                       f'fill="#666666">{tick:g}×</text>')
    for result in members:
        out.append(f'<text x="{zero - 6}" y="{y + 11}" text-anchor="end">'
                   f'{escape(result.case.label[:44])}</text>')
        ratio = result.ratio(driver, base)
        if ratio is None:
            failed = result.failed(driver)
            said = 'failed' if failed else f'no {base}' if not result.missing(driver) else '–'
            out.append(f'<text x="{zero + scale.x(1) + 5:.1f}" y="{y + 11}" '
                       f'fill="{WORSE if failed else "#666666"}">{said}</text>')
        else:
            start, stop = sorted((scale.x(1), scale.x(ratio)))
            out.append(f'<rect x="{zero + start:.1f}" y="{y + 2}" '
                       f'width="{max(stop - start, 1):.1f}" height="{ROW - 4}" '
                       f'fill="{colour(ratio)}"/>')
            extent = result.ratio_range(driver, base)
            if extent and extent[0] != extent[1]:
                out.append(f'<line x1="{zero + scale.x(extent[0]):.1f}" '
                           f'x2="{zero + scale.x(extent[1]):.1f}" y1="{y + ROW / 2}" '
                           f'y2="{y + ROW / 2}" stroke="#111111" stroke-width="0.7"/>')
            out.append(f'<text x="{zero + SPAN + 6}" y="{y + 11}">{ratio:.2f}×</text>')
        y += ROW
    return bottom + 10


def svg(found, driver, base, titles, subtitle):
    """DRIVER as a multiple of BASE, whichever way is better: right of the line it is ahead."""
    groups = [(titles.get(name, name),
               results.geometric_mean([r.ratio(driver, base) for r in members])
               if len(members) > 1 else None, members)
              for name, members in results.by_group(found).items()]
    scale = Scale([r.ratio(driver, base) for r in found if r.ratio(driver, base)])
    pages = columns(groups)
    out, lowest = [], TOP
    for i, page in enumerate(pages):
        y = TOP
        for title, mean, members in page:
            y = panel(out, 16 + i * (LABEL + SPAN + VALUE + GAP), y, scale, title, mean, members,
                      driver, base)
        lowest = max(lowest, y)
    width = max(16 + len(pages) * (LABEL + SPAN + VALUE + GAP), 700)  # the title needs so much
    return page_of(width, lowest + 8, driver, base, subtitle, out)


def page_of(width, height, driver, base, subtitle, out):
    return '\n'.join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="10.5">',
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        f'<text x="16" y="24" font-size="16">{escape(driver.capitalize())} against '
        f'{escape(base)}: how many times better (right of the line it is ahead)</text>',
        f'<text x="16" y="42" fill="#666666">{escape(subtitle)}</text>', *out, '</svg>']) + '\n'


def summary(found, driver, base, titles, subtitle):
    """A bar per group, its geometric mean, with a dot for each case."""
    left, span, row, value = 330, 520, 26, 60
    groups = {name: ratios for name, members in results.by_group(found).items()
              if (ratios := [x for r in members if (x := r.ratio(driver, base))])}
    scale = Scale([x for ratios in groups.values() for x in ratios])
    bottom = TOP + row * len(groups)

    def at(ratio):
        return left + scale.x(ratio) * span / SPAN
    out = []
    for tick in scale.ticks():
        out.append(f'<line x1="{at(tick):.1f}" x2="{at(tick):.1f}" y1="{TOP}" y2="{bottom}" '
                   f'stroke="{"#222222" if tick == 1 else "#e2e2e2"}"/><text x="{at(tick):.1f}" '
                   f'y="{bottom + 14}" text-anchor="middle" fill="#666666">{tick:g}×</text>')
    for i, (name, ratios) in enumerate(groups.items()):
        y, mean = TOP + row * i, results.geometric_mean(ratios)
        start, stop = sorted((at(1), at(mean)))
        out.append(f'<text x="{left - 8}" y="{y + 17}" font-size="12" text-anchor="end">'
                   f'{escape(titles.get(name, name))}</text>'
                   f'<rect x="{start:.1f}" y="{y + 5}" width="{max(stop - start, 1):.1f}" '
                   f'height="{row - 10}" fill="{colour(mean)}" fill-opacity="0.75"/>')
        out += [f'<circle cx="{at(x):.1f}" cy="{y + row / 2}" r="2.2" fill="#111111" '
                'fill-opacity="0.45"/>' for x in ratios]
        out.append(f'<text x="{left + span + 8}" y="{y + 17}" font-size="12">{mean:.2f}×</text>')
    return page_of(left + span + value, bottom + 26, driver, base, subtitle, out)


def write(path, picture):
    """The picture as SVG and, where there is a program for that, as PNG; the latter's path."""
    results.write(path, picture)
    png = os.path.splitext(path)[0] + '.png'
    converter = shutil.which('rsvg-convert')
    if not converter:
        return None
    done = subprocess.run([converter, '-o', png, path], stdin=subprocess.DEVNULL,
                          capture_output=True, check=False)
    if done.returncode != 0:
        verglas_host.warn(f'rsvg-convert makes no {png}')
        with contextlib.suppress(OSError):
            os.unlink(png)
        return None
    return png
