// SPDX-License-Identifier: MIT
// Variants of shaders: what is rewritten, and that nothing else is.
#include "gallium/drivers/virgl/shader_tgsi.hpp"
#include "gallium/drivers/virgl/shader_variant.hpp"

#include "tgsi/tgsi_text.h"

#include <gtest/gtest.h>

using namespace virgl;

namespace {

// The variant's text, which the host's parser must be able to read into the tokens that it is told.
std::string variant(const std::string &text, const ShaderKey &key,
                    pipe_shader_type stage = PIPE_SHADER_FRAGMENT)
{
   std::vector<tgsi_token> tokens(4096);
   EXPECT_TRUE(tgsi_text_translate(text.c_str(), tokens.data(), unsigned(tokens.size()))) << text;
   ShaderText base, out;
   base.text = to_text(tokens.data());
   base.num_tokens = parsed_tokens(tokens.data());
   base.shared_bytes = 12;
   base.stream_output.num_outputs = 3;
   EXPECT_TRUE(shader_variant(base, stage, key, out));
   EXPECT_EQ(out.shared_bytes, 12u);
   EXPECT_EQ(out.stream_output.num_outputs, 3u);
   std::vector<tgsi_token> again(out.num_tokens + 1);
   EXPECT_TRUE(tgsi_text_translate(out.text.c_str(), again.data(), unsigned(again.size())));
   EXPECT_EQ(to_text(again.data()), out.text);
   return out.text;
}

std::string fragment(const std::string &instruction)
{
   return "FRAG\n"
          "DCL IN[0], GENERIC[0], PERSPECTIVE\n"
          "DCL OUT[0], COLOR\n"
          "DCL SAMP[0..2]\n"
          "DCL SVIEW[0], 2D, FLOAT\n"
          "DCL SVIEW[1], RECT, FLOAT\n"
          "DCL SVIEW[2], SHADOW2D_ARRAY, FLOAT\n"
          "DCL TEMP[0..1]\n"
          "IMM[0] FLT32 {1.0, 2.0, 3.0, 4.0}\n" +
          instruction + "\nEND\n";
}

ShaderKey clamping(uint32_t s, uint32_t t = 0, uint32_t r = 0, uint32_t graded = 0)
{
   ShaderKey key;
   key.clamped = {s, t, r};
   key.graded = graded;
   return key;
}

#define EXPECT_HAS(text, part) EXPECT_NE(text.find(part), std::string::npos) << text
#define EXPECT_LACKS(text, part) EXPECT_EQ(text.find(part), std::string::npos) << text

} // namespace

TEST(Variant, ClampsTheAxesOfASampler)
{
   const std::string out =
      variant(fragment("TEX OUT[0], IN[0].yxxx, SAMP[0], 2D\n"
                       "TEX TEMP[0], IN[0], SAMP[1], 2D"), clamping(1, 1));
   EXPECT_HAS(out, "DCL TEMP[2..5]");
   EXPECT_HAS(out, "MOV TEMP[2], IN[0].yxxx");
   EXPECT_HAS(out, "MAX TEMP[2].xy, TEMP[2], IMM[1].xxxx");
   EXPECT_HAS(out, "MIN TEMP[2].xy, TEMP[2], IMM[1].yyyy");
   EXPECT_HAS(out, "0x3f7fffff");
   EXPECT_HAS(out, "TEX OUT[0], TEMP[2], SAMP[0], 2D");
   EXPECT_HAS(out, "TEX TEMP[0], IN[0], SAMP[1], 2D");
   EXPECT_HAS(variant(fragment("TEX OUT[0], IN[0], SAMP[0], 2D"), clamping(0, 1)),
              "MAX TEMP[2].y, TEMP[2], IMM[1].xxxx");
   // The third coordinate of a plane is no axis.
   EXPECT_LACKS(variant(fragment("TEX OUT[0], IN[0], SAMP[0], 2D"), clamping(0, 0, 1)), "MAX");
   EXPECT_HAS(variant(fragment("TEX OUT[0], IN[0], SAMP[0], 3D"), clamping(0, 0, 1)),
              "MAX TEMP[2].z");
}

TEST(Variant, LeavesWhatDoesNotWrap)
{
   for (const char *inst : {"TEX OUT[0], IN[0], SAMP[0], CUBE", "TXF OUT[0], IN[0], SAMP[0], 2D",
                            "TXQ OUT[0], IN[0], SAMP[0], 2D", "LODQ OUT[0], IN[0], SAMP[0], 2D",
                            "MUL OUT[0], IN[0], IN[0]"}) {
      const std::string out = variant(fragment(inst), clamping(~0u, ~0u, ~0u, ~0u));
      EXPECT_HAS(out, inst);
      EXPECT_LACKS(out, "IMM[1]");
      EXPECT_LACKS(out, "TEMP[2");
   }
}

TEST(Variant, ClampsRectanglesToTheirSize)
{
   const std::string out =
      variant(fragment("TEX OUT[0], IN[0], SAMP[1], RECT"), clamping(2, 2));
   EXPECT_HAS(out, "TXQ TEMP[5].xy, IMM[1].xxxx, SAMP[1], RECT");
   EXPECT_HAS(out, "I2F TEMP[5].xy, TEMP[5]");
   EXPECT_HAS(out, "MUL TEMP[5].xy, TEMP[5], IMM[1].yyyy");
   EXPECT_HAS(out, "MIN TEMP[2].xy, TEMP[2], TEMP[5]");
}

TEST(Variant, ProjectsBeforeItClamps)
{
   const std::string out = variant(fragment("TXP OUT[0], IN[0], SAMP[0], 2D"), clamping(1));
   EXPECT_HAS(out, "RCP TEMP[2].w, TEMP[2].wwww");
   EXPECT_HAS(out, "MUL TEMP[2].xyz, TEMP[2], TEMP[2].wwww");
   EXPECT_HAS(out, "MAX TEMP[2].x, ");
   EXPECT_HAS(out, "TEX OUT[0], TEMP[2], SAMP[0], 2D");
}

TEST(Variant, KeepsTheDerivativesOfWhatWasThere)
{
   std::string out = variant(fragment("TEX OUT[0], IN[0], SAMP[0], 2D"), clamping(1, 1, 0, 1));
   EXPECT_HAS(out, "DDX TEMP[3].xyz, TEMP[2]");
   EXPECT_HAS(out, "DDY TEMP[4].xyz, TEMP[2]");
   EXPECT_LT(out.find("DDY"), out.find("MAX"));
   EXPECT_HAS(out, "TXD OUT[0], TEMP[2], TEMP[3], TEMP[4], SAMP[0], 2D");
   out = variant(fragment("TXB OUT[0], IN[0], SAMP[0], 2D"), clamping(1, 1, 0, 1));
   EXPECT_HAS(out, "EX2 TEMP[5].x, TEMP[2].wwww");
   EXPECT_HAS(out, "MUL TEMP[4].xyz, TEMP[4], TEMP[5].xxxx");
   EXPECT_HAS(out, "TXD OUT[0], TEMP[2], TEMP[3], TEMP[4], SAMP[0], 2D");
   out = variant(fragment("TXB2 OUT[0], IN[0], IN[0].yyyy, SAMP[2], SHADOW2D_ARRAY"),
                 clamping(4, 4, 0, 4));
   EXPECT_HAS(out, "EX2 TEMP[5].x, IN[0].yyyy");
   EXPECT_HAS(out, "TXD OUT[0], TEMP[2], TEMP[3], TEMP[4], SAMP[2], SHADOW2D_ARRAY");
   // These say the level themselves.
   for (const char *inst : {"TXL OUT[0], TEMP[2], SAMP[0], 2D",
                            "TXD OUT[0], TEMP[2], IN[0], IN[0], SAMP[0], 2D",
                            "TG4 OUT[0], TEMP[2], IMM[0].xxxx, SAMP[0], 2D"}) {
      std::string before = inst;
      before.replace(before.find("TEMP[2]"), 7, "IN[0]");
      out = variant(fragment(before), clamping(1, 1, 0, 1));
      EXPECT_HAS(out, inst);
      EXPECT_HAS(out, "MAX TEMP[2].xy");
      EXPECT_LACKS(out, "DDX");
   }
   // Vertices have no neighbours.
   out = variant("VERT\n"
                 "DCL IN[0]\n"
                 "DCL OUT[0], POSITION\n"
                 "DCL SAMP[0]\n"
                 "DCL SVIEW[0], 2D, FLOAT\n"
                 "TEX OUT[0], IN[0], SAMP[0], 2D\n"
                 "END\n",
                 clamping(1, 1, 0, 1), PIPE_SHADER_VERTEX);
   EXPECT_HAS(out, "TEX OUT[0], TEMP[0], SAMP[0], 2D");
   EXPECT_HAS(out, "IMM[0]");
   EXPECT_LACKS(out, "DDX");
}

TEST(Variant, KeepsOffsets)
{
   const std::string out = variant(
      "FRAG\n"
      "DCL IN[0], GENERIC[0], PERSPECTIVE\n"
      "DCL OUT[0], COLOR\n"
      "DCL SAMP[0]\n"
      "DCL SVIEW[0], 2D, FLOAT\n"
      "IMM[0] INT32 {1, 2, 0, 0}\n"
      "TEX OUT[0], IN[0], SAMP[0], 2D, IMM[0].xyx\n"
      "END\n",
      clamping(1, 0, 0, 1));
   EXPECT_HAS(out, "TXD OUT[0], TEMP[0], TEMP[1], TEMP[2], SAMP[0], 2D, IMM[0].xyx");
}

TEST(Variant, RefusesWhatIsNoShader)
{
   ShaderText base, out;
   base.text = "FRAG\nNONSENSE\n";
   EXPECT_FALSE(shader_variant(base, PIPE_SHADER_FRAGMENT, clamping(1), out));
}

TEST(Variant, MovesSlots)
{
   ShaderKey key;
   key.buffer_base = 5;
   key.image_base = 2;
   const std::string out = variant("FRAG\n"
                                   "DCL IN[0], GENERIC[0], PERSPECTIVE\n"
                                   "DCL OUT[0], COLOR\n"
                                   "DCL BUFFER[0]\n"
                                   "DCL BUFFER[3]\n"
                                   "DCL IMAGE[1], 2D, PIPE_FORMAT_R32_UINT, WR\n"
                                   "DCL TEMP[0]\n"
                                   "LOAD TEMP[0].x, BUFFER[3], IN[0].xxxx\n"
                                   "STORE BUFFER[0].x, IN[0].xxxx, TEMP[0].xxxx\n"
                                   "ATOMUADD TEMP[0].x, BUFFER[0], IN[0].xxxx, TEMP[0].xxxx\n"
                                   "STORE IMAGE[1], IN[0], TEMP[0], 2D, PIPE_FORMAT_R32_UINT\n"
                                   "END\n",
                                   key);
   EXPECT_HAS(out, "DCL BUFFER[5]");
   EXPECT_HAS(out, "DCL BUFFER[8]");
   EXPECT_HAS(out, "DCL IMAGE[3], 2D");
   EXPECT_HAS(out, "LOAD TEMP[0].x, BUFFER[8], IN[0].xxxx");
   EXPECT_HAS(out, "STORE BUFFER[5].x, IN[0].xxxx, TEMP[0].xxxx");
   EXPECT_HAS(out, "ATOMUADD TEMP[0].x, BUFFER[5], IN[0].xxxx, TEMP[0].xxxx");
   EXPECT_HAS(out, "STORE IMAGE[3], IN[0], TEMP[0], 2D, PIPE_FORMAT_R32_UINT");
   EXPECT_LACKS(out, "IMM");
}

TEST(Variant, AddsTheFirstLayer)
{
   ShaderKey key;
   key.layers[1] = {4, 12};
   const auto with = [&](const std::string &target, const std::string &instruction) {
      return variant("FRAG\n"
                     "DCL IN[0], GENERIC[0], PERSPECTIVE\n"
                     "DCL OUT[0], COLOR\n"
                     "DCL IMAGE[0], " + target + ", PIPE_FORMAT_R32_UINT, WR\n"
                     "DCL IMAGE[1], " + target + ", PIPE_FORMAT_R32_UINT, WR\n"
                     "DCL TEMP[0]\n"
                     "IMM[0] UINT32 {1, 2, 3, 1}\n" +
                     instruction + ", " + target + ", PIPE_FORMAT_R32_UINT\nEND\n",
                     key);
   };
   std::string out = with("2D_ARRAY", "LOAD TEMP[0], IMAGE[1], IN[0]");
   EXPECT_HAS(out, "IMM[1] UINT32 {4, 12, 2, 0}");
   EXPECT_HAS(out, "MOV TEMP[1], IN[0]");
   EXPECT_HAS(out, "UADD TEMP[1].z, TEMP[1], IMM[1].xxxx");
   EXPECT_HAS(out, "LOAD TEMP[0], IMAGE[1], TEMP[1], 2D_ARRAY");
   EXPECT_LACKS(out, "I2F");
   out = with("1D_ARRAY", "STORE IMAGE[1], IN[0], TEMP[0]");
   EXPECT_HAS(out, "UADD TEMP[1].y, TEMP[1], IMM[1].xxxx");
   EXPECT_HAS(out, "STORE IMAGE[1], TEMP[1], TEMP[0], 1D_ARRAY");
   EXPECT_HAS(with("CUBE", "ATOMUADD TEMP[0].x, IMAGE[1], IN[0], TEMP[0].xxxx"),
              "ATOMUADD TEMP[0].x, IMAGE[1], TEMP[1], TEMP[0].xxxx");
   // Sizes count the view's layers, or its cubes.
   EXPECT_HAS(with("2D_ARRAY", "RESQ TEMP[0].xyz, IMAGE[1]"), "MOV TEMP[0].z, IMM[1].yyyy");
   EXPECT_HAS(with("CUBEARRAY", "RESQ TEMP[0].xyz, IMAGE[1]"), "MOV TEMP[0].z, IMM[1].zzzz");
   EXPECT_LACKS(with("2D_ARRAY", "RESQ TEMP[0].xy, IMAGE[1]"), "MOV");
   // The other image, and what has no layers, stay as they are.
   EXPECT_LACKS(with("2D_ARRAY", "LOAD TEMP[0], IMAGE[0], IN[0]"), "UADD");
   EXPECT_LACKS(with("3D", "LOAD TEMP[0], IMAGE[1], IN[0]"), "UADD");
   EXPECT_HAS(with("2D_ARRAY_MSAA", "LOAD TEMP[0], IMAGE[1], IMM[0]"), "I2F TEMP[1].w, TEMP[1]");
}

TEST(Variant, ClipsWithPlanesAgain)
{
   const std::string body = "DCL IN[0]\n"
                            "DCL OUT[0], POSITION\n";
   const std::string end = "  0: MOV OUT[0], IN[0]\n"
                           "  1: END\n";
   ShaderKey key;
   key.clip_planes = true;
   EXPECT_EQ(variant("VERT\n" + body +
                        "DCL OUT[1].x, CLIPDIST\n" + end,
                     key, PIPE_SHADER_VERTEX),
             "VERT\n" + body + end);
}
