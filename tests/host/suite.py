# SPDX-License-Identifier: MIT
"""host: what the driver asks of its host, what it does when the host fails it, whole programs."""

import shutil

import verglas_host
from host import endurance, failures, sink, steady_state
from render import suite as render

NAME = 'host'


def run(report, config):
    shutil.rmtree(config.log_folder(NAME), ignore_errors=True)
    with verglas_host.Host(private_display=True) as host:
        bench = failures.Bench(report, config, host, render.program(config))
        try:
            steady_state.run(bench)
            sink.run(bench)
            endurance.run(bench)
            failures.run(bench)
        finally:
            shutil.rmtree(bench.folder, ignore_errors=True)
