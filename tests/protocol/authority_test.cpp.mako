// SPDX-License-Identifier: MIT
// Generated from authority_test.cpp.mako and the descriptions in src/protocol.
//
// Holds the descriptions against the headers that others build by: Mesa's virgl and vtest headers, Gallium's
// and the kernel's. The macros are named in the descriptions; what is compared with them is what the
// encoders really store. Nearly all of it is decided when this file is compiled.
#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cstddef>
#include <cstring>

#define VIRGL_RENDERER_UNSTABLE_APIS 1
#include "pipe/p_defines.h"
#include "virtio/virtio-gpu/virgl_hw.h"
#include "virtio/virtio-gpu/virgl_protocol.h"
#include "virtio/vtest/vtest_protocol.h"
#include "drm-uapi/virtgpu_drm.h" // the kernel's, as Mesa carries it

#include "protocol/caps.hpp"
#include "protocol/schema.hpp"
#include "protocol/vtest.hpp"

namespace {

using namespace virgl::proto;

using Words = std::array<uint32_t, 640>;

template <typename Packet>
constexpr Words encode(const Packet &packet)
{
   Words words{};
   packet.write(words.data());
   return words;
}

/// The first dword in which two packets differ on the wire.
template <typename Packet>
constexpr uint32_t place(const Packet &a, const Packet &b)
{
   const Words left = encode(a), right = encode(b);
   for (uint32_t i = 1; i < left.size(); i++) {
      if (left[i] != right[i])
         return i;
   }
   return 0;
}

/// The bits in which they differ in a dword.
template <typename Packet>
constexpr uint32_t difference(const Packet &a, const Packet &b, uint32_t dword)
{
   return encode(a)[dword] ^ encode(b)[dword];
}
<%
from model import Bits
def sample(type_name, width=32):
    """A value of which every bit matters."""
    if type_name == 'bool': return 'true'
    if type_name == 'f32': return 'std::bit_cast<float>(0x5a5a5a5au)'
    if type_name == 'f64': return 'std::bit_cast<double>(0x5a5a5a5a5a5a5a5aull)'
    if type_name == 'u64': return '0x5a5a5a5a5a5a5a5aull'
    if type_name == 'u32': return '0x5a5a5a5au' if width == 32 else '0xffffffffu'
    if type_name == 'i32': return '0x5a5a5a5a'
    ctype = m.ctype(type_name)
    if type_name in m.structs or type_name in m.vtest_structs:
        g = m.structs.get(type_name) or m.vtest_structs[type_name]
        first = g.fixed[0]
        return f'{ctype}{{{member_sample(first)}}}'
    return f'{ctype}(0xffffffffu)'

def member_sample(item):
    """A designated initialiser that changes the first dword of an item."""
    if item.kind == 'packed':
        b = item.bits[0]
        return f'.{b.name} = {sample(b.type, b.width)}'
    if item.kind in ('array', 'struct_array'):
        inner = sample(item.type)
        for _ in item.dims[1:]: inner = '{{' + inner + '}}'
        return f'.{item.name} = {{{inner}}}'
    return f'.{item.name} = {sample(item.type)}'

tests = []
%>\

// -- numbers ----------------------------------------------------------------------------------------
% for x in m.commands:
% if 'mesa' in x:
static_assert(uint32_t(Ccmd::${x['name']}) == uint32_t(${x['mesa']}));
% else:
static_assert(uint32_t(Ccmd::${x['name']}) == uint32_t(${x['after_mesa']}) + 1);
% endif
% endfor
static_assert(num_commands == uint32_t(VIRGL_MAX_COMMANDS) + ${sum(1 for x in m.commands if 'mesa' not in x)});
% for o in m.objects:
static_assert(uint32_t(ObjectType::${o['name']}) == uint32_t(${o['mesa']}));
% endfor
static_assert(num_object_types == uint32_t(VIRGL_MAX_OBJECTS));
static_assert(command_header(Ccmd::draw_vbo, ObjectType::surface, 77) ==
              uint32_t(VIRGL_CMD0(VIRGL_CCMD_DRAW_VBO, VIRGL_OBJECT_SURFACE, 77)));
% for x in m.constants:
% if 'mesa' in x:
static_assert(${x['name']} == ${x['mesa']});
% endif
% endfor

// -- enumerations and flags -----------------------------------------------------------------------------
% for e in m.enums.values():
% for name, v in e['values'].items():
% if len(v) > 1 and v[1]:
static_assert(uint32_t(${e['name']}::${name}) == uint32_t(${v[1]}));
% endif
% endfor
% for name, macro in e.get('kernel', {}).items():
static_assert(uint32_t(${e['name']}::${name}) == uint32_t(${macro}));
% endfor
% endfor
static_assert(uint32_t(ContextError::unsupported_function) == uint32_t(VIRGL_ERROR_CTX_ILLEGAL_DUAL_SRC_BLEND) + 1);
% for e in m.gallium.values():
% for name, v in e['values'].items():
% if len(v) > 1:
static_assert(${v[0]} == int(${v[1]}));
% endif
% endfor
% endfor
% for f in m.flags.values():
% for name, v in list(f['values'].items()) + list(f.get('masks', {}).items()):
static_assert(${f['name']}::${name} == uint32_t(${v[1]}));
% endfor
% for name, macro in f.get('kernel', {}).items():
static_assert(${f['name']}::${name} == uint32_t(${macro}));
% endfor
% endfor

// -- formats ------------------------------------------------------------------------------------------
% for name, (number, legacy) in m.formats.items():
% if legacy == number:
static_assert(uint32_t(Format::${name}) == uint32_t(VIRGL_FORMAT_${name}));
% endif
% endfor

TEST(Authority, RenumberedFormats)
{
% for name, (number, legacy) in m.formats.items():
% if legacy is not None and legacy != number:
   EXPECT_EQ(*legacy_number(Format::${name}), uint32_t(VIRGL_FORMAT_${name}));
   EXPECT_TRUE(was_renumbered(Format::${name}));
% endif
% endfor
% for name, number in m.format_file['only_22_3'].items():
   EXPECT_EQ(${number}, int(VIRGL_FORMAT_${name}));
% endfor
% for name, (number, legacy) in m.formats.items():
% if legacy is None:
   EXPECT_GE(uint32_t(Format::${name}), uint32_t(VIRGL_FORMAT_MAX));
   EXPECT_FALSE(legacy_number(Format::${name}).has_value());
% endif
% endfor
}

// -- bit-fields of structs -----------------------------------------------------------------------------
<%def name="bit_checks(g, of_packet)">\
% for i in g.fixed:
% for b in i.bits:
<%
    shift = b.shift
    width = b.spec.get('mesa_width', b.width)
    expr = f'difference({g.name}{{.{b.name} = {sample(b.type, b.width)}}}, {g.name}{{}}, {i.offset + (1 if of_packet else 0)})'
%>\
% if 'mesa_value' in b.spec:
static_assert(${expr} == uint32_t(${b.spec['mesa_value']}));
% elif 'mesa_get' in b.spec:
static_assert(${b.spec['mesa_get']}(${expr}) == ${hex((1 << b.width) - 1)}u);
% elif 'mesa' in b.spec and width == b.width:
static_assert(${expr} == uint32_t(${b.spec['mesa']}(0xffffffffu)));
% elif 'mesa' in b.spec:
// 22.3 has ${width} bits here, of which the wire of today keeps ${b.width}.
static_assert(${expr} == (uint32_t(${b.spec['mesa']}(0xffffffffu)) & ${hex(((1 << b.width) - 1) << shift)}u));
% endif
% endfor
% endfor
</%def>\
% for g in m.structs.values():
${bit_checks(g, False)}\
% endfor

// -- packets: sizes and places ---------------------------------------------------------------------------
% for p in m.packets:
${bit_checks(p, True)}\
% if 'mesa_size' in p.spec:
static_assert(${p.name}{}.payload_dwords() == ${p.spec['mesa_size']});
% endif
<% optionals = [i for i in p.items if i.kind == 'optional'] %>\
% for i in p.items:
<% mesa = i.spec.get('mesa') %>\
% if i.kind == 'packed' and mesa:
static_assert(place(${p.name}{${member_sample(i)}}, ${p.name}{}) == ${mesa});
% elif i.kind in ('scalar', 'struct', 'array', 'struct_array') and mesa:
static_assert(place(${p.name}{${member_sample(i)}}, ${p.name}{}) == ${mesa});
% elif i.kind == 'optional':
% if 'mesa_size' in i.spec:
static_assert(${p.name}{.${i.name} = ${i.group.name}{}}.payload_dwords() == ${i.spec['mesa_size']});
% endif
% for f in i.group.fixed:
% if 'mesa' in f.spec:
static_assert(place(${p.name}{.${i.name} = ${i.group.name}{${member_sample(f)}}}, ${p.name}{.${i.name} = ${i.group.name}{}}) == ${f.spec['mesa']});
% endif
% endfor
% elif i.kind == 'span':
<% ctype = m.ctype(i.type) %>\
constexpr ${ctype} ${p.name}_${i.name}[3] = {${sample(i.type)}, ${sample(i.type)}, ${sample(i.type)}};
constexpr ${ctype} ${p.name}_${i.name}_none[3] = {};
% if mesa:
static_assert(place(${p.name}{.${i.name} = ${p.name}_${i.name}}, ${p.name}{.${i.name} = ${p.name}_${i.name}_none}) == ${mesa});
% endif
% if 'mesa_size' in i.spec:
static_assert(${p.name}{.${i.name} = ${p.name}_${i.name}}.payload_dwords() == ${i.spec['mesa_size']}(3));
% endif
% elif i.kind == 'dwords' and mesa:
constexpr uint32_t ${p.name}_${i.name}[1] = {0x5a5a5a5au};
constexpr uint32_t ${p.name}_${i.name}_none[1] = {};
static_assert(place(${p.name}{.${i.name} = ${p.name}_${i.name}}, ${p.name}{.${i.name} = ${p.name}_${i.name}_none}) == ${mesa});
% elif i.kind == 'bytes' and mesa:
constexpr std::byte ${p.name}_${i.name}[4] = {std::byte(1)};
constexpr std::byte ${p.name}_${i.name}_none[4] = {};
static_assert(place(${p.name}{.${i.name} = ${p.name}_${i.name}}, ${p.name}{.${i.name} = ${p.name}_${i.name}_none}) == ${mesa});
% elif i.kind == 'text' and mesa:
static_assert(place(${p.name}{.${i.name} = "abcdefgh"}, ${p.name}{.${i.name} = "zbcdefgh"}) == ${mesa});
% elif i.kind == 'count' and mesa:
<% span = next(t for t in p.tails if t.name == i.name) %>\
constexpr ${m.ctype(span.type)} ${p.name}_${i.name}_count[3] = {};
static_assert(encode(${p.name}{.${i.name} = ${p.name}_${i.name}_count})[${mesa}] == 3);
% elif i.kind == 'byte_count' and mesa:
static_assert(encode(${p.name}{.${i.name} = "abcde"})[${mesa}] == 5);
% elif i.kind == 'stream_output':
<% s = i.spec %>\
constexpr ${i.group.name} ${p.name}_outputs[2] = {{${member_sample(i.group.fixed[0])}}, {}};
constexpr ${i.group.name} ${p.name}_outputs_none[2] = {};
static_assert(encode(${p.name}{.${i.name} = ${p.name}_outputs})[${mesa}] == 2);
static_assert(encode(${p.name}{.stage = ShaderStage::compute, .${s['local_memory']['name']} = 99})[${mesa}] == 99);
static_assert(place(${p.name}{.${s['strides']['name']} = {7}, .${i.name} = ${p.name}_outputs_none}, ${p.name}{.${i.name} = ${p.name}_outputs_none}) == ${s['strides']['mesa']});
static_assert(place(${p.name}{.${i.name} = ${p.name}_outputs}, ${p.name}{.${i.name} = ${p.name}_outputs_none}) == ${s['outputs']['mesa']});
static_assert(${p.name}{.${i.name} = ${p.name}_outputs}.payload_dwords() == ${s['mesa_size']}(2));
static_assert(${p.name}{}.payload_dwords() == ${s['mesa_size']}(0));
% endif
% if 'mesa_min' in i.spec:
<% tests.append((p.opcode, i.spec['mesa_min'])) %>\
% endif
% endfor
% endfor

TEST(Authority, LeastLengths)
{
% for opcode, macro in tests:
   {
      const PacketDesc &desc = *find_packet(Ccmd::${opcode}, ObjectType::null);
      EXPECT_EQ(desc.fixed.dwords + desc.tail.min, uint32_t(${macro}));
   }
% endfor
}

// -- what the host writes ------------------------------------------------------------------------------
% for g in m.layouts:
% if 'mesa' in g.spec:
static_assert(sizeof(${g.name}) == sizeof(struct ${g.spec['mesa']}));
% for i in g.fixed:
static_assert(offsetof(${g.name}, ${i.name}) == offsetof(struct ${g.spec['mesa']}, ${i.name}));
% endfor
% endif
% endfor

// -- capsets ------------------------------------------------------------------------------------------
static_assert(sizeof(CapsV1) == sizeof(struct virgl_caps_v1));
static_assert(sizeof(FormatMask) == sizeof(struct virgl_supported_format_mask));
static_assert(sizeof(VideoCaps) == sizeof(struct virgl_video_caps));
% for f in m.caps['v1']:
static_assert(offsetof(CapsV1, ${f['name']}) == offsetof(struct virgl_caps_v1, ${f['name']}));
static_assert(offsetof(CapsV2, ${f['name']}) == offsetof(struct virgl_caps_v2, v1.${f['name']}));
static_assert(sizeof(CapsV1::${f['name']}) == sizeof(virgl_caps_v1::${f['name']}));
% endfor
<% newer = next(f['name'] for f in m.caps['v2'] if 'since' in f) %>\
% for f in m.caps['v2']:
% if 'since' not in f:
static_assert(offsetof(CapsV2, ${f['name']}) == offsetof(struct virgl_caps_v2, ${f.get('mesa', f['name'])}));
static_assert(sizeof(CapsV2::${f['name']}) == sizeof(virgl_caps_v2::${f.get('mesa', f['name'])}));
% endif
% endfor
static_assert(offsetof(CapsV2, ${newer}) == sizeof(struct virgl_caps_v2));
% for b in m.caps['bits']:
% for name, v in b['values'].items():
% if len(v) > 1 and v[1]:
static_assert(${b['name']}::${name} == uint32_t(${v[1]}));
% endif
% endfor
% endfor

TEST(Authority, BitsOfCapset1)
{
   struct virgl_caps_bool_set1 set;
   uint32_t bits;
   static_assert(sizeof(set) == sizeof(bits));
% for name in next(b for b in m.caps['bits'] if b['name'] == 'feature')['values']:
   memset(&set, 0, sizeof(set));
   set.${name} = 1;
   memcpy(&bits, &set, sizeof(bits));
   EXPECT_EQ(bits, feature::${name}) << "${name}";
% endfor
}

TEST(Authority, VideoCaps)
{
   struct virgl_video_caps theirs;
   VideoCaps ours;
% for name, word, shift, width in m.caps['video_caps']:
   memset(&theirs, 0, sizeof(theirs));
   theirs.${name} = ${(1 << width) - 1}u;
   memcpy(&ours, &theirs, sizeof(ours));
   EXPECT_EQ(ours.${name}(), ${(1 << width) - 1}u) << "${name}";
   memset(&theirs, 0xff, sizeof(theirs));
   theirs.${name} = 0;
   memcpy(&ours, &theirs, sizeof(ours));
   EXPECT_EQ(ours.${name}(), 0u) << "${name}";
% endfor
}

// -- vtest --------------------------------------------------------------------------------------------
static_assert(vtest::header_dwords == VTEST_HDR_SIZE);
static_assert(std::string_view(vtest::default_socket) == VTEST_DEFAULT_SOCKET_NAME);
% for name, v in m.vtest['parameters'].items():
static_assert(vtest::param_${name} == ${v[1]});
% endfor
% for name, v in m.vtest['flags'].items():
static_assert(vtest::${name} == ${v[1]});
% endfor
% for g in m.requests:
<% s = g.spec %>\
static_assert(uint32_t(vtest::Command::${s['name']}) == ${s['mesa']});
static_assert(encode(vtest::${g.name}{})[VTEST_CMD_ID] == ${s['mesa']});
static_assert(encode(vtest::${g.name}{})[VTEST_CMD_LEN] == vtest::${g.name}{}.length());
% if 'mesa_size' in s:
static_assert(vtest::${g.name}::fixed_dwords == ${s['mesa_size']});
% endif
% for i in g.fixed:
% if 'mesa' in i.spec and i.kind != 'count':
static_assert(place(vtest::${g.name}{${member_sample(i)}}, vtest::${g.name}{}) == VTEST_CMD_DATA_START + ${i.spec['mesa']});
% endif
% endfor
% for i in g.tails:
% if 'mesa_size' in i.spec:
constexpr vtest::${i.type} vtest_${g.name}_${i.name}[3] = {};
static_assert(vtest::${g.name}{.${i.name} = vtest_${g.name}_${i.name}}.length() == ${i.spec['mesa_size']}(3));
% endif
% endfor
% endfor
% for g in m.vtest_structs.values():
% for i in g.fixed:
static_assert(difference(vtest::${g.name}{${member_sample(i)}}, vtest::${g.name}{}, ${i.spec['mesa']}) != 0);
% endfor
% endfor
static_assert(vtest::SubmitBatch::dwords * 4 == sizeof(struct vcmd_submit_cmd2_batch));
constexpr vtest::SubmitBatch two_batches[2] = {};
static_assert(encode(vtest::SubmitCmd2{.batches = two_batches})[VTEST_CMD_DATA_START + VCMD_SUBMIT_CMD2_BATCH_COUNT] == 2);

} // namespace
