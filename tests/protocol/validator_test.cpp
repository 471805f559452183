// SPDX-License-Identifier: MIT
//
// Streams a host would refuse are refused, with the dword, the command and the reason.
#include <gtest/gtest.h>

#include "packet_tools.hpp"
#include "protocol/shader_chunks.hpp"
#include "protocol/validator.hpp"
#include "stream_builder.hpp"

namespace virgl::test {
namespace {

constexpr ObjectHandle obj(uint32_t n)
{
   return ObjectHandle(n);
}
constexpr ResourceHandle res(uint32_t n)
{
   return ResourceHandle(n);
}

std::optional<Fault> submit(const StreamBuilder &stream, ValidatorOptions options = {})
{
   return Validator(options).submit(stream);
}

void expect_fault(const std::optional<Fault> &fault, uint32_t offset, uint32_t command,
                  const char *reason)
{
   ASSERT_TRUE(fault.has_value()) << "expected: " << reason;
   EXPECT_EQ(fault->offset, offset) << fault->reason;
   EXPECT_EQ(fault->command, command) << fault->reason;
   EXPECT_NE(fault->reason.find(reason), std::string::npos) << fault->reason;
}

TEST(Validator, AcceptsAFrame)
{
   const VertexElement elements[] = {{.src_format = Format::R32G32B32_FLOAT}};
   const VertexBuffer buffers[] = {{.stride = 12, .resource = res(5)}};
   const ObjectHandle color[] = {obj(1)};
   const Viewport viewports[] = {{.scale = {32, 32, 0.5f}, .translate = {32, 32, 0.5f}}};
   StreamBuilder s;
   s << CreateSubCtx{.sub_ctx = 1}
     << CreateSurface{.handle = obj(1), .resource = res(4), .format = Format::B8G8R8A8_UNORM}
     << CreateVertexElements{.handle = obj(2), .elements = elements}
     << CreateBlend{.handle = obj(3)} << CreateRasterizer{.handle = obj(4)}
     << CreateDsa{.handle = obj(5)} << SetFramebufferState{.color_buffers = color}
     << SetViewportState{.viewports = viewports}
     << BindObject{.type = ObjectType::vertex_elements, .handle = obj(2)}
     << BindObject{.type = ObjectType::blend, .handle = obj(3)}
     << BindObject{.type = ObjectType::rasterizer, .handle = obj(4)}
     << BindObject{.type = ObjectType::dsa, .handle = obj(5)}
     << SetVertexBuffers{.buffers = buffers};
   emit_shader_chunks(
      CreateShader{.handle = obj(6), .stage = ShaderStage::vertex, .num_tokens = 10}, "VERT\nEND\n",
      [] { return 9u; }, [&](const CreateShader &chunk) { s << chunk; });
   s << BindShader{.handle = obj(6), .stage = ShaderStage::vertex}
     << Clear{.buffers = clear_buffer::color0, .depth = 1.0} << DrawVbo{.count = 3, .mode = 4}
     << DestroyObject{.type = ObjectType::shader, .handle = obj(6)} << DestroySubCtx{.sub_ctx = 1};

   Validator validator({.resources = true});
   validator.add_resource(res(4), false);
   validator.add_resource(res(5), true);
   const std::optional<Fault> fault = validator.submit(s);
   EXPECT_FALSE(fault) << to_string(*fault);
   EXPECT_EQ(validator.num_objects(), 0u); // all were of the sub-context
}

TEST(Validator, EveryTruncationOfEveryPacket)
{
   // Cutting a stream within a command is always seen, at that command.
   uint64_t seed = 500;
   for_each_packet([&]<typename Packet>() {
      Random random(++seed);
      Storage storage;
      Packet packet;
      fill(random, storage, packet);
      StreamBuilder s;
      s << Nop{.padding_dwords = 2} << packet;
      for (uint32_t length = 4; length < s.size(); length++) {
         const auto fault = check_structure(std::span(s.words).first(length));
         expect_fault(fault, 3, 1, "is cut off");
      }
   });
}

TEST(Validator, EveryWrongLength)
{
   // One dword less than the least a command can have.
   for (const PacketDesc &desc : all_packets()) {
      const uint32_t least =
         desc.fixed.dwords +
         (desc.tail.kind == TailKind::shader
             ? 1
             : desc.tail.min * (desc.tail.kind == TailKind::span ? desc.tail.element->dwords : 1));
      if (least == 0)
         continue;
      std::vector<uint32_t> words(least, 0);
      const ObjectType object = desc.header_object ? ObjectType::blend : desc.object;
      words[0] = command_header(desc.opcode, object, least - 1);
      const auto fault = check_structure(words);
      ASSERT_TRUE(fault.has_value()) << desc.name;
      EXPECT_EQ(fault->offset, 0u);
      const bool told = fault->reason.find("too short") != std::string::npos ||
                        fault->reason.find("too few") != std::string::npos ||
                        fault->reason.find("ends within an element") != std::string::npos;
      EXPECT_TRUE(told) << fault->reason;
   }
   // One dword more than a command of fixed length has.
   for (const PacketDesc &desc : all_packets()) {
      if (desc.tail.kind != TailKind::none || desc.trailing)
         continue;
      std::vector<uint32_t> words(desc.fixed.dwords + 2, 0);
      const ObjectType object = desc.header_object ? ObjectType::blend : desc.object;
      words[0] = command_header(desc.opcode, object, desc.fixed.dwords + 1);
      const auto fault = check_structure(words);
      ASSERT_TRUE(fault.has_value()) << desc.name;
      EXPECT_NE(fault->reason.find("too long"), std::string::npos) << fault->reason;
   }
}

TEST(Validator, UnknownCommandAndObject)
{
   StreamBuilder s;
   s << Nop{};
   s.raw({200u | 1u << 16, 0});
   expect_fault(submit(s), 1, 1, "200 is not a command");
   expect_fault(submit(StreamBuilder().raw({1u | 12u << 8 | 1u << 16, 1})), 0, 0,
                "12 is not an object type");
   expect_fault(submit(StreamBuilder().raw({2u | 4u << 8 | 1u << 16, 1})), 0, 0,
                "shader objects cannot be bound");
   expect_fault(submit(StreamBuilder().raw({19u | 9u << 8 | 1u << 16, 1})), 0, 0,
                "object type 9 in the header");
}

TEST(Validator, Values)
{
   expect_fault(submit(StreamBuilder() << Nop{} << DrawVbo{.mode = 15}), 4, 1,
                "mode: 15 is not a PrimMode");
   expect_fault(
      submit(StreamBuilder() << CreateSamplerState{.handle = obj(1), .min_mip_filter = 3}), 2, 0,
      "min_mip_filter: 3 is not a TexMipFilter");
   BlendTarget target{.rgb_src_factor = 16};
   expect_fault(
      submit(StreamBuilder() << CreateBlend{.handle = obj(1), .rt = {BlendTarget{}, target}}), 5, 0,
      "rt[1].rgb_src_factor: 16 is not a BlendFactor");
   // A disabled target has no factors, and an advanced equation stands in the place of one.
   target = {.alpha_src_factor = 14};
   EXPECT_FALSE(submit(StreamBuilder() << CreateBlend{.handle = obj(1), .rt = {target}}));
}

TEST(Validator, ValuesOutOfRange)
{
   StreamBuilder boolean;
   boolean << GetQueryResult{.handle = obj(1), .wait = true};
   boolean.words[2] = 2;
   expect_fault(check_structure(boolean), 2, 0, "wait: 2 is neither 0 nor 1");

   StreamBuilder reserved;
   reserved << SetStencilRef{.front = 1, .back = 2};
   reserved.words[1] |= 0x10000;
   expect_fault(check_structure(reserved), 1, 0, "reserved bits 0x10000");
   EXPECT_FALSE(submit(reserved, {.reserved_bits = false}));

   StreamBuilder flags;
   flags << Clear{.buffers = 0x400};
   expect_fault(check_structure(flags), 1, 0, "buffers: 0x400 is no flag of clear_buffer");

   const ShaderImage images[] = {{}, {.format = Format(73)}};
   expect_fault(check_structure(StreamBuilder() << SetShaderImages{.images = images}), 8, 0,
                "73 is not a format");

   expect_fault(check_structure(StreamBuilder() << SetUniformBuffer{.index = 32}), 2, 0,
                "index: 32 is more than 31");
   expect_fault(check_structure(StreamBuilder() << BindShader{.stage = ShaderStage(6)}), 2, 0,
                "6 is not a ShaderStage");
   expect_fault(check_structure(StreamBuilder() << Transfer3d{.resource = res(1),
                                                              .direction = TransferDirection(3)}),
                13, 0, "3 is not a TransferDirection");
   expect_fault(
      check_structure(StreamBuilder()
                      << SetIndexBuffer{.resource = res(1), .range = IndexRange{.index_size = 3}}),
      2, 0, "3 is not a IndexSize");
   expect_fault(check_structure(StreamBuilder() << SetIndexBuffer{.resource = res(1)}), 0, 0,
                "without index size");
   expect_fault(check_structure(StreamBuilder() << BeginQuery{}), 1, 0, "no object");
   expect_fault(check_structure(StreamBuilder() << CreateSurface{.handle = obj(1)}), 2, 0,
                "no resource");
}

TEST(Validator, CountsAndSlots)
{
   const ObjectHandle three[3] = {};
   StreamBuilder count;
   count << SetFramebufferState{.color_buffers = three};
   count.words[1] = 4;
   expect_fault(check_structure(count), 1, 0, "the count is not what the length says");

   const ObjectHandle nine[9] = {};
   expect_fault(check_structure(StreamBuilder() << SetFramebufferState{.color_buffers = nine}), 0,
                0, "too many elements");

   const Scissor scissors[2] = {};
   EXPECT_FALSE(
      check_structure(StreamBuilder() << SetScissorState{.start_slot = 14, .scissors = scissors}));
   expect_fault(
      check_structure(StreamBuilder() << SetScissorState{.start_slot = 15, .scissors = scissors}),
      1, 0, "slots out of range");
   expect_fault(
      check_structure(StreamBuilder() << SetScissorState{.start_slot = ~0u, .scissors = scissors}),
      1, 0, "slots out of range");

   StreamBuilder odd;
   odd << SetScissorState{.scissors = scissors};
   odd.words[0] -= 1u << 16;
   odd.words.pop_back();
   expect_fault(check_structure(odd), 0, 0, "ends within an element");

   StreamBuilder text;
   text << SendStringMarker{.text = "abcd"};
   text.words[1] = 5;
   expect_fault(check_structure(text), 1, 0, "the text is longer than the command");

   StreamBuilder draw;
   draw << DrawVbo{.tess = DrawTess{}};
   draw.words[0] -= 1u << 16;
   draw.words.pop_back();
   expect_fault(check_structure(draw), 0, 0, "not one of the lengths");
}

TEST(Validator, Objects)
{
   expect_fault(submit(StreamBuilder() << BindObject{.type = ObjectType::blend, .handle = obj(9)}),
                1, 0, "there is no object 9");
   expect_fault(
      submit(StreamBuilder() << CreateBlend{.handle = obj(9)} << CreateDsa{.handle = obj(9)}), 13,
      1, "object 9 is there already");
   expect_fault(submit(StreamBuilder() << CreateBlend{.handle = obj(9)}
                                       << BindObject{.type = ObjectType::dsa, .handle = obj(9)}),
                13, 1, "object 9 is a blend");
   expect_fault(submit(StreamBuilder() << CreateBlend{.handle = obj(9)}
                                       << DestroyObject{.type = ObjectType::blend, .handle = obj(9)}
                                       << BindObject{.type = ObjectType::blend, .handle = obj(9)}),
                15, 2, "there is no object 9");
   expect_fault(submit(StreamBuilder() << CreateBlend{}), 1, 0, "handle: no object");
   EXPECT_FALSE(submit(StreamBuilder() << BindObject{.type = ObjectType::blend})); // 0 unbinds

   const ObjectHandle views[] = {obj(0), obj(4)};
   expect_fault(submit(StreamBuilder() << SetSamplerViews{.views = views}), 4, 0,
                "there is no object 4");

   // State lasts from one submission to the next.
   Validator validator;
   EXPECT_FALSE(validator.submit(StreamBuilder() << CreateBlend{.handle = obj(9)}));
   EXPECT_FALSE(
      validator.submit(StreamBuilder() << BindObject{.type = ObjectType::blend, .handle = obj(9)}));
   EXPECT_EQ(validator.num_objects(), 1u);
}

TEST(Validator, SubContexts)
{
   EXPECT_FALSE(submit(StreamBuilder() << SetSubCtx{.sub_ctx = 0}));
   expect_fault(submit(StreamBuilder() << SetSubCtx{.sub_ctx = 3}), 1, 0,
                "there is no sub-context 3");
   expect_fault(submit(StreamBuilder() << DestroySubCtx{}), 1, 0, "cannot be destroyed");
   expect_fault(submit(StreamBuilder() << CreateSubCtx{.sub_ctx = 3} << CreateSubCtx{.sub_ctx = 3}),
                3, 1, "is there already");

   // Objects belong to one; a new one is current at once, and 0 is after the current one has gone.
   const StreamBuilder mine = StreamBuilder()
                              << CreateBlend{.handle = obj(1)} << CreateSubCtx{.sub_ctx = 3};
   StreamBuilder other = mine;
   other << BindObject{.type = ObjectType::blend, .handle = obj(1)};
   expect_fault(submit(other), mine.size() + 1, 2, "there is no object 1");
   StreamBuilder back = mine;
   back << DestroySubCtx{.sub_ctx = 3} << BindObject{.type = ObjectType::blend, .handle = obj(1)};
   EXPECT_FALSE(submit(back));
}

StreamBuilder shader(uint32_t handle, uint32_t offset, bool continuation, std::string_view text)
{
   return StreamBuilder() << CreateShader{
             .handle = obj(handle), .offset = offset, .continuation = continuation, .text = text};
}

TEST(Validator, ShaderChunks)
{
   const std::string_view ended("abc\0", 4);
   const auto after = [](StreamBuilder first, const StreamBuilder &second) {
      first.words.insert(first.words.end(), second.words.begin(), second.words.end());
      return first;
   };
   EXPECT_FALSE(submit(shader(1, 4, false, ended)));
   EXPECT_FALSE(submit(after(shader(1, 8, false, "abcd"), shader(1, 4, true, ended))));

   expect_fault(submit(shader(1, 4, true, ended)), 1, 0, "is not waiting for one");
   expect_fault(submit(after(shader(1, 8, false, "abcd"), shader(2, 4, true, ended))), 8, 1,
                "is not waiting for one");
   expect_fault(submit(after(shader(1, 12, false, "abcd"), shader(1, 8, true, ended))), 10, 1,
                "continues at 8 instead of 4");
   expect_fault(submit(after(shader(1, 8, false, "abcd"), shader(1, 4, true, "abcdefg"))), 7, 1,
                "8 bytes of text where 4 are missing");
   expect_fault(submit(after(shader(1, 8, false, "abcd"), shader(2, 8, false, "abcd"))), 10, 1,
                "shader 1 of this stage lacks the end");
   expect_fault(submit(shader(1, 4, false, "abcd")), 6, 0, "does not end with a NUL");
   expect_fault(submit(shader(1, 0, false, "abcd")), 3, 0, "a text without its NUL");
   expect_fault(submit(shader(1, 8, false, "")), 0, 0, "a chunk without text");
   expect_fault(
      submit(after(shader(1, 8, false, "abcd"), StreamBuilder() << BindShader{.handle = obj(1)})),
      8, 1, "shader 1 lacks the end of its text");
   expect_fault(submit(after(shader(1, 4, false, ended),
                             StreamBuilder()
                                << BindShader{.handle = obj(1), .stage = ShaderStage::fragment})),
                9, 1, "shader 1 is a vertex shader");

   // Too many outputs, and fewer dwords than its outputs ask for.
   StreamBuilder outputs = shader(1, 4, false, ended);
   outputs.words[5] = 65;
   expect_fault(submit(outputs), 5, 0, "too many stream outputs");
   outputs.words[5] = 1;
   expect_fault(submit(outputs), 5, 0, "too short for its stream outputs");
}

TEST(Validator, Resources)
{
   Validator validator({.resources = true});
   validator.add_resource(res(1), true);
   EXPECT_FALSE(validator.submit(StreamBuilder() << SetUniformBuffer{.resource = res(1)}));
   expect_fault(validator.submit(StreamBuilder() << SetUniformBuffer{.resource = res(2)}), 5, 0,
                "resource 2 is not there");
   validator.remove_resource(res(1));
   expect_fault(validator.submit(StreamBuilder() << SetUniformBuffer{.resource = res(1)}), 5, 0,
                "resource 1 is not there");
}

TEST(Validator, BufferViews)
{
   const CreateBufferSamplerView view{
      .handle = obj(1), .resource = res(1), .format = Format::R32_FLOAT, .last_element = 0xfffff};
   // Nobody knows what the resource is: let it pass.
   EXPECT_FALSE(submit(StreamBuilder() << view));
   Validator validator;
   validator.add_resource(res(1), true);
   EXPECT_FALSE(validator.submit(StreamBuilder() << view));
   // 0xfffff cannot be a pair of levels.
   Validator textures;
   textures.add_resource(res(1), false);
   expect_fault(textures.submit(StreamBuilder() << view), 5, 0, "reserved bits");
}

TEST(Validator, Capabilities)
{
   Caps caps;
   const ValidatorOptions options{.caps = &caps};
   expect_fault(submit(StreamBuilder() << Nop{} << LaunchGrid{}, options), 1, 1,
                "LAUNCH_GRID: the host lacks compute_shader");
   expect_fault(submit(StreamBuilder() << SetTessState{}, options), 0, 0,
                "lacks has_tessellation_shaders");
   expect_fault(submit(StreamBuilder() << BeginFrame{}, options), 0, 0, "lacks num_video_caps");
   expect_fault(
      submit(StreamBuilder() << CreateMsaaSurface{.handle = obj(1), .resource = res(1)}, options),
      0, 0, "lacks implicit_msaa");
   expect_fault(submit(StreamBuilder()
                          << CreateSamplerView{.handle = obj(1), .resource = res(1), .target = 2},
                       options),
                3, 0, "lacks texture_view");
   caps.capability_bits = cap::compute_shader | cap::copy_transfer | cap::texture_view;
   EXPECT_FALSE(submit(StreamBuilder() << LaunchGrid{}, options));
   const CopyTransfer3d copy{
      .resource = res(1), .staging_resource = res(2), .synchronized = true, .read_from_host = true};
   expect_fault(submit(StreamBuilder() << copy, options), 14, 0,
                "lacks copy_transfer_both_directions");
   caps.capability_bits_v2 = cap2::copy_transfer_both_directions;
   EXPECT_FALSE(submit(StreamBuilder() << copy, options));
   // Either of two will do.
   expect_fault(submit(StreamBuilder() << TextureBarrier{}, options), 0, 0,
                "lacks texture_barrier");
   caps.capability_bits_v2 |= cap2::blend_equation;
   EXPECT_FALSE(submit(StreamBuilder() << TextureBarrier{}, options));
   caps.capability_bits_v2 = 0;
   caps.capability_bits |= cap::texture_barrier;
   EXPECT_FALSE(submit(StreamBuilder() << TextureBarrier{}, options));
}

TEST(Validator, CapabilitiesOfFieldsPartsAndValues)
{
   Caps caps;
   const ValidatorOptions options{.caps = &caps};
   const auto said = [&](const auto &packet) {
      const std::optional<Fault> fault = submit(StreamBuilder() << packet, options);
      return fault ? fault->reason : std::string();
   };
   const auto lacks = [&](const auto &packet, const char *what) {
      EXPECT_NE(said(packet).find(std::string("lacks ") + what), std::string::npos) << said(packet);
   };
   DrawVbo draw{.count = 3};
   EXPECT_EQ(said(draw), "");
   draw.start_instance = 1;
   lacks(draw, "start_instance");
   draw = {.count = 3, .instance_count = 2};
   lacks(draw, "instanceid");
   draw = {.count = 3, .mode = 10};
   EXPECT_NE(said(draw).find("does not draw"), std::string::npos);
   caps.prim_mask = 1u << 10;
   EXPECT_EQ(said(draw), "");
   draw = {.tess = DrawTess{}, .indirect = DrawIndirect{.resource = res(1), .draw_count = 2}};
   lacks(draw, "has_indirect_draw");
   caps.bset = feature::has_indirect_draw;
   lacks(draw, "multi_draw_indirect");
   caps.capability_bits = cap::multi_draw_indirect;
   EXPECT_EQ(said(draw), "");

   lacks(CreateRasterizer{.handle = obj(1), .clip_halfz = true}, "clip_halfz");
   lacks(CreateBlend{.handle = obj(1), .independent_blend_enable = true}, "indep_blend_enable");
   lacks(CreateSamplerState{.handle = obj(1), .wrap_t = 5}, "mirror_clamp");
   EXPECT_EQ(said(CreateSamplerState{.handle = obj(1), .wrap_t = 4}), "");
   lacks(CreateQuery{.handle = obj(1), .type = QueryType::timestamp, .resource = res(1)},
         "timer_query");

   const ShaderBuffer buffers[] = {{.length = 4, .resource = res(1)}};
   const SetShaderBuffers set{.stage = ShaderStage::vertex, .buffers = buffers};
   EXPECT_NE(said(set).find("no buffers"), std::string::npos);
   caps.max_shader_buffer_other_stages = 1;
   EXPECT_EQ(said(set), "");
   const Viewport viewports[] = {{}, {}};
   EXPECT_NE(said(SetViewportState{.viewports = viewports}), "");
   caps.max_viewports = 2;
   EXPECT_EQ(said(SetViewportState{.viewports = viewports}), "");

   caps.host_feature_check_version = 20;
   const auto clear = StreamBuilder() << CreateSurface{.handle = obj(1), .resource = res(1)}
                                      << ClearSurface{.surface = obj(1)};
   expect_fault(submit(clear, options), 6, 1, "lacks version 21");
   caps.host_feature_check_version = 21;
   EXPECT_FALSE(submit(clear, options));
}

TEST(Validator, RemembersNoMoreThanItMay)
{
   const ValidatorOptions options{.max_objects = 2, .max_sub_contexts = 2};
   expect_fault(submit(StreamBuilder() << CreateDsa{.handle = obj(1)} << CreateDsa{.handle = obj(2)}
                                       << CreateDsa{.handle = obj(3)},
                       options),
                13, 2, "more than 2 objects");
   expect_fault(
      submit(StreamBuilder() << CreateSubCtx{.sub_ctx = 1} << CreateSubCtx{.sub_ctx = 2}, options),
      3, 1, "more than 2 sub-contexts");
}

} // namespace
} // namespace virgl::test
