// SPDX-License-Identifier: MIT
// The dialect pass rule by rule, and whole shaders from NIR to text.
#include "test_screen.hpp"

#include "gallium/drivers/virgl/shader.hpp"
#include "gallium/drivers/virgl/shader_tgsi.hpp"

#include "compiler/glsl_types.h"
#include "compiler/nir/nir.h"
#include "compiler/nir/nir_builder.h"
#include "tgsi/tgsi_text.h"

#include <gtest/gtest.h>

using namespace virgl;

namespace {

std::vector<tgsi_token> parse(const std::string &text, size_t room = 4096)
{
   std::vector<tgsi_token> tokens(room);
   EXPECT_TRUE(tgsi_text_translate(text.c_str(), tokens.data(), unsigned(tokens.size()))) << text;
   return tokens;
}

Dialect full()
{
   Dialect d;
   d.cull_distance = d.precise = d.invariant = true;
   return d;
}

// The text of a shader after the pass. The host's parser must be able to read it into as many
// tokens as it is told, and read the same from it.
std::string rewrite(const std::string &text, const Dialect &dialect = full())
{
   const auto tokens = parse(text);
   const Tokens clean = to_dialect(tokens.data(), dialect);
   EXPECT_TRUE(clean);
   const std::string result = to_text(clean.get());
   const auto again = parse(result, parsed_tokens(clean.get()) + 1);
   EXPECT_EQ(to_text(again.data()), result);
   return result;
}

bool has(const std::string &text, const std::string &part)
{
   return text.find(part) != std::string::npos;
}

#define EXPECT_HAS(text, part) EXPECT_TRUE(has(text, part)) << text
#define EXPECT_LACKS(text, part) EXPECT_FALSE(has(text, part)) << text

} // namespace

TEST(Dialect, LooseUniformsHaveOneIndex)
{
   const std::string out = rewrite("VERT\n"
                                   "DCL OUT[0], POSITION\n"
                                   "DCL CONST[0][0..3]\n"
                                   "DCL CONST[2][0..3]\n"
                                   "ADD OUT[0], CONST[0][1], CONST[2][3]\n"
                                   "END\n");
   EXPECT_HAS(out, "DCL CONST[0..3]");
   EXPECT_HAS(out, "DCL CONST[2][0..3]");
   EXPECT_HAS(out, "ADD OUT[0], CONST[1], CONST[2][3]");
}

TEST(Dialect, UnknownPropertiesGo)
{
   const std::string shader = "VERT\n"
                              "PROPERTY NEXT_SHADER FRAG\n"
                              "PROPERTY NUM_CLIPDIST_ENABLED 2\n"
                              "PROPERTY NUM_CULLDIST_ENABLED 1\n"
                              "PROPERTY VS_WINDOW_SPACE_POSITION 1\n"
                              "END\n";
   std::string out = rewrite(shader);
   EXPECT_LACKS(out, "NEXT_SHADER");
   EXPECT_LACKS(out, "WINDOW_SPACE");
   EXPECT_HAS(out, "NUM_CLIPDIST_ENABLED 2");
   EXPECT_HAS(out, "NUM_CULLDIST_ENABLED 1");
   Dialect d = full();
   d.cull_distance = false;
   d.separable = true;
   out = rewrite(shader, d);
   EXPECT_LACKS(out, "DIST_ENABLED");
   EXPECT_HAS(out, "PROPERTY SEPARABLE_PROGRAM 1");
}

TEST(Dialect, AClipDistanceThatIsNotWrittenKeepsClipPlanesAway)
{
   const std::string shader = "VERT\n"
                              "DCL IN[0]\n"
                              "DCL OUT[0], POSITION\n"
                              "DCL OUT[1..2], GENERIC[0]\n"
                              "MOV OUT[0], IN[0]\n"
                              "END\n";
   Dialect d = full();
   EXPECT_LACKS(rewrite(shader, d), "CLIPDIST");
   d.no_clip_planes = true;
   const std::string out = rewrite(shader, d);
   EXPECT_HAS(out, "DCL OUT[3].x, CLIPDIST");
   EXPECT_LACKS(out, "NUM_CLIPDIST_ENABLED");
   EXPECT_LACKS(out, " OUT[3],"); // never written
}

TEST(Dialect, EquationsAreAllowedWhereTheHostBlends)
{
   const std::string shader = "FRAG\n"
                              "PROPERTY FS_BLEND_EQUATION_ADVANCED 4\n"
                              "DCL OUT[0], COLOR\n"
                              "END\n";
   Dialect d = full();
   EXPECT_LACKS(rewrite(shader, d), "ADVANCED");
   d.advanced_blend = true;
   EXPECT_HAS(rewrite(shader, d), "FS_BLEND_EQUATION_ADVANCED 4");
}

TEST(Dialect, TwoColoursAreOfOneBuffer)
{
   const std::string head = "FRAG\n"
                            "PROPERTY FS_COLOR0_WRITES_ALL_CBUFS 1\n"
                            "DCL OUT[0], COLOR\n";
   EXPECT_HAS(rewrite(head + "END\n"), "WRITES_ALL_CBUFS 1");
   EXPECT_LACKS(rewrite(head + "DCL OUT[1], COLOR[1]\nEND\n"), "WRITES_ALL_CBUFS");
}

TEST(Dialect, TheFaceIsABoolean)
{
   const std::string out = rewrite("FRAG\n"
                                   "DCL IN[0].x, FACE, CONSTANT\n"
                                   "DCL IN[1], GENERIC[0], PERSPECTIVE\n"
                                   "DCL OUT[0], COLOR\n"
                                   "DCL TEMP[0..1]\n"
                                   "IMM[0] FLT32 {0.0, 0.0, 0.0, 0.0}\n"
                                   "SGE TEMP[0], IN[0], IMM[0].xxxx\n"
                                   "SGE TEMP[1], IN[1], IMM[0].xxxx\n"
                                   "MOV OUT[0], TEMP[0]\nEND\n");
   EXPECT_HAS(out, "FSGE TEMP[0], IN[0]");
   EXPECT_HAS(out, ": SGE TEMP[1], IN[1]");
}

TEST(Dialect, SamplesOfImagesAreFloats)
{
   const std::string head = "FRAG\n"
                            "DCL OUT[0], COLOR\n"
                            "DCL IMAGE[0], 2D_MSAA, PIPE_FORMAT_R32_UINT, WR\n"
                            "DCL IMAGE[1], 2D, PIPE_FORMAT_R32_UINT, WR\n"
                            "DCL TEMP[0..2]\n"
                            "IMM[0] INT32 {1, 2, 3, 4}\n";
   std::string out = rewrite(head + "LOAD TEMP[1], IMAGE[0], TEMP[0].xyyz, 2D_MSAA\nEND\n");
   EXPECT_HAS(out, "MOV TEMP[4].xyz, TEMP[0].xyyz");
   EXPECT_HAS(out, "I2F TEMP[4].w, TEMP[0].zzzz");
   EXPECT_HAS(out, "LOAD TEMP[1], IMAGE[0], TEMP[4], 2D_MSAA");
   out = rewrite(head + "STORE IMAGE[0].x, TEMP[0], TEMP[1], 2D_MSAA\nEND\n");
   EXPECT_HAS(out, "I2F TEMP[4].w, TEMP[0].wwww");
   EXPECT_HAS(out, "STORE IMAGE[0].x, TEMP[4], TEMP[1], 2D_MSAA");
   out = rewrite(head + "ATOMUADD TEMP[2], IMAGE[0], TEMP[0], TEMP[1], 2D_MSAA\nEND\n");
   EXPECT_HAS(out, "ATOMUADD TEMP[2], IMAGE[0], TEMP[4], TEMP[1], 2D_MSAA");
   // As integers already, and without samples.
   out = rewrite(head + "LOAD TEMP[1], IMAGE[0], IMM[0], 2D_MSAA\n"
                        "LOAD TEMP[1], IMAGE[1], TEMP[0], 2D\nEND\n");
   EXPECT_LACKS(out, "I2F");
}

TEST(Dialect, MaskedClipDistancesAreWrittenWhole)
{
   const std::string out = rewrite("VERT\n"
                                   "DCL IN[0]\n"
                                   "DCL OUT[0], POSITION\n"
                                   "DCL OUT[1..2], ARRAY(1), CLIPDIST\n"
                                   "DCL TEMP[0]\n"
                                   "MOV OUT[0], IN[0]\n"
                                   "ADD OUT[1].x, IN[0].xxxx, IN[0].yyyy\n"
                                   "MOV OUT[2].y, IN[0].xxxx\n"
                                   "END\n");
   EXPECT_HAS(out, "DCL TEMP[1..2]");
   EXPECT_HAS(out, "ADD TEMP[1].x, IN[0].xxxx, IN[0].yyyy");
   EXPECT_HAS(out, "MOV OUT[1], TEMP[1]");
   EXPECT_HAS(out, "MOV TEMP[2].y, IN[0].xxxx");
   EXPECT_HAS(out, "MOV OUT[2], TEMP[2]");
   EXPECT_HAS(out, "MOV OUT[0], IN[0]");
}

TEST(Dialect, WholeWritesStay)
{
   const std::string out = rewrite("VERT\n"
                                   "DCL IN[0]\n"
                                   "DCL OUT[0], CLIPVERTEX\n"
                                   "DCL OUT[1], COLOR\n"
                                   "MOV OUT[0], IN[0]\n"
                                   "MUL OUT[1], IN[0], IN[0]\n"
                                   "END\n");
   EXPECT_HAS(out, "MUL OUT[1], IN[0], IN[0]");
   EXPECT_LACKS(out, "TEMP");
}

TEST(Dialect, ColoursOfFragmentsTakeMasks)
{
   const std::string out = rewrite("FRAG\n"
                                   "DCL IN[0], GENERIC[0], PERSPECTIVE\n"
                                   "DCL OUT[0], COLOR\n"
                                   "MOV OUT[0].xyz, IN[0]\n"
                                   "END\n");
   EXPECT_HAS(out, "MOV OUT[0].xyz, IN[0]");
}

TEST(Dialect, IntegersReachOutputsByMoves)
{
   const std::string out = rewrite("FRAG\n"
                                   "DCL IN[0], GENERIC[0], CONSTANT\n"
                                   "DCL OUT[0], COLOR\n"
                                   "DCL TEMP[0]\n"
                                   "UADD OUT[0].xy, IN[0], IN[0]\n"
                                   "MUL OUT[0].zw, IN[0], IN[0]\n"
                                   "END\n");
   EXPECT_HAS(out, "UADD TEMP[1].xy, IN[0], IN[0]");
   EXPECT_HAS(out, "MOV OUT[0].xy, TEMP[1]");
   EXPECT_HAS(out, "MUL OUT[0].zw, IN[0], IN[0]");
}

TEST(Dialect, ImmediateCoordinatesAreMoved)
{
   const std::string out = rewrite("FRAG\n"
                                   "DCL OUT[0], COLOR\n"
                                   "DCL SAMP[0]\n"
                                   "DCL SVIEW[0], 2D, FLOAT\n"
                                   "IMM[0] FLT32 {0.5, 0.25, 0.0, 0.0}\n"
                                   "TEX OUT[0], IMM[0].yxxx, SAMP[0], 2D\n"
                                   "END\n");
   EXPECT_HAS(out, "MOV TEMP[0], IMM[0].yxxx");
   EXPECT_HAS(out, "TEX OUT[0], TEMP[0], SAMP[0], 2D");
}

TEST(Dialect, TroublesomeInputsAreCopiedFirst)
{
   std::string out = rewrite("FRAG\n"
                             "DCL IN[0], LAYER, CONSTANT\n"
                             "DCL OUT[0], COLOR\n"
                             "DCL SV[0], HELPER_INVOCATION\n"
                             "DCL TEMP[0]\n"
                             "USHR TEMP[0].x, IN[0].xxxx, SV[0].xxxx\n"
                             "MOV OUT[0], TEMP[0].xxxx\n"
                             "END\n");
   EXPECT_HAS(out, "IMAX TEMP[1], IN[0], IN[0]");
   EXPECT_HAS(out, "MOV TEMP[2], SV[0]");
   EXPECT_HAS(out, "USHR TEMP[0].x, TEMP[1].xxxx, TEMP[2].xxxx");

   out = rewrite("COMP\n"
                 "PROPERTY CS_FIXED_BLOCK_WIDTH 8\n"
                 "DCL SV[0], BLOCK_ID\n"
                 "DCL BUFFER[0]\n"
                 "DCL TEMP[0]\n"
                 "UADD TEMP[0].x, SV[0].xxxx, SV[0].yyyy\n"
                 "STORE BUFFER[0].x, TEMP[0].xxxx, TEMP[0].xxxx\n"
                 "END\n");
   EXPECT_HAS(out, "MOV TEMP[1].xyz, SV[0].xyzz");
   EXPECT_HAS(out, "UADD TEMP[0].x, TEMP[1].xxxx, TEMP[1].yyyy");
}

TEST(Dialect, DoublesAreReadUnswizzled)
{
   const std::string out = rewrite("VERT\n"
                                   "DCL OUT[0], POSITION\n"
                                   "DCL CONST[0..1]\n"
                                   "DCL TEMP[0..1]\n"
                                   "DADD TEMP[0].zw, CONST[0].zwzw, CONST[1].xyxy\n"
                                   "D2F OUT[0].x, TEMP[0].zwzw\n"
                                   "END\n");
   EXPECT_HAS(out, "DCL TEMP[2..5]");
   EXPECT_HAS(out, "MOV TEMP[2].xy, CONST[0].zwzw");
   EXPECT_HAS(out, "MOV TEMP[3].xy, CONST[1].xyxy");
   EXPECT_HAS(out, "DADD TEMP[0].zw, TEMP[2], TEMP[3]");
   EXPECT_HAS(out, "MOV TEMP[2].xy, TEMP[0].zwzw");
   EXPECT_HAS(out, "D2F OUT[0].x, TEMP[2]");
}

TEST(Dialect, NegationAndFloorOfDoublesAreMadeUp)
{
   const std::string shader = "VERT\n"
                              "DCL OUT[0], POSITION\n"
                              "DCL CONST[0]\n"
                              "DCL TEMP[0..1]\n"
                              "IMM[0] FLT32 {1.0, 2.0, 3.0, 4.0}\n"
                              "DNEG TEMP[0].zw, CONST[0].xyxy\n"
                              "DFLR TEMP[1].xy, TEMP[0].zwzw\n"
                              "D2F OUT[0].x, TEMP[1].xyxy\n"
                              "END\n";
   const std::string out = rewrite(shader);
   EXPECT_HAS(out, "IMM[1] UINT32 {2147483648, 2147483648, 2147483648, 2147483648}");
   EXPECT_LACKS(out, "DNEG");
   EXPECT_LACKS(out, "DFLR");
   EXPECT_HAS(out, "XOR TEMP[2].y, TEMP[2], IMM[1]");
   EXPECT_HAS(out, "MOV TEMP[0].zw, TEMP[2].xyxy");
   EXPECT_HAS(out, "DFRAC TEMP[3].xy, TEMP[2]");
   EXPECT_HAS(out, "XOR TEMP[3].y, TEMP[3], IMM[1]");
   EXPECT_HAS(out, "DADD TEMP[1].xy, TEMP[2], TEMP[3]");

   Dialect gles = full();
   gles.fake_doubles = true;
   const std::string none = rewrite(shader, gles);
   EXPECT_LACKS(none, "D2F");
   EXPECT_LACKS(none, "XOR");
}

TEST(Dialect, PrecisionFollowsMovesToOutputs)
{
   const std::string shader = "VERT\n"
                              "DCL IN[0]\n"
                              "DCL OUT[0], POSITION, INVARIANT\n"
                              "DCL OUT[1], GENERIC[0]\n"
                              "DCL TEMP[0..1]\n"
                              "MUL_PRECISE TEMP[0].xy, IN[0], IN[0]\n"
                              "MUL TEMP[0].zw, IN[0], IN[0]\n"
                              "MOV OUT[0], TEMP[0].yyyy\n"
                              "MOV OUT[1], TEMP[0].wwww\n"
                              "END\n";
   std::string out = rewrite(shader);
   EXPECT_HAS(out, "MUL_PRECISE TEMP[0].xy");
   EXPECT_HAS(out, "MOV_PRECISE OUT[0], TEMP[0].yyyy");
   EXPECT_HAS(out, "MOV OUT[1], TEMP[0].wwww");
   EXPECT_HAS(out, "INVARIANT");
   out = rewrite(shader, Dialect());
   EXPECT_LACKS(out, "PRECISE");
   EXPECT_LACKS(out, "INVARIANT");
}

TEST(Dialect, LongShadersComeOutWhole)
{
   std::string shader = "VERT\nDCL IN[0]\nDCL OUT[0], POSITION\nDCL TEMP[0]\n";
   constexpr unsigned COUNT = 20000;
   for (unsigned i = 0; i < COUNT; i++)
      shader += "MAD TEMP[0], IN[0].yzwx, IN[0].wzyx, TEMP[0].xxyy\n";
   shader += "MOV OUT[0], TEMP[0]\nEND\n";
   std::vector<tgsi_token> tokens = parse(shader, COUNT * 16);
   const Tokens clean = to_dialect(tokens.data(), full());
   ASSERT_TRUE(clean);
   const std::string text = to_text(clean.get());
   EXPECT_GT(text.size(), size_t(COUNT) * 50);
   EXPECT_EQ(text.substr(text.size() - 4), "END\n");
}

TEST(Dialect, TessellationLevelsAreWrittenOneByOne)
{
   const std::string out = rewrite("TESS_CTRL\n"
                                   "PROPERTY TCS_VERTICES_OUT 4\n"
                                   "DCL IN[][0], POSITION\n"
                                   "DCL OUT[0], TESSOUTER\n"
                                   "DCL OUT[1], TESSINNER\n"
                                   "DCL TEMP[0]\n"
                                   "MOV TEMP[0], IN[0][0]\n"
                                   "MUL OUT[0], TEMP[0], TEMP[0]\n"
                                   "MOV OUT[1], TEMP[0].yxxx\n"
                                   "MOV OUT[0].y, TEMP[0].xxxx\n"
                                   "END\n");
   EXPECT_HAS(out, "MUL TEMP[1], TEMP[0], TEMP[0]");
   for (const char *component : {"x", "y", "z", "w"})
      EXPECT_HAS(out, std::string("MOV OUT[0].") + component + ", TEMP[1]");
   EXPECT_HAS(out, "MOV TEMP[1], TEMP[0].yxxx");
   EXPECT_HAS(out, "MOV OUT[1].y, TEMP[1]");
   EXPECT_LACKS(out, "OUT[1].z");
   EXPECT_HAS(out, "MOV OUT[0].y, TEMP[0].xxxx");
}

// ---------------------------------------------------------------- from NIR

namespace {

class Translation : public ::testing::Test {
protected:
   static void SetUpTestSuite() { glsl_type_singleton_init_or_ref(); }
   static void TearDownTestSuite() { glsl_type_singleton_decref(); }

   Translation() : screen_(test_screen(able_caps())) {}

   const nir_shader_compiler_options *options(pipe_shader_type stage)
   {
      return static_cast<const nir_shader_compiler_options *>(
         screen_->base.get_compiler_options(&screen_->base, PIPE_SHADER_IR_NIR, stage));
   }

   std::unique_ptr<Screen> screen_;
};

// out = in * constant, as a vertex shader.
nir_shader *scale_shader(const nir_shader_compiler_options *options)
{
   nir_builder b = nir_builder_init_simple_shader(MESA_SHADER_VERTEX, options, "scale");
   nir_variable *in = nir_variable_create(b.shader, nir_var_shader_in, glsl_vec4_type(), "in");
   in->data.location = VERT_ATTRIB_GENERIC0;
   in->data.driver_location = 0;
   nir_variable *out = nir_variable_create(b.shader, nir_var_shader_out, glsl_vec4_type(), "out");
   out->data.location = VARYING_SLOT_POS;
   out->data.driver_location = 0;
   nir_ssa_def *scaled = nir_fmul(&b, nir_load_var(&b, in), nir_imm_float(&b, 3.0f));
   nir_store_var(&b, out, scaled, 0xf);
   nir_shader_gather_info(b.shader, nir_shader_get_entrypoint(b.shader));
   return b.shader;
}

} // namespace

TEST_F(Translation, OfAVertexShader)
{
   pipe_shader_state state{};
   state.type = PIPE_SHADER_IR_NIR;
   state.ir.nir = scale_shader(options(PIPE_SHADER_VERTEX));
   state.stream_output.num_outputs = 1;
   state.stream_output.stride[0] = 4;
   ShaderText text;
   ASSERT_TRUE(shader_translate(*screen_, PIPE_SHADER_VERTEX, state, text));
   EXPECT_HAS(text.text, "VERT\n");
   EXPECT_HAS(text.text, "OUT[0], POSITION");
   EXPECT_HAS(text.text, "MUL");
   EXPECT_LACKS(text.text, "SEPARABLE");
   EXPECT_EQ(text.stream_output.num_outputs, 1u);
   EXPECT_EQ(text.stream_output.stride[0], 4u);
   parse(text.text, text.num_tokens + 1);
}

TEST_F(Translation, WithoutClipPlanesWhereThereMayBeNone)
{
   // Whether the shader is made so, by what it has.
   const auto made = [&](const Screen &screen, int location, unsigned captured) {
      pipe_shader_state state{};
      state.type = PIPE_SHADER_IR_NIR;
      state.stream_output.num_outputs = captured;
      nir_shader *nir = scale_shader(options(PIPE_SHADER_VERTEX));
      nir->info.outputs_written |= BITFIELD64_BIT(location);
      state.ir.nir = nir;
      ShaderText text;
      EXPECT_TRUE(shader_translate(screen, PIPE_SHADER_VERTEX, state, text));
      EXPECT_EQ(text.no_clip_planes, has(text.text, "CLIPDIST")) << text.text;
      return text.no_clip_planes;
   };
   EXPECT_TRUE(made(*screen_, VARYING_SLOT_POS, 0));
   EXPECT_TRUE(made(*screen_, VARYING_SLOT_COL0, 0));
   EXPECT_FALSE(made(*screen_, VARYING_SLOT_POS, 1));
   EXPECT_FALSE(made(*screen_, VARYING_SLOT_CLIP_VERTEX, 0));
   EXPECT_FALSE(made(*screen_, VARYING_SLOT_CULL_DIST0, 0));
   proto::Caps caps = able_caps();
   caps.bset &= ~proto::feature::has_cull;
   EXPECT_FALSE(made(*test_screen(caps), VARYING_SLOT_POS, 0));
}

TEST_F(Translation, OfASeparableShader)
{
   nir_shader *nir = scale_shader(options(PIPE_SHADER_VERTEX));
   nir->info.separate_shader = true;
   nir->info.internal = false;
   pipe_shader_state state{};
   state.type = PIPE_SHADER_IR_NIR;
   state.ir.nir = nir;
   ShaderText text;
   ASSERT_TRUE(shader_translate(*screen_, PIPE_SHADER_VERTEX, state, text));
   EXPECT_HAS(text.text, "PROPERTY SEPARABLE_PROGRAM 1");
}

TEST_F(Translation, OfTgsiBorrowsTheTokens)
{
   const auto tokens = parse("FRAG\nDCL OUT[0], COLOR\nIMM[0] FLT32 {1.0, 0.5, 0.1, 0.0}\n"
                             "MOV OUT[0], IMM[0]\nEND\n");
   pipe_shader_state state{};
   state.type = PIPE_SHADER_IR_TGSI;
   state.tokens = tokens.data();
   ShaderText text;
   ASSERT_TRUE(shader_translate(*screen_, PIPE_SHADER_FRAGMENT, state, text));
   EXPECT_HAS(text.text, "0x3dcccccd"); // 0.1, without a loss
}

TEST_F(Translation, OfAComputeShaderTellsItsSharedMemory)
{
   nir_builder b =
      nir_builder_init_simple_shader(MESA_SHADER_COMPUTE, options(PIPE_SHADER_COMPUTE), "shared");
   b.shader->info.workgroup_size[0] = 4;
   b.shader->info.workgroup_size[1] = b.shader->info.workgroup_size[2] = 1;
   b.shader->info.shared_size = 128;
   nir_control_barrier(&b);
   pipe_compute_state state{};
   state.ir_type = PIPE_SHADER_IR_NIR;
   state.prog = b.shader;
   ShaderText text;
   ASSERT_TRUE(shader_translate(*screen_, state, text));
   EXPECT_EQ(text.shared_bytes, 128u);
   EXPECT_HAS(text.text, "COMP\n");
   EXPECT_HAS(text.text, "CS_FIXED_BLOCK_WIDTH 4");
   EXPECT_HAS(text.text, "BARRIER");
   // Of which parsers make one token more than the translator did.
   parse(text.text, text.num_tokens + 1);
}

namespace {

// A compute shader that writes what its group answers into a buffer, to be built by `questions`.
template <typename Questions>
std::string group_text(const proto::Caps &caps, Questions questions)
{
   const auto screen = test_screen(caps);
   const auto *options = static_cast<const nir_shader_compiler_options *>(
      screen->base.get_compiler_options(&screen->base, PIPE_SHADER_IR_NIR, PIPE_SHADER_COMPUTE));
   nir_builder b = nir_builder_init_simple_shader(MESA_SHADER_COMPUTE, options, "group");
   b.shader->info.workgroup_size[0] = 4;
   b.shader->info.workgroup_size[1] = b.shader->info.workgroup_size[2] = 1;
   b.shader->info.num_ssbos = 1;
   const auto load = [&](unsigned at) {
      _nir_load_ssbo_indices indices{};
      indices.align_mul = 4;
      return _nir_build_load_ssbo(&b, 1, 32, nir_imm_int(&b, 0), nir_imm_int(&b, int(at)), indices);
   };
   _nir_store_ssbo_indices indices{};
   indices.write_mask = 1;
   indices.align_mul = 4;
   nir_ssa_def *answer = questions(&b, load);
   _nir_build_store_ssbo(&b, answer, nir_imm_int(&b, 0), nir_imm_int(&b, 64), indices);
   nir_lower_int64(b.shader); // as the frontend does, by our options
   pipe_compute_state state{};
   state.ir_type = PIPE_SHADER_IR_NIR;
   state.prog = b.shader;
   ShaderText text;
   EXPECT_TRUE(shader_translate(*screen, state, text));
   return text.text;
}

proto::Caps without_votes()
{
   proto::Caps c = able_caps();
   c.capability_bits_v2 &= ~proto::cap2::group_vote;
   return c;
}

} // namespace

TEST_F(Translation, OfVotesAsksTheHostOnlyIfItCanVote)
{
   const auto votes = [](nir_builder *b, auto load) {
      nir_ssa_def *mine = nir_ilt(b, load(0), load(4));
      return nir_iadd(b, nir_b2i32(b, nir_vote_any(b, 1, mine)),
                      nir_iadd(b, nir_b2i32(b, nir_vote_all(b, 1, mine)),
                               nir_b2i32(b, nir_vote_ieq(b, 1, mine))));
   };
   const std::string asks = group_text(able_caps(), votes);
   EXPECT_HAS(asks, "VOTE_ANY");
   EXPECT_HAS(asks, "VOTE_ALL");
   EXPECT_HAS(asks, "VOTE_EQ");
   const std::string knows = group_text(without_votes(), votes);
   EXPECT_LACKS(knows, "VOTE");
   EXPECT_HAS(knows, "ISLT"); // the invocation's own vote
}

TEST_F(Translation, OfBallotsHasGroupsOfOne)
{
   // The host's group for votes would not be that of ballots.
   const std::string text = group_text(able_caps(), [](nir_builder *b, auto load) {
      nir_ssa_def *mine = nir_ilt(b, load(0), load(4));
      nir_ssa_def *ballot = nir_unpack_64_2x32_split_x(b, nir_ballot(b, 1, 64, mine));
      nir_ssa_def *read = nir_read_invocation(b, load(8), load(12));
      return nir_iadd(b, nir_iadd(b, ballot, read), nir_b2i32(b, nir_vote_any(b, 1, mine)));
   });
   EXPECT_LACKS(text, "VOTE");
   EXPECT_LACKS(text, "BALLOT");
   EXPECT_LACKS(text, "READ_INVOC");
}

TEST_F(Translation, OfAGroupsNumbersMakesThemConstant)
{
   const std::string text = group_text(able_caps(), [](nir_builder *b, auto) {
      nir_ssa_def *sum = nir_iadd(b, nir_imul_imm(b, nir_load_subgroup_size(b), 100),
                                  nir_load_subgroup_invocation(b));
      const auto add = [&](nir_ssa_def *mask, int weight) {
         sum = nir_iadd(b, sum, nir_imul_imm(b, nir_unpack_64_2x32_split_x(b, mask), weight));
      };
      add(nir_load_subgroup_eq_mask(b, 1, 64), 1000);
      add(nir_load_subgroup_ge_mask(b, 1, 64), 10000);
      add(nir_load_subgroup_le_mask(b, 1, 64), 100000);
      add(nir_load_subgroup_gt_mask(b, 1, 64), 1000000);
      add(nir_load_subgroup_lt_mask(b, 1, 64), 1000000);
      return sum;
   });
   EXPECT_LACKS(text, "SUBGROUP");
   EXPECT_HAS(text, "111100"); // folded
}

TEST_F(Translation, OfAtomicsOfFloatsLoops)
{
   for (nir_intrinsic_op op : {nir_intrinsic_ssbo_atomic_fmin, nir_intrinsic_ssbo_atomic_fmax,
                               nir_intrinsic_ssbo_atomic_fcomp_swap}) {
      const bool swap = op == nir_intrinsic_ssbo_atomic_fcomp_swap;
      const std::string text = group_text(able_caps(), [&](nir_builder *b, auto load) {
         nir_intrinsic_instr *atomic = nir_intrinsic_instr_create(b->shader, op);
         atomic->src[0] = nir_src_for_ssa(nir_imm_int(b, 0));
         atomic->src[1] = nir_src_for_ssa(nir_imm_int(b, 16));
         atomic->src[2] = nir_src_for_ssa(load(0));
         if (swap)
            atomic->src[3] = nir_src_for_ssa(load(4));
         nir_ssa_dest_init(&atomic->instr, &atomic->dest, 1, 32, nullptr);
         nir_builder_instr_insert(b, &atomic->instr);
         return &atomic->dest.ssa;
      });
      EXPECT_HAS(text, "BGNLOOP");
      EXPECT_HAS(text, "ATOMCAS");
      EXPECT_LACKS(text, "ATOMF");
      EXPECT_HAS(text, op == nir_intrinsic_ssbo_atomic_fmin   ? "MIN"
                       : op == nir_intrinsic_ssbo_atomic_fmax ? "MAX"
                                                              : "FSNE");
   }
}

TEST_F(Translation, OfLongIntegersUsesShortOnes)
{
   const std::string text = group_text(able_caps(), [](nir_builder *b, auto load) {
      nir_ssa_def *a = nir_pack_64_2x32_split(b, load(0), load(4));
      nir_ssa_def *c = nir_pack_64_2x32_split(b, load(8), load(12));
      nir_ssa_def *v = nir_iadd(b, nir_imul(b, a, c), nir_idiv(b, a, nir_ishl(b, c, load(16))));
      return nir_unpack_64_2x32_split_y(b, v);
   });
   EXPECT_LACKS(text, "U64");
   EXPECT_LACKS(text, "I64");
}
