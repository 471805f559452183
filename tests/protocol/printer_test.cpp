// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <cmath>

#include "protocol/printer.hpp"
#include "stream_builder.hpp"

namespace virgl::test {
namespace {

using namespace virgl::proto;

std::string text_of(const StreamBuilder &stream, PrintOptions options = {})
{
   options.numbers = false;
   return print_stream(stream, options);
}

TEST(Printer, Lines)
{
   EXPECT_EQ(
      text_of(StreamBuilder() << DrawVbo{.count = 3, .mode = 4}),
      "DRAW_VBO start=0 count=3 mode=triangles indexed=0 instance_count=1 index_bias=0 "
      "start_instance=0 "
      "primitive_restart=0 restart_index=0 min_index=0 max_index=0xffffffff count_from_so=0\n");
   EXPECT_EQ(text_of(StreamBuilder()
                     << Clear{.buffers = clear_buffer::depth | clear_buffer::color0, .depth = 0.5}),
             "CLEAR buffers=depth|color0 color=[0, 0, 0, 0] depth=0.5 stencil=0\n");
   EXPECT_EQ(
      text_of(StreamBuilder() << BindObject{.type = ObjectType::dsa, .handle = ObjectHandle(7)}),
      "BIND_OBJECT dsa handle=obj:7\n");
   EXPECT_EQ(text_of(StreamBuilder() << SendStringMarker{.text = "a\"b\n\x01"}),
             "SEND_STRING_MARKER text=\"a\\\"b\\n\\x01\"\n");
   EXPECT_EQ(text_of(StreamBuilder() << SetBlendColor{.color = {1, NAN, -2.25f, INFINITY}}),
             "SET_BLEND_COLOR color=[1, 0x7fc00000, -2.25, 0x7f800000]\n");
}

TEST(Printer, Elements)
{
   const VertexBuffer buffers[] = {{.stride = 12, .resource = ResourceHandle(4)}, {}};
   EXPECT_EQ(text_of(StreamBuilder() << SetVertexBuffers{.buffers = buffers}),
             "SET_VERTEX_BUFFERS buffers=[{stride=12 offset=0 resource=res:4}, {stride=0 offset=0 "
             "resource=res:0}]\n");
   EXPECT_EQ(text_of(StreamBuilder() << SetVertexBuffers{.buffers = buffers}, {.max_elements = 1}),
             "SET_VERTEX_BUFFERS buffers=[{stride=12 offset=0 resource=res:4}, ... 1 more]\n");
   const ObjectHandle views[] = {ObjectHandle(1), ObjectHandle(2)};
   EXPECT_EQ(
      text_of(StreamBuilder() << SetSamplerViews{.stage = ShaderStage::fragment, .views = views}),
      "SET_SAMPLER_VIEWS stage=fragment start_slot=0 views=[obj:1, obj:2]\n");
}

TEST(Printer, Shader)
{
   const StreamOutput outputs[] = {{.register_index = 2, .num_components = 4}};
   EXPECT_EQ(text_of(StreamBuilder() << CreateShader{.handle = ObjectHandle(1),
                                                     .offset = 8,
                                                     .num_tokens = 3,
                                                     .stream_output_stride = {16},
                                                     .stream_outputs = outputs,
                                                     .text = "VERT\nEND"}),
             "CREATE_OBJECT SHADER handle=obj:1 stage=vertex offset=8 continuation=0 num_tokens=3 "
             "stream_output_stride=[16, 0, 0, 0] stream_outputs=[{register_index=2 "
             "start_component=0 num_components=4 "
             "output_buffer=0 dst_offset=0 stream=0}] text=\"VERT\\nEND\"\n");
}

TEST(Printer, BufferViews)
{
   StreamBuilder s;
   s << CreateBufferSurface{.handle = ObjectHandle(1),
                            .resource = ResourceHandle(2),
                            .format = Format::R8_UNORM,
                            .last_element = 9};
   EXPECT_NE(text_of(s).find("last_layer"), std::string::npos);
   PrintOptions options;
   options.is_buffer = [](ResourceHandle handle) { return handle == ResourceHandle(2); };
   EXPECT_EQ(text_of(s, options), "CREATE_OBJECT SURFACE handle=obj:1 resource=res:2 "
                                  "format=R8_UNORM first_element=0 last_element=9\n");
}

TEST(Printer, SaysWhatItCannotRead)
{
   EXPECT_EQ(text_of(StreamBuilder().raw({250u | 1u << 16, 0xabc})),
             "unknown command 250, object 0 payload=1 dwords [00000abc]\n");
   EXPECT_EQ(text_of(StreamBuilder().raw({7u | 1u << 16, 4})),
             "CLEAR (too short) payload=1 dwords [00000004]\n");
   EXPECT_EQ(print_stream(StreamBuilder().raw({0, 7u | 8u << 16, 4})),
             "     0 NOP\n     1 CLEAR is cut off: 1 dwords of its payload are there\n");
   StreamBuilder enumeration;
   enumeration << DrawVbo{.mode = 77};
   EXPECT_NE(text_of(enumeration).find("mode=77"), std::string::npos);
}

} // namespace
} // namespace virgl::test
