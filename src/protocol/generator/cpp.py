# SPDX-License-Identifier: MIT
"""C++ text for the pieces that the templates put together: members, stores and loads."""
from model import KEYWORDS, Model


class Cpp:
    def __init__(self, model: Model):
        self.m = model

    @staticmethod
    def ident(name):
        return name + '_' if name in KEYWORDS else name

    # -- members --------------------------------------------------------------------------------
    def default(self, ctype):
        return {'bool': 'false', 'float': '0.0f', 'double': '0.0',
                'uint32_t': '0', 'int32_t': '0', 'uint64_t': '0',
                'ResourceHandle': 'ResourceHandle::none', 'ObjectHandle': 'ObjectHandle::none',
                'Format': 'Format::NONE'}.get(ctype)

    def member(self, ctype, name, spec):
        value = self.default(ctype)
        if value is None and ctype in self.m.enums:
            first = next(iter(self.m.enums[ctype]['values']))
            value = f'{ctype}::{first}'
        value = spec.get('default', value)
        init = f' = {value}' if value is not None else '{}'
        doc = f' // {spec["doc"]}' if spec.get('doc') else ''
        return f'{ctype} {name}{init};{doc}'

    def members(self, group):
        out = []
        head = group.spec.get('header_object')
        if head:
            out.append(f'ObjectType {head["name"]} = ObjectType::null;')
        for i in group.items:
            if i.kind == 'packed':
                out += [self.member(self.m.ctype(b.type), b.name, b.spec) for b in i.bits]
            elif i.kind in ('scalar', 'struct'):
                out.append(self.member(self.m.ctype(i.type), i.name, i.spec))
            elif i.kind in ('array', 'struct_array'):
                ctype = self.m.ctype(i.type)
                for d in reversed(i.dims):
                    ctype = f'std::array<{ctype}, {d}>'
                out.append(self.member(ctype, i.name, i.spec))
            elif i.kind == 'span':
                out.append(self.member(f'std::span<const {self.m.ctype(i.type)}>', i.name, i.spec))
            elif i.kind == 'dwords':
                out.append(self.member('std::span<const uint32_t>', i.name, i.spec))
            elif i.kind == 'bytes':
                out.append(self.member('std::span<const std::byte>', i.name, i.spec))
            elif i.kind == 'text':
                out.append(self.member('std::string_view', i.name, i.spec))
            elif i.kind == 'padding':
                out.append(self.member('uint32_t', i.name, i.spec))
            elif i.kind == 'optional':
                out.append(self.member(f'std::optional<{i.group.name}>', i.name, i.spec))
            elif i.kind == 'stream_output':
                s = i.spec
                out.append(self.member('uint32_t', s['local_memory']['name'], s['local_memory']))
                out.append(self.member('std::array<uint32_t, 4>', s['strides']['name'],
                                       s['strides']))
                out.append(self.member(f'std::span<const {i.group.name}>', i.name, s['outputs']))
        return out

    # -- sizes ----------------------------------------------------------------------------------
    def size_terms(self, group):
        out = []
        optionals = [i for i in group.items if i.kind == 'optional']
        for i in group.tails:
            if i.kind == 'span':
                d = self.m.element_dwords(i)
                out.append(f'uint32_t({i.name}.size())' + (f' * {d}' if d > 1 else ''))
            elif i.kind == 'dwords':
                out.append(f'uint32_t({i.name}.size())')
            elif i.kind in ('text', 'bytes'):
                out.append(f'dwords_of({i.name}.size())')
            elif i.kind == 'padding':
                out.append(i.name)
            elif i.kind == 'optional':
                out.append(f'({self.present(optionals, i)} ? {i.group.dwords} : 0)')
            elif i.kind == 'stream_output':
                out.append(f'(writes_stream_output() ? 5 + 2 * uint32_t({i.name}.size()) : 1)')
        return out

    @staticmethod
    def present(optionals, item):
        """A later part cannot stand without the earlier ones, then written as defaults."""
        later = optionals[optionals.index(item):]
        return ' || '.join(f'{o.name}.has_value()' for o in later)

    # -- stores ---------------------------------------------------------------------------------
    def raw(self, type_name, expr):
        if type_name == 'f32':
            return f'std::bit_cast<uint32_t>({expr})'
        return expr if type_name == 'u32' else f'uint32_t({expr})'

    def store(self, type_name, at, expr):
        if type_name in ('f64', 'u64'):
            return [f'put64(to + {at}, {expr});']
        return [f'to[{at}] = {self.raw(type_name, expr)};']

    def packed_expr(self, item):
        terms = []
        for b in item.bits:
            value = f'uint32_t({b.name})'
            if b.type != 'bool' and b.width < 32:
                value = f'({value} & {hex((1 << b.width) - 1)}u)'
            terms.append(value if b.shift == 0 else f'{value} << {b.shift}')
        return ' |\n         '.join(terms)

    def stores(self, group, base):
        """Statements for the fixed fields; `base` is the dword of the group's start."""
        out = []
        for i in group.fixed:
            at = base + i.offset
            if i.kind == 'packed':
                out.append(f'to[{at}] = {self.packed_expr(i)};')
            elif i.kind == 'scalar':
                out += self.store(i.type, at, i.name)
            elif i.kind == 'struct':
                out.append(f'{i.name}.write(to + {at});')
            elif i.kind in ('array', 'struct_array'):
                step = self.m.element_dwords(i)
                for n in range(i.dims[0]):
                    subs = [f'[{n}]']
                    if len(i.dims) == 2:
                        subs = [f'[{n}][{k}]' for k in range(i.dims[1])]
                    for k, s in enumerate(subs):
                        pos = at + (n * len(subs) + k) * step
                        if i.group:
                            out.append(f'{i.name}{s}.write(to + {pos});')
                        else:
                            out += self.store(i.type, pos, i.name + s)
            elif i.kind == 'count':
                out.append(f'to[{at}] = uint32_t({i.name}.size());')
            elif i.kind == 'byte_count':
                out.append(f'to[{at}] = uint32_t({i.name}.size());')
        return out

    def tail_stores(self, group):
        """Statements for what follows the fixed fields; `to` stands there."""
        out = []
        optionals = [i for i in group.items if i.kind == 'optional']
        for i in group.tails:
            if i.kind == 'span' and i.group:
                out += [f'for (const {i.group.name} &e : {i.name})', '   to = e.write(to);']
            elif i.kind == 'span':
                out += [f'for (const auto e : {i.name})', f'   *to++ = {self.raw(i.type, "e")};']
            elif i.kind == 'dwords':
                out.append(f'to = put_dwords(to, {i.name});')
            elif i.kind == 'text':
                out.append(f'to = put_bytes(to, {i.name}.data(), {i.name}.size());')
            elif i.kind == 'bytes':
                out.append(f'to = put_bytes(to, {i.name}.data(), {i.name}.size());')
            elif i.kind == 'padding':
                out += [f'for (uint32_t i = 0; i < {i.name}; i++)', '   *to++ = 0;']
            elif i.kind == 'optional':
                out += [f'if ({self.present(optionals, i)})',
                        f'   to = {i.name}.value_or({i.group.name}{{}}).write(to);']
            elif i.kind == 'stream_output':
                s = i.spec
                out += [f'*to++ = stage == ShaderStage::compute ? {s["local_memory"]["name"]}',
                        f'                                      : uint32_t({i.name}.size());',
                        'if (writes_stream_output()) {',
                        f'   for (const uint32_t stride : {s["strides"]["name"]})',
                        '      *to++ = stride;',
                        f'   for (const {i.group.name} &e : {i.name})',
                        '      to = e.write(to);',
                        '}']
        return out

    # -- loads ----------------------------------------------------------------------------------
    def cooked(self, type_name, expr):
        ctype = self.m.ctype(type_name)
        if type_name == 'f32':
            return f'std::bit_cast<float>({expr})'
        if type_name == 'bool':
            return f'{expr} != 0'
        return expr if type_name == 'u32' else f'{ctype}({expr})'

    def load(self, type_name, at):
        if type_name == 'f64':
            return f'std::bit_cast<double>(get64(src + {at}))'
        if type_name == 'u64':
            return f'get64(src + {at})'
        return self.cooked(type_name, f'src[{at}]')

    def loads(self, group, into):
        out = []
        for i in group.fixed:
            at = i.offset
            if i.kind == 'packed':
                for b in i.bits:
                    value = f'bits(src[{at}], {b.shift}, {b.width})'
                    out.append(f'{into}.{b.name} = {self.cooked(b.type, value)};')
            elif i.kind == 'scalar':
                out.append(f'{into}.{i.name} = {self.load(i.type, at)};')
            elif i.kind == 'struct':
                out.append(f'read(src + {at}, {into}.{i.name});')
            elif i.kind in ('array', 'struct_array'):
                step = self.m.element_dwords(i)
                per = i.dims[1] if len(i.dims) == 2 else 1
                out.append(f'for (uint32_t i = 0; i < {i.dims[0]}; i++)')
                sub, pos, pad = '[i]', f'{at} + i * {per * step}', '   '
                if len(i.dims) == 2:
                    out.append(f'   for (uint32_t j = 0; j < {per}; j++)')
                    sub, pos, pad = '[i][j]', f'{at} + (i * {per} + j) * {step}', '      '
                if i.group:
                    out.append(f'{pad}read(src + {pos}, {into}.{i.name}{sub});')
                else:
                    out.append(f'{pad}{into}.{i.name}{sub} = {self.load(i.type, pos)};')
        return out
