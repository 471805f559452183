# SPDX-License-Identifier: MIT
"""Loads the descriptions and lays them out.

Everything the templates need is worked out here, once: C++ types, dword positions, sizes. A mistake
in a description (an unknown type, bits that overlap, two commands of one number) ends the build here.
"""
import pathlib
from dataclasses import dataclass, field

import yaml

SCALARS = {  # name in the description: (C++ type, dwords)
    'u32': ('uint32_t', 1),
    'i32': ('int32_t', 1),
    'f32': ('float', 1),
    'f64': ('double', 2),
    'u64': ('uint64_t', 2),
    'bool': ('bool', 1),
    'resource': ('ResourceHandle', 1),
    'object': ('ObjectHandle', 1),
    'format': ('Format', 1),
}
TAILS = {'span', 'text', 'bytes', 'dwords', 'padding', 'optional', 'stream_output'}
KEYWORDS = {'and', 'or', 'xor', 'not', 'union', 'struct', 'default'}


class DescriptionError(Exception):
    pass


def camel(name):
    return ''.join(p.capitalize() for p in name.split('_'))


@dataclass
class Item:
    """One thing on the wire, in order. `offset` counts dwords from the start of the group.

    Kinds are scalar, packed, array, struct, struct_array, count, byte_count and those of TAILS.
    """
    kind: str
    offset: int
    dwords: int  # of the fixed part; 0 for tails
    name: str = None
    type: str = None  # name in the description
    spec: dict = field(default_factory=dict)
    bits: list = field(default_factory=list)  # of a packed dword
    dims: list = field(default_factory=list)
    group: 'Group' = None  # struct of the element

    @property
    def tail(self):
        return self.kind in TAILS


@dataclass
class Bits:
    name: str
    type: str
    shift: int
    width: int
    spec: dict

    @property
    def mask(self):
        return ((1 << self.width) - 1) << self.shift


@dataclass
class Group:
    """A C++ struct: a reusable one, an optional part of a packet or a packet."""
    name: str
    doc: str
    items: list
    spec: dict
    since: str = None

    @property
    def dwords(self):
        return sum(i.dwords for i in self.items if not i.tail)

    @property
    def fixed(self):
        return [i for i in self.items if not i.tail]

    @property
    def tails(self):
        return [i for i in self.items if i.tail]


@dataclass
class Packet(Group):
    opcode: str = None
    number: int = 0
    object: str = None
    object_number: int = 0
    variant: str = None

    @property
    def wire_name(self):
        text = self.opcode.upper()
        return f'{text} {self.object.upper()}' if self.object else text


class Model:
    def __init__(self, folder):
        folder = pathlib.Path(folder)

        def load(name):
            with open(folder / name, encoding='utf-8') as f:
                return yaml.safe_load(f)

        self.enum_file = load('enums.yaml')
        self.command_file = load('commands.yaml')
        self.object_file = load('objects.yaml')
        self.caps = load('caps.yaml')
        self.vtest = load('vtest.yaml')
        self.format_file = load('formats.yaml')

        self.enums = {e['name']: e for e in self.enum_file['enums']}
        self.gallium = {e['name']: e for e in self.enum_file['gallium']}
        self.flags = {e['name']: e for e in self.enum_file['flags']}
        self.constants = self.enum_file['constants']
        self.formats = self.format_file['formats']
        self.commands = self.command_file['commands']
        self.objects = [o for o in self.object_file['objects'] if 'variant' not in o]
        self.object_names = [o['name'] for o in self.objects]
        self._check_numbers()

        self.structs, self.vtest_structs = {}, {}
        for spec in self.command_file['structs'] + self.object_file['structs']:
            self.structs[spec['name']] = self._group(spec['name'], spec)
        self.parts = []  # optional groups, in the order they are met
        self.packets = []
        for spec in self.commands:
            if spec.get('family') == 'objects':
                for o in self.object_file['objects']:
                    self.packets.append(self._packet(o, spec, o))
            else:
                self.packets.append(self._packet(spec, spec, None))
        self.layouts = [self._group(s['name'], s) for s in self.command_file['layouts']]

        for spec in self.vtest['structs']:
            group = self._group(spec['name'], spec)
            self.vtest_structs[spec['name']] = self.structs[spec['name']] = group
        self.requests = [self._group(camel(s['name']), s) for s in self.vtest['requests']]
        for name in self.vtest_structs:
            del self.structs[name]

    # -- checks ---------------------------------------------------------------------------------
    def _check_numbers(self):
        for what, entries in (('commands', self.commands), ('objects', self.objects),
                              ('requests', self.vtest['requests'])):
            first = 0 if what == 'commands' else 1
            for i, e in enumerate(entries):
                if e['number'] != i + first:
                    raise DescriptionError(f'{what}: {e["name"]} has number {e["number"]}, '
                                           f'expected {i + first}')
        by_number = {}
        for name, (number, _) in self.formats.items():
            if number in by_number:
                raise DescriptionError(f'formats: {name} and {by_number[number]} are both {number}')
            by_number[number] = name
        for flags in self.flags.values():
            seen = 0
            for name, value in flags['values'].items():
                if seen & value[0]:
                    raise DescriptionError(f'flags {flags["name"]}: {name} overlaps')
                seen |= value[0]

    def _scalar(self, type_name, where):
        if type_name in SCALARS:
            return SCALARS[type_name]
        if type_name in self.enums:
            return (type_name, 1)
        raise DescriptionError(f'{where}: unknown type {type_name}')

    def ctype(self, type_name):
        if type_name in self.structs or type_name in self.vtest_structs:
            return type_name
        return self._scalar(type_name, 'type')[0]

    def _check_sets(self, spec, where):
        if 'enum' in spec and spec['enum'] not in self.gallium and spec['enum'] not in self.enums:
            raise DescriptionError(f'{where}: unknown enum {spec["enum"]}')
        if 'flags' in spec and spec['flags'] not in self.flags:
            raise DescriptionError(f'{where}: unknown flags {spec["flags"]}')

    # -- layout ---------------------------------------------------------------------------------
    def _group(self, name, spec, kind=Group, **more):
        items, offset, seen_tail = [], 0, None
        for f in spec['fields']:
            item = self._item(f, offset, f'{name}.{f.get("name", "?")}')
            if seen_tail and not item.tail:
                raise DescriptionError(f'{name}: a fixed field after the tail {seen_tail}')
            if item.tail:
                seen_tail = item.name or item.kind
            items.append(item)
            offset += item.dwords if not item.tail else 0
        return kind(name=name, doc=spec.get('doc', ''), items=items, spec=spec,
                    since=spec.get('since'), **more)

    def _item(self, f, offset, where):
        if 'packed' in f:
            used, bits = 0, []
            for b in f['packed']:
                shift = b.get('bit', b.get('shift'))
                width = 1 if 'bit' in b else b['width']
                type_name = b.get('type', 'bool' if 'bit' in b else 'u32')
                bit = Bits(b['name'], type_name, shift, width, b)
                self._scalar(bit.type, where)
                self._check_sets(b, where)
                if used & bit.mask:
                    raise DescriptionError(f'{where}: bits of {bit.name} overlap')
                used |= bit.mask
                bits.append(bit)
            return Item('packed', offset, 1, bits=bits, spec=f)
        if 'optional' in f:
            group = self._group(f['struct'], f)
            self.parts.append(group)
            return Item('optional', offset, 0, name=f['optional'], spec=f, group=group)
        if 'stream_output' in f:
            return Item('stream_output', offset, 0, name='stream_outputs', spec=f,
                        group=self.structs[f['outputs']['type']])
        kind = f['type']
        if kind in ('count', 'byte_count'):
            return Item(kind, offset, 1, name=f['count_of'], spec=f)
        if kind in ('text', 'bytes', 'dwords', 'padding'):
            return Item(kind, offset, 0, name=f['name'], type=kind, spec=f)
        self._check_sets(f, where)
        group = self.structs.get(kind)
        if group is None:
            _, dwords = self._scalar(kind, where)
        else:
            dwords = group.dwords
        if f.get('span'):
            return Item('span', offset, 0, name=f['name'], type=kind, spec=f, group=group)
        if 'array' in f:
            count = 1
            for d in f['array']:
                count *= d
            return Item('struct_array' if group else 'array', offset, count * dwords,
                        name=f['name'], type=kind, spec=f, dims=f['array'], group=group)
        return Item('struct' if group else 'scalar', offset, dwords, name=f['name'], type=kind,
                    spec=f, group=group)

    def _packet(self, spec, command, obj):
        return self._group(spec['packet'], spec, Packet,
                           opcode=command['name'], number=command['number'],
                           object=obj['name'] if obj else None,
                           object_number=obj['number'] if obj else 0,
                           variant=spec.get('variant'))

    def reply(self, spec):
        return self._group(camel(spec['name']) + 'Reply', {'fields': spec['reply']})

    # -- what several templates ask -----------------------------------------------------------
    def element_dwords(self, item):
        return item.group.dwords if item.group else self._scalar(item.type, item.name)[1]

    def flat_fields(self, group, base=0, prefix=''):
        """(name, dword, type, shift, width, count, spec) of everything fixed in a group."""
        out = []
        for i in group.fixed:
            at = base + i.offset
            if i.kind == 'packed':
                out += [(prefix + b.name, at, b.type, b.shift, b.width, 1, b.spec) for b in i.bits]
            elif i.kind == 'struct':
                out += self.flat_fields(i.group, at, f'{prefix}{i.name}.')
            elif i.kind == 'struct_array':
                for n in range(i.dims[0]):
                    out += self.flat_fields(i.group, at + n * i.group.dwords,
                                            f'{prefix}{i.name}[{n}].')
            elif i.kind == 'array':
                count = 1
                for d in i.dims:
                    count *= d
                out.append((prefix + i.name, at, i.type, 0, 32, count, i.spec))
            elif i.kind in ('count', 'byte_count'):
                out.append((prefix + i.kind, at, 'u32', 0, 32, 1, i.spec))
            else:
                out.append((prefix + i.name, at, i.type, 0, 32, 1, i.spec))
        return out
