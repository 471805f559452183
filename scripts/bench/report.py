# SPDX-License-Identifier: MIT
"""A page's part that holds the figures of a run: bars, means, and the chart."""

import os

import catalogue
import chart
import results
from verglas_host import HostError

BEGIN = '<!-- bin/bench --report writes from here -->'
END = '<!-- to here -->'
SHOWN = {True: '**yes**', False: 'no', None: ''}


def row(*cells):
    return '| ' + ' | '.join(cells) + ' |'


def lines(found, judged, document, drivers, base, pictures):
    """The part's lines; PICTURES are the charts' names, of the groups and of all cases."""
    machine, versions = document['machine'], document['versions']
    whole = document['mode'] == 'full'
    out = [f'Verglas {versions["verglas"]} on {document["date"][:10]}: {machine["cores"]} cores of '
           f'{machine["cpu"]}, Linux {machine["kernel"]}, Mesa {versions["libgl1-mesa-dri"]}, '
           f'virglrenderer {versions["libvirglrenderer1"]}; medians of up to '
           f'{document["rounds"]} rounds' + ('.' if whole else ', `--quick`.'), '']
    if document['busy_before'] > 0.15:
        out += [f'The machine was busy ({document["busy_before"]:.0%} of its cores) before the run: '
                'take these figures as a hint.', '']
    out += [f'![Means of groups as multiples of stock, and their cases as dots]({pictures[0]})', '',
            f'A bar is a group\'s geometric mean, a dot one of its cases; [all {len(found)} figures '
            f'as bars]({pictures[1]}).', '',
            row('figure', 'bar', 'measured', 'reached'), row(*['---'] * 4)]
    out += [row(j['bar'], j['wanted'] or '–', j['measured'], SHOWN[j['reached']]) for j in judged]
    others = [driver for driver in drivers if driver != base]
    out += ['', 'Geometric means of ratios to stock, turned so that more is better:', '',
            row('group', 'figures', *others, 'below 1'), row(*['---'] * (3 + len(others)))]
    for name, members in results.by_group(found).items():
        means = [results.geometric_mean([r.ratio(driver, base) for r in members])
                 for driver in others]
        below = sum((r.ratio('verglas', base) or 1) < 1 for r in members)
        out.append(row(catalogue.FIGURES.get(name, name), str(len(members)),
                       *('–' if mean is None else f'{mean:.2f}' for mean in means), str(below)))
    failed = [f'`{r.case.name}` on {driver}' for r in found for driver in drivers
              if r.failed(driver)]
    if failed:
        out += ['', f'Failed: {", ".join(failed)}.']
    return out


def write(path, found, judged, document, drivers, base, charts):
    """Put the part into the page at PATH, and the charts beside it."""
    try:
        with open(path, encoding='utf-8') as f:
            text = f.read()
    except OSError as error:
        raise HostError(f'cannot read {path}: {error.strerror}') from None
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise HostError(f'{path} has no lines "{BEGIN}" and "{END}"')
    stem = os.path.splitext(path)[0]
    pictures = [stem + '.svg', stem + '-cases.svg']
    chart.write(pictures[0], charts[0])
    results.write(pictures[1], charts[1])  # as PNG it would be large
    part = '\n'.join(lines(found, judged, document, drivers, base,
                           [os.path.basename(name) for name in pictures]))
    results.write(path, f'{head}{BEGIN}\n\n{part}\n\n{END}{tail}')
