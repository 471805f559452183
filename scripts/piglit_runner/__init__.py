# SPDX-License-Identifier: MIT
"""bin/piglit: piglit's tests on Verglas or on stock virgl, on the embedded host.

catalogue  what tests there are, and lists of them
hosts      a server, a display and the test that runs on them: a slot
runner     many tests on several slots, in one loop without threads
records    what came out: the log of a run, tables, summaries, baselines
compare    a run held against a baseline
verdicts   which of the regressions are flakes
page       the comparison as one HTML file
cli        the command line
"""
