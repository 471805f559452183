# SPDX-License-Identifier: MIT
"""Ordinary programs, run to their end on the driver under test."""

import os
import re

from host import programs

# glmark2's default scenes (with its own defaults), each for a moment.
GLMARK2 = (
    'build:use-vbo=false', 'build:use-vbo=true', 'texture:texture-filter=nearest',
    'texture:texture-filter=linear', 'texture:texture-filter=mipmap', 'shading:shading=gouraud',
    'shading:shading=blinn-phong-inf', 'shading:shading=phong', 'shading:shading=cel',
    'bump:bump-render=high-poly', 'bump:bump-render=normals', 'bump:bump-render=height',
    'effect2d:kernel=0,1,0;1,-4,1;0,1,0;', 'effect2d:kernel=1,1,1,1,1;1,1,1,1,1;1,1,1,1,1;',
    'pulsar:light=false:quads=5:texture=false',
    'desktop:blur-radius=5:effect=blur:passes=1:separable=true:windows=4',
    'desktop:effect=shadow:windows=4',
    'buffer:columns=200:interleave=false:update-dispersion=0.9:update-fraction=0.5:'
    'update-method=map',
    'buffer:columns=200:interleave=false:update-dispersion=0.9:update-fraction=0.5:'
    'update-method=subdata',
    'buffer:columns=200:interleave=true:update-dispersion=0.9:update-fraction=0.5:'
    'update-method=map',
    'ideas:speed=duration', 'jellyfish', 'terrain', 'shadow', 'refract',
    'conditionals:fragment-steps=0:vertex-steps=0', 'conditionals:fragment-steps=5:vertex-steps=0',
    'conditionals:fragment-steps=0:vertex-steps=5', 'function:fragment-complexity=low:'
    'fragment-steps=5', 'function:fragment-complexity=medium:fragment-steps=5',
    'loop:fragment-loop=false:fragment-steps=5:vertex-steps=5',
    'loop:fragment-steps=5:fragment-uniform=false:vertex-steps=5',
    'loop:fragment-steps=5:fragment-uniform=true:vertex-steps=5',
)


def glmark2(bench):
    args = ['glmark2', '-s', '160x120', '-b', ':duration=0.2']
    for scene in GLMARK2:
        args += ['-b', scene]
    outcome = programs.watch(args, bench.host.env(bench.config.driver),
                             os.path.join(bench.logs, 'glmark2.log'), 240)
    results = dict(re.findall(r'^\[(\w+)\][^\n]*? (FPS: \d+|Unsupported|Set up failed)',
                              outcome.said, re.M))
    wrong = sorted(scene for scene, result in results.items() if not result.startswith('FPS'))
    done = len(re.findall(r'FPS: \d+', outcome.said))
    if outcome.status != 0:
        what = 'does not end' if outcome.status is None else f'ends with {outcome.status}'
        bench.report.failed('host: glmark2', f'{what} after {done} scenes')
    elif 'glmark2 Score' not in outcome.said or done != len(GLMARK2) or wrong:
        bench.report.failed('host: glmark2', f'{done} of {len(GLMARK2)} scenes were drawn, '
                                             f'not: {", ".join(wrong) or "unknown"}')
    elif outcome.driver_lines():
        bench.report.failed('host: glmark2', f'the driver complains: {outcome.driver_lines()[0]}')
    else:
        bench.report.passed('glmark2', len(GLMARK2))


def gears(bench):
    """glxgears and es2gears draw until they are ended; both say how fast every 5 s."""
    for program in ('glxgears', 'es2gears_x11'):
        outcome = programs.watch([program], bench.host.env(bench.config.driver),
                                 os.path.join(bench.logs, f'{program}.log'), 6.5)
        # Both buffer what they say to a file, so it may be lost when they are ended; that they run
        # and draw is seen by the steady-state test, here only that they go on.
        if outcome.status is not None or outcome.stuck:
            bench.report.failed(f'host: {program}', f'ended with {outcome.status}' if
                                outcome.status is not None else 'hangs')
        elif outcome.driver_lines():
            bench.report.failed(f'host: {program}',
                                f'the driver complains: {outcome.driver_lines()[0]}')
        else:
            bench.report.passed(program)


def glxinfo(bench):
    outcome = programs.watch(['glxinfo'], bench.host.env(bench.config.driver),
                             os.path.join(bench.logs, 'glxinfo.log'), 30)
    if outcome.status != 0:
        bench.report.failed('host: glxinfo', f'ends with {outcome.status}')
    elif 'OpenGL renderer string' not in outcome.said:
        bench.report.failed('host: glxinfo', 'names no renderer')
    else:
        bench.report.passed('glxinfo')


def run(bench):
    glxinfo(bench)
    gears(bench)
    glmark2(bench)
