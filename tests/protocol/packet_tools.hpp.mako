// SPDX-License-Identifier: MIT
// Generated from packet_tools.hpp.mako and the descriptions in src/protocol.
//
// fill() gives a packet random contents that the descriptions allow; same() compares by bits.
#pragma once

#include <bit>

#include "protocol/decoder.hpp"

#include "random.hpp"

namespace virgl::test {

using namespace virgl::proto;

inline bool same(uint32_t a, uint32_t b) { return a == b; }
inline bool same(int32_t a, int32_t b) { return a == b; }
inline bool same(uint64_t a, uint64_t b) { return a == b; }
inline bool same(bool a, bool b) { return a == b; }
inline bool same(float a, float b) { return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b); }
inline bool same(double a, double b) { return std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b); }
inline bool same(std::byte a, std::byte b) { return a == b; }
inline bool same(std::string_view a, std::string_view b) { return a == b; }
template <typename Enum>
   requires std::is_enum_v<Enum>
bool same(Enum a, Enum b) { return a == b; }
% for g in list(m.structs.values()) + m.parts:
inline bool same(const ${g.name} &a, const ${g.name} &b);
% endfor
template <typename T>
bool same(std::span<const T> a, std::span<const T> b)
{
   if (a.size() != b.size())
      return false;
   for (size_t i = 0; i < a.size(); i++) {
      if (!same(a[i], b[i]))
         return false;
   }
   return true;
}
template <typename T, size_t n>
bool same(const std::array<T, n> &a, const std::array<T, n> &b)
{
   for (size_t i = 0; i < n; i++) {
      if (!same(a[i], b[i]))
         return false;
   }
   return true;
}
template <typename T>
bool same(const std::optional<T> &a, const std::optional<T> &b)
{
   return a.has_value() == b.has_value() && (!a || same(*a, *b));
}
<%
def names(g):
    out = []
    if g.spec.get('header_object'): out.append(g.spec['header_object']['name'])
    for i in g.items:
        if i.kind == 'packed': out += [b.name for b in i.bits]
        elif i.kind in ('count', 'byte_count'): pass
        elif i.kind == 'stream_output': out += [i.spec['local_memory']['name'], i.spec['strides']['name'], i.name]
        else: out.append(i.name)
    return out

def value(type_name, spec, width=32):
    if 'enum' in spec or type_name in m.enums:
        e = m.gallium.get(spec.get('enum')) or m.enums.get(spec.get('enum', type_name))
        numbers = [v[0] for v in e['values'].values()]
        pick = f'pick(random, {{{", ".join(map(str, numbers))}}})'
        return f'{type_name}({pick})' if type_name in m.enums else pick
    if 'flags' in spec:
        bits = sum(v[0] for v in m.flags[spec['flags']]['values'].values())
        return f'random.next() & {hex(bits & ((1 << width) - 1))}u'
    if type_name == 'bool': return 'random.coin()'
    if type_name == 'format':
        return 'some_format(random)'
    if type_name in ('resource', 'object'):
        must = spec.get('required') or spec.get('creates') or spec.get('destroys')
        return f'{m.ctype(type_name)}({"1 + random.below(~0u)" if must else "random.any()"})'
    if type_name == 'f32': return 'std::bit_cast<float>(random.next())'
    if type_name == 'f64': return 'std::bit_cast<double>(random.next64())'
    if type_name == 'u64': return 'random.next64()'
    if type_name == 'i32': return 'int32_t(random.next())'
    if 'max' in spec and not spec.get('span'): return f'random.below({spec["max"] + 1})'
    return 'random.any()' if width == 32 else f'random.next() & {hex((1 << width) - 1)}u'
%>\

inline uint32_t pick(Random &random, std::initializer_list<uint32_t> of)
{
   return of.begin()[random.below(uint32_t(of.size()))];
}

inline Format some_format(Random &random)
{
   for (;;) {
      const uint32_t number = random.below(num_formats);
      if (is_format(number))
         return Format(number);
   }
}
<%def name="fill_fixed(g)">\
% for i in g.fixed:
% if i.kind == 'packed':
% for b in i.bits:
   out.${b.name} = ${value(b.type, b.spec, b.width)};
% endfor
% elif i.kind == 'scalar':
   out.${i.name} = ${value(i.type, i.spec)};
% elif i.kind == 'struct':
   fill(random, storage, out.${i.name});
% elif i.kind in ('array', 'struct_array'):
   for (auto &e : out.${i.name})
% if len(i.dims) == 2:
      for (auto &f : e)
         f = ${value(i.type, i.spec)};
% elif i.group:
      fill(random, storage, e);
% else:
      e = ${value(i.type, i.spec)};
% endif
% endif
% endfor
</%def>\
% for g in list(m.structs.values()) + m.parts + m.packets:

inline bool same([[maybe_unused]] const ${g.name} &a, [[maybe_unused]] const ${g.name} &b)
{
   return ${' && '.join(f'same(a.{n}, b.{n})' for n in names(g))};
}

inline void fill(Random &random, [[maybe_unused]] Storage &storage, ${g.name} &out)
{
% if g.spec.get('header_object'):
<% allowed = g.spec['header_object'].get('allowed') %>\
% if allowed:
   out.${g.spec['header_object']['name']} = ObjectType(pick(random, {${', '.join(str(m.object_names.index(o) + 1) for o in allowed)}}));
% else:
   out.${g.spec['header_object']['name']} = ObjectType(1 + random.below(num_object_types - 1));
% endif
% endif
${fill_fixed(g)}\
<% optionals = [i for i in g.tails if i.kind == 'optional'] %>\
% if optionals:
   const uint32_t parts = random.below(${len(optionals) + 1});
% for n, i in enumerate(optionals):
   if (parts > ${n})
      fill(random, storage, out.${i.name}.emplace());
% endfor
% endif
% for i in g.tails:
% if i.kind == 'span':
   {
      const uint32_t count = ${i.spec.get('min', 0)} + random.below(${i.spec['max'] - i.spec.get('min', 0) + 1});
      const auto elements = storage.make<${m.ctype(i.type)}>(count);
      for (auto &e : elements)
% if i.group:
         fill(random, storage, e);
% else:
         e = ${value(i.type, i.spec)};
% endif
      out.${i.name} = elements;
% if 'slots' in i.spec:
      out.${i.spec['slots']} = random.below(${i.spec['max']} - count + 1);
% endif
   }
% elif i.kind in ('dwords', 'bytes'):
   {
      const auto data = storage.make<uint32_t>(${i.spec.get('min', 0)} + random.below(50));
      for (uint32_t &d : data)
         d = random.next();
      out.${i.name} = ${'data' if i.kind == 'dwords' else 'std::as_bytes(data)'};
   }
% elif i.kind == 'text':
<% exact = any(f.kind == 'byte_count' for f in g.items) %>\
   {
      const auto text = storage.make<char>(${'1 + random.below(99)' if exact else f'4 * ({max(1, i.spec.get("min", 0))} + random.below(40))'});
      for (char &c : text)
         c = char(random.next());
      out.${i.name} = std::string_view(text.data(), text.size());
   }
% elif i.kind == 'padding':
   out.${i.name} = random.below(70);
% elif i.kind == 'stream_output':
   if (out.stage == ShaderStage::compute) {
      out.${i.spec['local_memory']['name']} = random.any();
   } else {
      const auto outputs = storage.make<${i.group.name}>(random.below(${i.spec['outputs']['max'] + 1}));
      for (auto &e : outputs)
         fill(random, storage, e);
      out.${i.name} = outputs;
      if (!outputs.empty()) {
         for (auto &stride : out.${i.spec['strides']['name']})
            stride = random.any();
      }
   }
% endif
% endfor
}
% endfor

/// Calls f.operator()<Packet>() for every packet there is.
template <typename F>
void for_each_packet(F &&f)
{
% for p in m.packets:
   f.template operator()<${p.name}>();
% endfor
}

/// Whether this is how a view of a buffer is laid out.
template <typename Packet>
constexpr bool is_buffer_variant = false;
% for p in m.packets:
% if p.variant == 'buffer':
template <>
constexpr bool is_buffer_variant<${p.name}> = true;
% endif
% endfor

} // namespace virgl::test
