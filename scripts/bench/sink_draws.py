# SPDX-License-Identifier: MIT
"""drawoverhead on the sink host: the guest's side alone, and what it sends for a draw."""

import cases
import sink
from jobs import Figure, Job

QUICK = (1, 21)
SECONDS = 0.4
# What sink.Sample calls them; of the first more is better.
METRICS = {'': ('kdraws_per_s_sampled', 'kdraws/s', ''),
           '-dwords': ('dwords_and_payload_per_draw', 'dwords', ', dwords per draw'),
           '-commands': ('commands_per_draw', 'commands', ', commands per draw'),
           '-app': ('app_us_per_draw', 'µs', ", application's thread per draw"),
           '-client': ('client_us_per_draw', 'µs', ', whole client per draw')}
NAMES = {'': 'sink', '-dwords': 'dwords', '-commands': 'commands', '-app': 'appcpu',
         '-client': 'clientcpu'}


class SinkDraw(Job):
    native = False
    rounds = 3

    def __init__(self, number):
        self.number = number
        self.figures = [
            Figure(f'{NAMES[key]}-{number}', NAMES[key], unit, f'{number}{text}',
                   quick=key == '' and number in QUICK, less=key != '')
            for key, (_, unit, text) in METRICS.items()]

    def run(self, bed, driver, wanted):
        sample = sink.run_drawoverhead(bed.sink, bed.sink_env(driver), self.number, SECONDS)
        metrics = sample.metrics
        short = cases.DrawOverhead._short(sample.label)
        for figure, (_, _, text) in zip(self.figures, METRICS.values()):
            figure.label = f'{self.number} {short}{text}'
        return {f'{NAMES[key]}-{self.number}': metrics[metric]
                for key, (metric, _, _) in METRICS.items()}


def jobs():
    return [SinkDraw(number) for number in range(1, cases.DRAWOVERHEAD_CASES + 1)]
