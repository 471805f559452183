# SPDX-License-Identifier: MIT
"""Uploads and read-backs: each way in and out, of each size, idle and busy (tests/bench/transfer)."""

from jobs import Figure, Lines

SIZES = {'64': 64, '1k': 1 << 10, '4k': 4 << 10, '64k': 64 << 10, '1m': 1 << 20, '16m': 16 << 20}
KINDS = {
    'buffersubdata': 'glBufferSubData',
    'maprange': 'map, invalidate range',
    'maporphan': 'map, invalidate buffer',
    'mapunsync': 'map, unsynchronised',
    'persistent': 'persistent map',
    'getbuffersubdata': 'glGetBufferSubData',
    'texsubimage': 'glTexSubImage2D',
    'pbo': 'glTexSubImage2D from a PBO',
    'copytexsubimage': 'glCopyTexSubImage2D',
    'copyteximage': 'glCopyTexImage2D',
    'readpixels': 'glReadPixels',
    'readpixelspbo': 'glReadPixels to a PBO',
    'getteximage': 'glGetTexImage',
}
BUSY_ONLY = ('maporphan',)
QUICK = ('buffersubdata-4k-busy', 'texsubimage-64-busy', 'texsubimage-1m-busy', 'readpixels-4k-busy')
GROUP = 'transfer'


def size_of(name):
    """The bytes of an operation of a figure."""
    return SIZES[name.split('-')[1]]


def jobs():
    """One for each kind: its combinations follow each other in one process."""
    made = []
    for kind, label in KINDS.items():
        figures = [
            Figure(f'{kind}-{size}-{state}', GROUP, 'ops/s', f'{label}, {size} {state}',
                   quick=f'{kind}-{size}-{state}' in QUICK)
            for size in SIZES for state in ('idle', 'busy')
            if state == 'busy' or kind not in BUSY_ONLY]
        made.append(Lines(figures, ['transfer', '--seconds', '0.2'], native=False, rounds=3))
    return made
