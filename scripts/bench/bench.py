#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The work of bin/bench: Verglas and stock virgl in turn, on the same server and display."""

import argparse
import json
import os
import re
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import bars
import catalogue
import chart
import report
import results
import verglas_host
from cases import CaseFailed
from jobs import Bed, Skipped
from verglas_host import HostError, note, warn

BASE = 'stock'
NATIVE_ROUNDS = 2  # of the horizon a rough idea is enough


def parse_arguments():
    parser = argparse.ArgumentParser(
        prog='bin/bench', description='Measure Verglas against stock virgl, in turn, on the same '
        'server. Prints medians, half the range, ratios, and the bars that they are held against; '
        'writes raw samples and a chart.',
        epilog='Exit status: 0, or 1 when a figure failed on Verglas (or is below --fail-below).')
    parser.add_argument('--quick', action='store_true',
                        help='fourteen figures in 3 rounds, in less than 3 minutes')
    parser.add_argument('--rounds', type=int, metavar='N', help='rounds (3 with --quick, else 5, and '
                        'fewer of what takes long)')
    parser.add_argument('--only', metavar='REGEX', help='only figures whose name matches')
    parser.add_argument('--group', action='append', choices=list(catalogue.GROUPS),
                        help='only this group; may be repeated')
    parser.add_argument('--native', action='store_true',
                        help='native llvmpipe as well: the horizon (always without --quick)')
    parser.add_argument('--json', metavar='FILE', help='raw samples (default: build/bench.json)')
    parser.add_argument('--plot', metavar='FILE',
                        help='the chart (default: beside the JSON, .svg, and .png with rsvg-convert)')
    parser.add_argument('--from', dest='sources', metavar='FILE', action='append', default=[],
                        help='measure nothing: take the samples of an earlier run; of several, '
                        'the last that has a figure')
    parser.add_argument('--report', metavar='FILE.md',
                        help='put bars, means and the chart into this page, between its marks')
    parser.add_argument('--fail-below', type=float, metavar='R',
                        help='exit with 1 when a case is below R times stock')
    parser.add_argument('--list', action='store_true', help='list the cases and stop')
    options = parser.parse_args()
    options.all_rounds = options.rounds is not None
    if not options.all_rounds:
        options.rounds = 3 if options.quick else 5
    elif options.rounds < 1:
        parser.error('--rounds must be 1 or more')
    options.json = options.json or os.path.join(verglas_host.build_folder(), 'bench.json')
    options.plot = options.plot or os.path.splitext(options.json)[0] + '.svg'
    return options, parser


def choose(options, parser):
    """Jobs, and of each the names of the figures that are wanted."""
    chosen = []
    for job in catalogue.all_jobs(options.group):
        wanted = [f.name for f in job.figures if f.quick or not options.quick]
        try:
            wanted = [name for name in wanted if re.search(options.only or '', name)]
        except re.error as error:
            parser.error(f'--only: {error}')
        if wanted:
            chosen.append((job, wanted))
    if not chosen:
        parser.error('no case is left')
    return chosen


def measure(bed, chosen, drivers, rounds, all_rounds=False):
    """The results of ROUNDS; a job that takes long has fewer, but for ALL_ROUNDS."""
    found = {name: results.Result(figure, drivers)
             for job, wanted in chosen for figure in job.figures
             if (name := figure.name) in wanted}
    runs = [(turn, i) for turn in range(rounds) for i, (job, _) in enumerate(chosen)
            if all_rounds or job.rounds is None or turn < job.rounds]
    for done, (turn, i) in enumerate(runs):
        job, wanted = chosen[i]
        # Whoever goes second finds a warmer machine: take turns at it.
        for driver in drivers if (turn + i) % 2 == 0 else drivers[::-1]:
            # What has failed already fails again; more rounds only take time.
            left = [name for name in wanted if not found[name].over(driver)]
            if not left or (driver == 'native' and (not job.native or turn >= NATIVE_ROUNDS)):
                continue
            progress(f'[{done + 1}/{len(runs)}] {left[0]} on {driver}')
            try:
                values = job.run(bed, driver, left)
            except (CaseFailed, Skipped) as reason:
                values = {name: reason for name in left}
            for name in left:
                record(found[name], driver, values[name])
            bed.check(left[0])
    progress('')
    return list(found.values())


def record(result, driver, value):
    if isinstance(value, Skipped):
        result.skips[driver] = str(value)
    elif isinstance(value, CaseFailed):
        result.failures[driver].append(str(value))
        progress('')
        note(f'{result.case.name} failed on {driver}: {value}')
    else:
        result.samples[driver].append(value)


def driver_strings(host, driver):
    """What DRIVER says it is; None where it makes no context: its cases will say why."""
    try:
        strings = verglas_host.gl_strings(host.env(driver))
    except HostError as error:
        warn(f'{driver}: {error}')
        return None
    if driver == 'verglas' and strings[0] != 'Verglas' and 'VERGLAS_DRI' not in os.environ:
        raise HostError(f'the driver in {verglas_host.driver_folder()} is not Verglas, but '
                        + strings[0])
    return strings


def processor_use(seconds=1.0):
    """The part of the machine that others keep busy, measured now (the load average lags)."""
    def idle_and_all():
        with open('/proc/stat', encoding='ascii') as f:
            fields = [int(word) for word in f.readline().split()[1:]]
        return fields[3] + fields[4], sum(fields[:8])  # idle + waiting for disks
    idle, whole = idle_and_all()
    time.sleep(seconds)
    idle_then, whole_then = idle_and_all()
    return 1 - (idle_then - idle) / max(1, whole_then - whole)


def progress(text):
    if sys.stderr.isatty():
        print(f'\r\033[K{text}', end='', file=sys.stderr, flush=True)


def run_all(options, chosen):
    """Measure; the document of it."""
    drivers = ['verglas', BASE] + (['native'] if options.native or not options.quick else [])
    if not os.path.exists(os.path.join(verglas_host.driver_folder(), 'swrast_dri.so')):
        raise HostError(f'there is no driver in {verglas_host.driver_folder()}: run bin/setup')
    busy = processor_use()
    if busy > 0.15:
        warn(f'the machine is busy ({busy:.0%} of its cores): do not trust these numbers')
    started = time.monotonic()
    with Bed() as bed:
        strings = {driver: driver_strings(bed.host, driver) for driver in drivers}
        found = measure(bed, chosen, drivers, options.rounds, options.all_rounds)
    seconds = time.monotonic() - started
    about = {'mode': 'quick' if options.quick else 'full', 'rounds': options.rounds,
             'seconds': round(seconds, 1), 'busy_before': round(busy, 2), 'gl': strings}
    document = results.as_json(found, drivers, BASE, about)
    results.write_json(options.json, document)  # whatever comes of the rest
    return document


def earlier(paths):
    """The document of earlier runs: of a figure that several have, the last one's samples."""
    merged = None
    for path in paths:
        try:
            with open(path, encoding='utf-8') as f:
                document = json.load(f)
        except (OSError, ValueError) as error:
            raise HostError(f'cannot read {path}: {error}') from None
        if document.get('format') != results.FORMAT:
            raise HostError(f'{path} is of another version of bin/bench')
        cases = {case['name']: case for case in merged['cases']} if merged else {}
        cases.update({case['name']: case for case in document['cases']})
        if merged:
            document['seconds'] += merged['seconds']
            for what in ('rounds', 'busy_before'):
                document[what] = max(document[what], merged[what])
        merged = {**document, 'cases': list(cases.values())}
    return merged


def show(options, document):
    """Print and write what a document says; the results that failed, and those that are slow."""
    drivers = list(document['gl'])
    found = results.from_json(document, drivers)
    order = list(catalogue.FIGURES)
    found.sort(key=lambda r: order.index(r.case.group) if r.case.group in order else len(order))
    for line in results.table(found, drivers, BASE, catalogue.FIGURES):
        print(line)
    judged = bars.judge(found, 'verglas', BASE)
    print(*bars.lines(judged, 'verglas', BASE), sep='\n')
    document['bars'] = judged
    results.write_json(options.json, document)
    subtitle = (f'{document["versions"]["verglas"]}, {document["machine"]["cores"]} cores, '
                f'median of up to {document["rounds"]}, {document["date"]}')
    picture = chart.svg(found, 'verglas', BASE, catalogue.FIGURES, subtitle)
    png = chart.write(options.plot, picture)
    print(f'{document["rounds"]} rounds in {document["seconds"]:.0f} s; raw samples: '
          f'{options.json}; chart: {options.plot}' + (f', {png}' if png else ''))
    if options.report:
        means = chart.summary(found, 'verglas', BASE, catalogue.FIGURES, subtitle)
        report.write(options.report, found, judged, document, drivers, BASE, [means, picture])
        print(f'report: {options.report}')

    for result in found:
        for driver in drivers:
            for reason in result.failures[driver]:
                print(f'FAILED {result.case.name} on {driver}: {reason}')
    skipped = sorted({(driver, reason) for r in found for driver, reason in r.skips.items()})
    for driver, reason in skipped:
        count = sum(r.skips.get(driver) == reason for r in found)
        print(f'skipped on {driver}: {count} figures: {reason}')
    failed = [r for r in found if r.failed('verglas')]
    slow = [r.case.name for r in found
            if options.fail_below and (r.ratio('verglas', BASE) or 0) < options.fail_below]
    if slow:
        print(f'below {options.fail_below}x stock: {", ".join(slow)}')
    return failed, slow


def main():
    options, parser = parse_arguments()
    chosen = choose(options, parser)
    if options.list:
        for _, wanted in chosen:
            print(*wanted, sep='\n')
        return 0
    document = earlier(options.sources) if options.sources else run_all(options, chosen)
    failed, slow = show(options, document)
    return 1 if failed or slow else 0


if __name__ == '__main__':
    verglas_host.run_main(main)
