# SPDX-License-Identifier: MIT
"""QEMU's log of the commands that the virtio-gpu device was sent: who asked for what, how often.

A line is "PID@SECONDS.MICROSECONDS:virtio_gpu_cmd_NAME FIELD VALUE, …" (QEMU's "log" trace back
end with -msg timestamp=on). The commands are those of the virtio specification, 5.7.6. Contexts
tell their names in ctx_create, which Linux fills with that of the program; what names a resource
only is counted for the context that the resource was first attached to.
"""

import collections
import re

LINE = re.compile(r'^(?:\d+@(?P<time>\d+\.\d+):)?virtio_gpu_cmd_(?P<name>\w+) ?(?P<rest>.*)$')
CONTEXT = re.compile(r'\bctx (0x[0-9a-f]+|\d+)')
RESOURCE = re.compile(r'\bres (0x[0-9a-f]+|\d+)')
NAME = re.compile(r', name (.*)$')

# QEMU's names and the specification's; in the order of the table.
KINDS = {
    'ctx_submit': 'SUBMIT_3D',
    'res_xfer_toh_3d': 'TRANSFER_TO_HOST_3D',
    'res_xfer_toh_2d': 'TRANSFER_TO_HOST_2D',
    'res_xfer_fromh_3d': 'TRANSFER_FROM_HOST_3D',
    'res_create_3d': 'RESOURCE_CREATE_3D',
    'res_create_2d': 'RESOURCE_CREATE_2D',
    'res_create_blob': 'RESOURCE_CREATE_BLOB',
    'res_unref': 'RESOURCE_UNREF',
    'res_back_attach': 'RESOURCE_ATTACH_BACKING',
    'res_back_detach': 'RESOURCE_DETACH_BACKING',
    'ctx_create': 'CTX_CREATE',
    'ctx_destroy': 'CTX_DESTROY',
    'ctx_res_attach': 'CTX_ATTACH_RESOURCE',
    'ctx_res_detach': 'CTX_DETACH_RESOURCE',
    'res_flush': 'RESOURCE_FLUSH',
    'set_scanout': 'SET_SCANOUT',
    'set_scanout_blob': 'SET_SCANOUT_BLOB',
    'get_display_info': 'GET_DISPLAY_INFO',
    'get_edid': 'GET_EDID',
}
CREATES = ('RESOURCE_CREATE_3D', 'RESOURCE_CREATE_2D', 'RESOURCE_CREATE_BLOB')
NOBODY = 0  # the number of the kernel's own doings: there is no such context


class Counts:
    """What was asked for in a part of the log. by_context: number → Counter of kinds."""

    def __init__(self, names):
        self.names = names  # context → name
        self.by_context = collections.defaultdict(collections.Counter)
        self.first_time = None
        self.last_time = None
        self.bytes = collections.Counter()  # of commands submitted, by context

    @property
    def total(self):
        """A Counter of kinds, over all contexts."""
        return sum(self.by_context.values(), collections.Counter())

    def contexts(self, name):
        """The contexts of the program NAME (the kernel keeps 15 characters of it)."""
        return [number for number in self.by_context
                if number != NOBODY and self.names.get(number) == name[:15]]

    def of(self, name):
        """A Counter of kinds for the program NAME, over its contexts."""
        return sum((self.by_context[each] for each in self.contexts(name)), collections.Counter())

    def others(self, name):
        """The same for everybody but NAME."""
        return self.total - self.of(name)

    def json(self):
        return {self.label(number): dict(counter) for number, counter in self.by_context.items()}

    def label(self, number):
        return 'kernel' if number == NOBODY else f'{self.names.get(number, "?")} (context {number})'


class Trace:
    """The log, read as far as it is there."""

    def __init__(self, path):
        self.path = path
        self._read_to = 0
        self._part = b''
        self._events = []  # (end of the line in the file, time, kind, context, resource, bytes)
        self._names = {}
        self._owner = {}  # resource → context
        self._alive = set()

    def mark(self):
        """A place: everything that is in the log by now is before it."""
        self._read()
        return self._events[-1][0] if self._events else 0

    def resources(self):
        """How many resources the device holds."""
        self._read()
        return len(self._alive)

    def counts(self, begin=None, end=None):
        """A Counts for what is between two marks."""
        self._read()
        return self._count(event for event in self._events
                           if event[0] > (begin or 0) and (end is None or event[0] <= end))

    def counts_between(self, begin_time, end_time):
        """A Counts for what happened between two times (as time.time() gives them)."""
        self._read()
        return self._count(event for event in self._events
                           if event[1] is not None and begin_time <= event[1] < end_time)

    def _count(self, events):
        counts = Counts(self._names)
        for _, when, kind, context, resource, size in events:
            if context is None:
                # A resource's context comes to be known after its creation.
                context = self._owner.get(resource, NOBODY)
            counts.by_context[context][kind] += 1
            counts.bytes[context] += size
            if counts.first_time is None:
                counts.first_time = when
            counts.last_time = when
        return counts

    def _read(self):
        try:
            with open(self.path, 'rb') as f:
                f.seek(self._read_to)
                data = f.read()
        except FileNotFoundError:
            return
        position = self._read_to - len(self._part)
        self._read_to += len(data)
        *lines, self._part = (self._part + data).split(b'\n')
        for line in lines:
            position += len(line) + 1
            found = LINE.match(line.decode(errors='replace'))
            if found:
                self._take(position, found['time'], found['name'], found['rest'])

    def _take(self, position, when, name, rest):
        kind = KINDS.get(name, name.upper())
        context, resource = CONTEXT.search(rest), RESOURCE.search(rest)
        context = context and int(context[1], 0)
        resource = resource and int(resource[1], 0)
        size = 0
        if kind == 'CTX_CREATE':
            self._names[context] = (NAME.search(rest) or ('', '?'))[1].strip()
        elif kind == 'SUBMIT_3D':
            size = int((re.search(r'size (\d+)', rest) or ('', '0'))[1])
        elif kind == 'CTX_ATTACH_RESOURCE':
            self._owner.setdefault(resource, context)
        if kind in CREATES:
            self._owner.pop(resource, None)  # a number that is used again
            self._alive.add(resource)
        elif kind == 'RESOURCE_UNREF':
            self._alive.discard(resource)
        if resource == 0 and context is None:
            resource = None
        self._events.append((position, when and float(when), kind, context, resource, size))


def table(total, steady, frames=None, seconds=None):
    """Lines of text: each kind of each context, in all and in the steady window."""
    order = {kind: index for index, kind in enumerate(KINDS.values())}
    per, unit = (frames, 'a frame') if frames else (seconds, 'a second')
    lines = [f'{"commands of the device":<40}{"total":>9}{"steady":>9}{unit:>10}{"bytes":>9}']
    for context in sorted(total.by_context):
        lines.append(total.label(context))
        seen = steady.by_context.get(context, {})
        for kind in sorted(total.by_context[context], key=lambda k: (order.get(k, 99), k)):
            count = seen.get(kind, 0)
            line = f'   {kind:<37}{total.by_context[context][kind]:>9}{count:>9}'
            line += f'{count / per:>10.3f}' if per else f'{"-":>10}'
            if kind == 'SUBMIT_3D' and count:
                line += f'{steady.bytes[context] / count:>9.0f}'
            lines.append(line)
    return lines
