// SPDX-License-Identifier: MIT
// Limits from capsets: of hosts of all ages, of hosts that lie, and of none at all.
#include "gallium/drivers/virgl/limits.hpp"

#include <bit>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include <gtest/gtest.h>

using namespace virgl;
using proto::ShaderStage;

namespace {

// A capset of virglrenderer 0.10 on llvmpipe, as far as the limits look at it.
proto::Caps good_caps()
{
   proto::Caps c;
   c.capset_id = 2;
   c.bset = proto::feature::has_tessellation_shaders | proto::feature::texture_multisample;
   c.glsl_level = 430;
   c.max_texture_array_layers = 2048;
   c.max_streamout_buffers = 4;
   c.max_dual_source_render_targets = 1;
   c.max_render_targets = 8;
   c.max_samples = 4;
   c.max_tbo_size = 134217728;
   c.max_uniform_blocks = 14;
   c.max_viewports = 16;
   c.max_texture_gather_components = 4;
   c.max_aliased_point_size = 256;
   c.max_aliased_line_width = 255;
   c.max_smooth_point_size = 255;
   c.max_smooth_line_width = 255;
   c.max_texture_lod_bias = 16;
   c.max_geom_output_vertices = 1024;
   c.max_geom_total_output_components = 1024;
   c.max_vertex_outputs = 32;
   c.max_vertex_attribs = 16;
   c.max_shader_patch_varyings = 32;
   c.min_texel_offset = -32;
   c.max_texel_offset = 31;
   c.min_texture_gather_offset = -32;
   c.max_texture_gather_offset = 31;
   c.texture_buffer_offset_alignment = 16;
   c.uniform_buffer_offset_alignment = 16;
   c.shader_buffer_offset_alignment = 4;
   c.capability_bits = proto::cap::compute_shader | proto::cap::transform_feedback3;
   c.max_vertex_attrib_stride = 2048;
   c.max_shader_buffer_frag_compute = 16;
   c.max_shader_buffer_other_stages = 15;
   c.max_shader_image_frag_compute = 16;
   c.max_shader_image_other_stages = 14;
   c.max_compute_work_group_invocations = 1024;
   c.max_compute_shared_memory_size = 32768;
   for (unsigned i = 0; i < 3; i++) {
      c.max_compute_grid_size[i] = 65535;
      c.max_compute_block_size[i] = 1024;
   }
   c.max_texture_2d_size = 16384;
   c.max_texture_3d_size = 2048;
   c.max_texture_cube_size = 16384;
   c.max_combined_shader_buffers = 96;
   c.host_feature_check_version = 15;
   c.max_anisotropy = 16;
   c.max_texture_image_units = 32;
   for (uint32_t &size : c.max_const_buffer_size)
      size = 65536;
   c.max_uniform_block_size = 65536;
   c.sampler.set(1);
   c.sampler.set(67);
   c.render.set(1);
   strcpy(c.renderer, "llvmpipe (LLVM 15, 256 bits)");
   return c;
}

bool power_of_two_or_zero(uint32_t v)
{
   return v == 0 || std::has_single_bit(v);
}

#define EXPECT_WITHIN(value, low, high)                                                            \
   do {                                                                                            \
      EXPECT_GE(value, low);                                                                       \
      EXPECT_LE(value, high);                                                                      \
   } while (0)

// What must hold whatever the host says.
void expect_sane(const Limits &l)
{
   EXPECT_WITHIN(l.glsl_level, 120u, 460u);
   EXPECT_WITHIN(l.texture_2d_size, 64u, 32768u);
   EXPECT_WITHIN(l.texture_3d_levels, 5u, 15u);
   EXPECT_WITHIN(l.texture_cube_levels, 5u, 15u);
   EXPECT_LE(l.texture_array_layers, 16384u);
   EXPECT_LE(uint64_t(l.texel_buffer_elements) * 16, uint64_t(1) << 31);
   EXPECT_WITHIN(l.min_texel_offset, -512, -1);
   EXPECT_WITHIN(l.max_texel_offset, 1, 511);
   EXPECT_WITHIN(l.min_gather_offset, -512, -1);
   EXPECT_WITHIN(l.max_gather_offset, 1, 511);
   EXPECT_LE(l.gather_components, 4u);
   EXPECT_WITHIN(l.render_targets, 1u, 8u);
   EXPECT_LE(l.dual_source_targets, l.render_targets);
   EXPECT_WITHIN(l.viewports, 1u, 16u);
   EXPECT_LE(l.samples, 32u);
   EXPECT_TRUE(power_of_two_or_zero(l.samples));
   EXPECT_LE(l.image_samples, l.samples);
   EXPECT_WITHIN(l.vertex_attribs, 8u, 32u);
   EXPECT_WITHIN(l.vertex_attrib_stride, 255u, 65535u);
   EXPECT_WITHIN(l.varyings, 8u, 32u);
   EXPECT_LE(l.patch_varyings, 32u);
   EXPECT_WITHIN(l.geometry_vertices, 1u, 4096u);
   EXPECT_WITHIN(l.geometry_components, 64u, 16384u);
   EXPECT_LE(l.so_buffers, 4u);
   EXPECT_TRUE(l.vertex_streams == 1 || l.vertex_streams == 4);
   EXPECT_WITHIN(l.uniform_block_size, 4096u, 1u << 27);
   EXPECT_GT(l.uniform_buffer_alignment, 0u);
   for (uint32_t a :
        {l.uniform_buffer_alignment, l.texture_buffer_alignment, l.shader_buffer_alignment}) {
      EXPECT_TRUE(power_of_two_or_zero(a));
      EXPECT_LE(a, 65536u);
   }
   EXPECT_LE(l.combined_shader_buffers, 96u);
   EXPECT_LE(l.combined_atomic_buffers, 90u);
   EXPECT_LE(l.combined_atomic_counters, 6u * 65536u);
   for (float f : {l.line_width, l.smooth_line_width, l.point_size, l.smooth_point_size,
                   l.anisotropy, l.lod_bias}) {
      EXPECT_TRUE(std::isfinite(f));
      EXPECT_WITHIN(f, 1.0f, 8192.0f);
   }
   for (const StageLimits &s : l.stages) {
      if (!s.present) {
         EXPECT_EQ(s.inputs + s.outputs + s.samplers + s.const_buffers + s.images +
                      s.shader_buffers + s.atomic_buffers,
                   0u);
         continue;
      }
      EXPECT_WITHIN(s.inputs, 8u, 32u);
      EXPECT_WITHIN(s.outputs, 1u, 64u);
      EXPECT_WITHIN(s.samplers, 8u, 32u);
      EXPECT_WITHIN(s.const_buffers, 1u, 16u);
      EXPECT_WITHIN(s.const_buffer0_size, 4096u, 1u << 20);
      EXPECT_EQ(s.const_buffer0_size % 16, 0u);
      EXPECT_LE(s.shader_buffers, 16u);
      EXPECT_LE(s.images, 32u);
      EXPECT_LE(s.atomic_buffers, 16u);
      EXPECT_EQ(s.atomic_counters == 0, s.atomic_buffers == 0);
      // A total below a stage's share would be a contradiction.
      EXPECT_GE(l.combined_shader_buffers, s.shader_buffers);
      EXPECT_GE(l.combined_atomic_buffers, s.atomic_buffers);
      EXPECT_GE(l.combined_atomic_counters, s.atomic_counters);
   }
   if (l.stage(ShaderStage::compute).present) {
      for (unsigned i = 0; i < 3; i++) {
         EXPECT_WITHIN(l.compute_grid[i], 1u, 0x7fffffffu);
         EXPECT_WITHIN(l.compute_block[i], 1u, 4096u);
      }
      EXPECT_WITHIN(l.compute_invocations, 1u, 4096u);
      EXPECT_GE(l.compute_shared_size, 1024u);
   }
}

Limits limits_of_bytes(const std::vector<std::byte> &bytes)
{
   return limits_from_caps(proto::Caps::parse(2, bytes));
}

} // namespace

TEST(Limits, AGoodHostIsTakenAtItsWord)
{
   const Limits l = limits_from_caps(good_caps());
   expect_sane(l);
   EXPECT_EQ(l.glsl_level, 430u);
   EXPECT_EQ(l.texture_2d_size, 16384u);
   EXPECT_EQ(l.texture_3d_levels, 12u);
   EXPECT_EQ(l.texture_cube_levels, 15u);
   EXPECT_EQ(l.texel_buffer_elements, 134217728u);
   EXPECT_EQ(l.render_targets, 8u);
   EXPECT_EQ(l.min_texel_offset, -32);
   EXPECT_EQ(l.max_gather_offset, 31);
   EXPECT_EQ(l.texture_buffer_alignment, 16u);
   EXPECT_EQ(l.vertex_streams, 4u);
   EXPECT_EQ(l.patch_varyings, 32u);
   EXPECT_EQ(l.anisotropy, 16.0f);
   EXPECT_EQ(l.combined_shader_buffers, 32u); // the protocol's slots
   const StageLimits &fs = l.stage(ShaderStage::fragment);
   EXPECT_EQ(fs.inputs, 32u);
   EXPECT_EQ(fs.outputs, 8u);
   EXPECT_EQ(fs.samplers, 32u);
   EXPECT_EQ(fs.const_buffers, 14u);
   EXPECT_EQ(fs.images, 16u);
   const StageLimits &vs = l.stage(ShaderStage::vertex);
   EXPECT_EQ(vs.inputs, 16u);
   EXPECT_EQ(vs.outputs, 32u);
   EXPECT_EQ(vs.images, 14u);
   EXPECT_EQ(vs.shader_buffers, 15u);
   EXPECT_TRUE(l.stage(ShaderStage::tess_eval).present);
   EXPECT_TRUE(l.stage(ShaderStage::compute).present);
}

TEST(Limits, AHostOfCapsetOneGetsWhatGlAsksFor)
{
   proto::Caps c;
   c.capset_id = 1;
   c.glsl_level = 330;
   c.max_samples = 1;
   c.sampler.set(1);
   const Limits l = limits_from_caps(c);
   expect_sane(l);
   EXPECT_EQ(l.texture_2d_size, 16384u);
   EXPECT_EQ(l.texture_3d_levels, 9u);
   EXPECT_EQ(l.texture_cube_levels, 13u);
   EXPECT_EQ(l.uniform_buffer_alignment, 256u);
   EXPECT_EQ(l.vertex_attribs, 16u);
   EXPECT_EQ(l.vertex_attrib_stride, 2048u);
   EXPECT_EQ(l.geometry_vertices, 256u);
   EXPECT_EQ(l.vertex_streams, 4u); // without a bit for it, in those days
   EXPECT_EQ(l.min_texel_offset, -8);
   EXPECT_EQ(l.max_texel_offset, 7);
   EXPECT_EQ(l.stage(ShaderStage::fragment).samplers, 16u);
   EXPECT_EQ(l.stage(ShaderStage::vertex).const_buffer0_size, 65536u);
   EXPECT_FALSE(l.stage(ShaderStage::tess_ctrl).present);
   EXPECT_FALSE(l.stage(ShaderStage::compute).present);
   // Such a host reads back and shows what it samples.
   EXPECT_TRUE(l.readback.test(1));
   EXPECT_TRUE(l.scanout.test(1));
   EXPECT_FALSE(l.multisample_known);
   EXPECT_EQ(renderer_name_from_caps(c), "virgl");
}

TEST(Limits, AnEmptyCapsetIsSane)
{
   const Limits l = limits_from_caps(proto::Caps());
   expect_sane(l);
   EXPECT_EQ(l.glsl_level, 120u);
   EXPECT_EQ(l.render_targets, 1u);
   EXPECT_EQ(l.texture_array_layers, 0u);
   EXPECT_EQ(l.texel_buffer_elements, 0u);
   EXPECT_EQ(l.patch_varyings, 0u);
}

TEST(Limits, ACapsetOfOnesIsSane)
{
   const Limits l = limits_of_bytes(std::vector(sizeof(proto::CapsV2), std::byte(0xff)));
   expect_sane(l);
   EXPECT_EQ(l.glsl_level, 460u);
   EXPECT_EQ(l.min_texel_offset, -1);
   EXPECT_EQ(l.samples, 32u);
   EXPECT_EQ(l.lod_bias, 15.0f); // all ones is not a number
}

TEST(Limits, EveryLengthOfACapsetIsSane)
{
   const proto::Caps good = good_caps();
   std::vector<std::byte> bytes(sizeof(proto::CapsV2));
   memcpy(bytes.data(), static_cast<const proto::CapsV2 *>(&good), bytes.size());
   const size_t whole = bytes.size();
   for (size_t length = 0; length <= whole; length++) {
      SCOPED_TRACE(length);
      expect_sane(limits_of_bytes({bytes.begin(), bytes.begin() + ptrdiff_t(length)}));
   }
   bytes.resize(whole + 400, std::byte(0xee)); // a host that knows more than we do
   const Limits longer = limits_of_bytes(bytes);
   EXPECT_EQ(longer.texture_2d_size, 16384u);
}

TEST(Limits, RandomCapsetsAreSane)
{
   std::mt19937 random(22);
   std::vector<std::byte> bytes(sizeof(proto::CapsV2));
   for (unsigned round = 0; round < 2000; round++) {
      SCOPED_TRACE(round);
      // Dwords of all magnitudes, since uniformly random ones are nearly always huge.
      for (size_t i = 0; i + 4 <= bytes.size(); i += 4) {
         const uint32_t value = uint32_t(random()) >> (random() % 33 == 32 ? 31 : random() % 32);
         memcpy(&bytes[i], &value, 4);
      }
      expect_sane(limits_of_bytes(bytes));
   }
}

TEST(Limits, FieldsCountFromTheVersionThatFillsThem)
{
   proto::Caps c = good_caps();
   for (uint32_t &size : c.max_const_buffer_size)
      size = 32768;
   c.max_uniform_block_size = 1 << 20;

   c.host_feature_check_version = 13;
   Limits l = limits_from_caps(c);
   EXPECT_EQ(l.stage(ShaderStage::fragment).const_buffer0_size, 32768u);
   EXPECT_EQ(l.uniform_block_size, 1u << 20);

   c.host_feature_check_version = 12;
   l = limits_from_caps(c);
   EXPECT_EQ(l.stage(ShaderStage::fragment).const_buffer0_size, 32768u);
   EXPECT_EQ(l.uniform_block_size, 32768u);

   c.host_feature_check_version = 11;
   l = limits_from_caps(c);
   EXPECT_EQ(l.stage(ShaderStage::fragment).const_buffer0_size, 65536u);

   c.host_feature_check_version = 9;
   EXPECT_TRUE(limits_from_caps(c).multisample_known);
   c.host_feature_check_version = 8;
   EXPECT_FALSE(limits_from_caps(c).multisample_known);

   c.capability_bits &= ~proto::cap::transform_feedback3;
   c.host_feature_check_version = 2;
   EXPECT_EQ(limits_from_caps(c).vertex_streams, 1u);
   c.host_feature_check_version = 1;
   EXPECT_EQ(limits_from_caps(c).vertex_streams, 4u);
}

TEST(Limits, NewerHostsCountByStage)
{
   proto::Caps c = good_caps();
   c.max_tcs_outputs = 30;
   c.max_tes_outputs = 20;
   c.host_feature_check_version = 18;
   Limits l = limits_from_caps(c);
   EXPECT_EQ(l.stage(ShaderStage::tess_ctrl).outputs, 32u);
   EXPECT_EQ(l.stage(ShaderStage::tess_eval).outputs, 32u);
   EXPECT_EQ(l.stage(ShaderStage::vertex).shader_buffers, 15u);
   c.host_feature_check_version = 19;
   c.max_shader_storage_blocks[unsigned(ShaderStage::fragment)] = 12;
   c.max_shader_storage_blocks[unsigned(ShaderStage::compute)] = 1000;
   l = limits_from_caps(c);
   expect_sane(l);
   EXPECT_EQ(l.stage(ShaderStage::tess_ctrl).outputs, 30u);
   EXPECT_EQ(l.stage(ShaderStage::tess_eval).outputs, 20u);
   EXPECT_EQ(l.stage(ShaderStage::fragment).shader_buffers, 12u);
   EXPECT_EQ(l.stage(ShaderStage::compute).shader_buffers, 16u);
   EXPECT_EQ(l.stage(ShaderStage::vertex).shader_buffers, 0u); // a GLES host's
}

TEST(Limits, StagesShareTheImageUnitsThatAHostIsSureToHave)
{
   proto::Caps c = good_caps();
   EXPECT_EQ(limits_from_caps(c).image_units, 32u); // the protocol's slots
   c.capability_bits |= proto::cap::host_is_gles;
   EXPECT_EQ(limits_from_caps(c).image_units, 16u);
}

TEST(Limits, GlslLevelsAreThoseThatExist)
{
   proto::Caps c;
   const auto level = [&](uint32_t announced) {
      c.glsl_level = announced;
      return limits_from_caps(c).glsl_level;
   };
   EXPECT_EQ(level(0), 120u);
   EXPECT_EQ(level(139), 130u);
   EXPECT_EQ(level(310), 150u); // a GLES host's
   EXPECT_EQ(level(330), 330u);
   EXPECT_EQ(level(1000000), 460u);
}

TEST(Limits, AlignmentsArePowersOfTwo)
{
   proto::Caps c;
   c.texture_buffer_offset_alignment = 48;
   c.shader_buffer_offset_alignment = 0x80000001;
   c.uniform_buffer_offset_alignment = 1;
   const Limits l = limits_from_caps(c);
   EXPECT_EQ(l.texture_buffer_alignment, 64u);
   EXPECT_EQ(l.shader_buffer_alignment, 65536u);
   EXPECT_EQ(l.uniform_buffer_alignment, 1u);
}

TEST(RendererName, NamesTheHost)
{
   EXPECT_EQ(renderer_name_from_caps(good_caps()), "virgl (llvmpipe (LLVM 15, 256 bits))");
   proto::Caps c = good_caps();
   c.host_feature_check_version = 4;
   EXPECT_EQ(renderer_name_from_caps(c), "virgl");
}

TEST(RendererName, IsPrintableAndBounded)
{
   proto::Caps c = good_caps();
   memset(c.renderer, 'x', sizeof(c.renderer));
   EXPECT_EQ(renderer_name_from_caps(c), "virgl (" + std::string(sizeof(c.renderer), 'x') + ")");
   strcpy(c.renderer, "a\n\033[31mb\xff");
   EXPECT_EQ(renderer_name_from_caps(c), "virgl (a??[31mb?)");
}
