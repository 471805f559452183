// SPDX-License-Identifier: MIT
// What the driver gives beyond stock virgl: 64-bit integers, votes and ballots, fetches of the
// framebuffer, advanced blending.
#include "scene.hpp"

namespace render {
namespace {

void int64(Test &t)
{
   if (!t.need("GL_ARB_gpu_shader_int64"))
      return;
   static constexpr const char *expressions[] = {
      "a * b + 7L",
      "a / (b | 1L)",
      "a % (b | 1L)",
      "(a << int(b & 63L)) ^ (b >> 3)",
      "~a & (b | 5L)",
      "int64_t(uint64_t(a) * 0x9e3779b97f4a7c15UL >> 24)",
      "int64_t(uint64_t(a) / 1234567UL)",
      "abs(a - b) + sign(b)",
      "max(min(a, 20L), b - 10L)",
      "a > b ? 200L : -a",
      "int64_t(uint64_t(a) % uint64_t(b | 3L))",
      "int64_t(float(a) * 0.37)",
      "int64_t(double(b) / 3.0LF)",
      "packInt2x32(unpackInt2x32(a).yx)",
      "a == b || a >= 5L ? 1L << 40 : b << 32",
      "i64vec2(a, b).y - k",
   };
   t.clear({0, 0, 0});
   int i = 0;
   for (const char *expression : expressions) {
      const GLuint program = t.quad_program(
         std::string("#extension GL_ARB_gpu_shader_int64 : require\n"
                     "#extension GL_ARB_gpu_shader_fp64 : require\n"
                     "uniform int64_t k;\n"
                     "void main() { int64_t a = (int64_t(uv.x * 61.0) - 30L) * 0x1234567abcL;\n"
                     "int64_t b = int64_t(uv.y * 61.0) * k; int64_t v = ") +
         expression +
         ";\nresult = vec4(float(v & 255L), float((v >> 19) & 255L), float((v >> 37) & 255L),\n"
         "v < 0L ? 255.0 : 100.0) / 255.0; }\n");
      glUniform1i64ARB(glGetUniformLocation(program, "k"), 0x30000000fll);
      t.tile(i++);
      t.rect();
   }
}

// The groups of two drivers differ, so only what is the same in all of them is looked at. Reads
// of other invocations are left out: llvmpipe dies of them ("LLVM ERROR: Cannot select").
void groups(Test &t)
{
   if (!t.need("GL_ARB_shader_group_vote") || !t.need("GL_ARB_shader_ballot"))
      return;
   static constexpr const char *tests[] = {
      "anyInvocationARB(uv.x > -1.0)",
      "!allInvocationsARB(uv.x < -1.0)",
      "allInvocationsEqualARB(k == 3)",
      "!anyInvocationARB(uv.y > 2.0)",
      "!mine || anyInvocationARB(mine)",
      "mine || !allInvocationsARB(mine)",
      "((ballotARB(mine) >> gl_SubGroupInvocationARB) & 1UL) == (mine ? 1UL : 0UL)",
      "ballotARB(false) == 0UL",
      "gl_SubGroupInvocationARB < gl_SubGroupSizeARB",
      "gl_SubGroupEqMaskARB == 1UL << gl_SubGroupInvocationARB",
      "(gl_SubGroupGeMaskARB & gl_SubGroupLeMaskARB) == gl_SubGroupEqMaskARB",
      "((gl_SubGroupGtMaskARB | gl_SubGroupLtMaskARB) & gl_SubGroupEqMaskARB) == 0UL",
      "(gl_SubGroupLtMaskARB | gl_SubGroupEqMaskARB) == gl_SubGroupLeMaskARB",
      "(ballotARB(true) & gl_SubGroupEqMaskARB) != 0UL",
   };
   t.clear({0, 0, 0});
   int i = 0;
   for (const char *test : tests) {
      const GLuint program =
         t.quad_program(std::string("#extension GL_ARB_gpu_shader_int64 : require\n"
                                    "#extension GL_ARB_shader_group_vote : require\n"
                                    "#extension GL_ARB_shader_ballot : require\n"
                                    "uniform int k;\n"
                                    "void main() { bool mine = fract(uv.x * 9.0) > uv.y;\n"
                                    "bool right = ") +
                        test +
                        ";\nresult = vec4(right ? 0.0 : 1.0, right ? 1.0 : 0.0,\n"
                        "mine ? 0.8 : 0.2, 1.0); }\n");
      glUniform1i(glGetUniformLocation(program, "k"), 3);
      t.tile(i++);
      t.rect();
   }
}

// Rectangles upon each other, each of a size and a place of its own.
void overlapping(Test &t, int count, void (*between)() = nullptr)
{
   for (int i = 0; i < count; i++) {
      const float x = -0.95f + 0.1f * static_cast<float>(i),
                  y = -0.9f + 0.07f * static_cast<float>(i);
      t.rect(x, y, x + 1.1f, y + 1.2f);
      if (between)
         between();
   }
}

void framebuffer_fetch(Test &t)
{
   if (!t.need("GL_EXT_shader_framebuffer_fetch"))
      return;
   static constexpr const char *bodies[] = {
      "result = vec4(result.gbr * 0.7 + vec3(uv, 0.2) * 0.3, 1.0);",
      "if (result.r > 0.35) discard; result.rg += vec2(0.2, 0.1);",
      "result = vec4(abs(result.rgb - vec3(uv.yx, uv.x)), 1.0);",
      "vec4 was = result; result = vec4(0.5); result = vec4(was.rgb * was.a * result.g + 0.1, "
      "0.9);",
   };
   t.clear({0.3f, 0.5f, 0.2f});
   const char *const vertex = "in vec3 position; in vec2 texcoord; out vec2 uv;\n"
                              "void main() { uv = texcoord; gl_Position = vec4(position, 1.0); }\n";
   const std::string head = "#extension GL_EXT_shader_framebuffer_fetch : require\nin vec2 uv;\n";
   int i = 0;
   for (const char *body : bodies) {
      t.program(vertex, head + "inout vec4 result;\nvoid main() { " + body + " }\n");
      t.tile(i++, 3);
      overlapping(t, 6);
   }
   // Two buffers, of which one is of integers; each is made from both.
   const GLuint first = t.texture_2d(GL_RGBA8, 64, 64, GL_RGBA, GL_UNSIGNED_BYTE, nullptr);
   const GLuint second = t.texture_2d(GL_R32UI, 64, 64, GL_RED_INTEGER, GL_UNSIGNED_INT, nullptr);
   t.framebuffer(first);
   glFramebufferTexture2D(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT1, GL_TEXTURE_2D, second, 0);
   const GLenum buffers[] = {GL_COLOR_ATTACHMENT0, GL_COLOR_ATTACHMENT1};
   glDrawBuffers(2, buffers);
   t.check_framebuffer();
   glViewport(0, 0, 64, 64);
   const float grey[] = {0.4f, 0.3f, 0.2f, 1.0f};
   const GLuint seven[] = {7, 0, 0, 0};
   glClearBufferfv(GL_COLOR, 0, grey);
   glClearBufferuiv(GL_COLOR, 1, seven);
   t.program(vertex, head +
                        "layout(location = 0) inout vec4 a;\nlayout(location = 1) inout uint b;\n"
                        "void main() { b = b * 5u + uint(a.r * 255.0) + uint(uv.x * 9.0);\n"
                        "a = vec4(a.gb * 0.8, float(b & 255u) / 255.0, 1.0); }\n");
   overlapping(t, 5);
   t.bind_canvas();
   t.tile(4, 3);
   t.show(first);
   t.tile(5, 3);
   t.quad_program("uniform usampler2D tex;\nvoid main() { uint v = texture(tex, uv).r;\n"
                  "result = vec4(float(v & 255u), float(v >> 8 & 255u), 64.0, 255.0) / 255.0; }\n");
   glBindTexture(GL_TEXTURE_2D, second);
   t.rect();
}

void blend_all(Test &t, void (*between)())
{
   static constexpr GLenum equations[] = {
      GL_MULTIPLY_KHR,       GL_SCREEN_KHR,     GL_OVERLAY_KHR,        GL_DARKEN_KHR,
      GL_LIGHTEN_KHR,        GL_COLORDODGE_KHR, GL_COLORBURN_KHR,      GL_HARDLIGHT_KHR,
      GL_SOFTLIGHT_KHR,      GL_DIFFERENCE_KHR, GL_EXCLUSION_KHR,      GL_HSL_HUE_KHR,
      GL_HSL_SATURATION_KHR, GL_HSL_COLOR_KHR,  GL_HSL_LUMINOSITY_KHR,
   };
   t.clear({0.7f, 0.4f, 0.2f, 0.8f});
   t.quad_program("#extension GL_KHR_blend_equation_advanced : require\n"
                  "layout(blend_support_all_equations) out;\n"
                  "void main() { result = vec4(vec3(uv, 1.0 - uv.x) * 0.75, 0.75); }\n");
   int i = 0;
   glEnable(GL_BLEND);
   for (GLenum equation : equations) {
      glBlendEquation(equation);
      t.tile(i++);
      overlapping(t, 4, between);
   }
   glBlendEquation(GL_FUNC_ADD); // and back
   glBlendFunc(GL_ONE, GL_ONE_MINUS_SRC_ALPHA);
   t.tile(i);
   overlapping(t, 4);
   glDisable(GL_BLEND);
}

void advanced_blend(Test &t)
{
   if (t.need("GL_KHR_blend_equation_advanced_coherent"))
      blend_all(t, nullptr);
}

// As it is on hosts that blend by themselves, without fetches.
void advanced_blend_barriers(Test &t)
{
   if (!t.need("GL_KHR_blend_equation_advanced"))
      return;
   if (epoxy_has_gl_extension("GL_KHR_blend_equation_advanced_coherent"))
      glDisable(GL_BLEND_ADVANCED_COHERENT_KHR);
   blend_all(t, [] { glBlendBarrierKHR(); });
}

constexpr Scene table[] = {
   {"extension-int64", Api::core, int64},
   {"extension-groups", Api::core, groups},
   {"extension-framebuffer-fetch", Api::core, framebuffer_fetch},
   {"extension-advanced-blend", Api::core, advanced_blend},
   {"extension-advanced-blend-barriers", Api::core, advanced_blend_barriers},
};

} // namespace

std::span<const Scene> extension_scenes()
{
   return table;
}

} // namespace render
