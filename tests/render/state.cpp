// SPDX-License-Identifier: MIT
// Per-fragment state: blending, logic operations, stencil, depth, masks, scissor, viewports.
#include "scene.hpp"

namespace render {
namespace {

void gradient(Test &t)
{
   t.quad_program("void main() { result = vec4(uv, 1.0 - uv.x, uv.y * 0.8 + 0.1); }\n");
   t.rect();
}

void blend_functions(Test &t)
{
   static constexpr GLenum factors[] = {
      GL_ZERO, GL_ONE, GL_SRC_COLOR, GL_ONE_MINUS_SRC_COLOR, GL_DST_COLOR,
      GL_ONE_MINUS_DST_COLOR, GL_SRC_ALPHA, GL_ONE_MINUS_SRC_ALPHA, GL_DST_ALPHA,
      GL_ONE_MINUS_DST_ALPHA, GL_CONSTANT_COLOR, GL_ONE_MINUS_CONSTANT_COLOR, GL_CONSTANT_ALPHA,
      GL_ONE_MINUS_CONSTANT_ALPHA, GL_SRC_ALPHA_SATURATE};
   t.clear({0.3f, 0.6f, 0.4f, 0.7f});
   gradient(t);
   glEnable(GL_BLEND);
   glBlendColor(0.2f, 0.7f, 0.4f, 0.6f);
   t.use_flat({0.8f, 0.3f, 0.5f, 0.4f});
   int i = 0;
   for (GLenum source : factors) {
      for (GLenum target : factors) {
         glBlendFunc(source, target);
         const float x = -1.0f + 2.0f / 15 * static_cast<float>(i % 15);
         const float y = -1.0f + 2.0f / 15 * static_cast<float>(i / 15);
         t.rect(x, y, x + 0.11f, y + 0.11f);
         i++;
      }
   }
   glDisable(GL_BLEND);
}

void blend_equations(Test &t)
{
   t.clear({0.3f, 0.6f, 0.4f, 0.7f});
   gradient(t);
   glEnable(GL_BLEND);
   int i = 0;
   for (GLenum rgb : {GL_FUNC_ADD, GL_FUNC_SUBTRACT, GL_FUNC_REVERSE_SUBTRACT, GL_MIN, GL_MAX}) {
      for (GLenum alpha : {GL_FUNC_ADD, GL_FUNC_REVERSE_SUBTRACT, GL_MAX}) {
         glBlendEquationSeparate(rgb, alpha);
         glBlendFuncSeparate(GL_SRC_ALPHA, GL_ONE_MINUS_SRC_COLOR, GL_ONE, GL_DST_ALPHA);
         t.use_flat(colour(i));
         t.tile(i++);
         t.rect(-0.7f, -0.8f, 0.8f, 0.7f);
      }
   }
   glDisable(GL_BLEND);
}

void dual_source(Test &t)
{
   t.clear({0.3f, 0.6f, 0.4f, 0.7f});
   t.program("in vec3 position; in vec2 texcoord; out vec2 uv;\n"
             "void main() { uv = texcoord; gl_Position = vec4(position, 1.0); }\n",
             "in vec2 uv; layout(location = 0, index = 0) out vec4 first;\n"
             "layout(location = 0, index = 1) out vec4 second;\n"
             "void main() { first = vec4(uv, 0.5, 1.0); second = vec4(uv.yx, 0.8, 0.5); }\n");
   glEnable(GL_BLEND);
   int i = 0;
   for (GLenum factor : {GL_SRC1_COLOR, GL_ONE_MINUS_SRC1_COLOR, GL_SRC1_ALPHA,
                         GL_ONE_MINUS_SRC1_ALPHA}) {
      glBlendFunc(GL_ONE, factor);
      t.tile(i++, 2);
      t.rect();
   }
   glDisable(GL_BLEND);
}

void logic_operations(Test &t)
{
   t.clear({0.3f, 0.6f, 0.4f, 1});
   gradient(t);
   glEnable(GL_COLOR_LOGIC_OP);
   for (GLenum i = 0; i < 16; i++) {
      glLogicOp(GL_CLEAR + i);
      t.use_flat({0.7f, 0.3f, 0.55f, 1});
      t.tile(static_cast<int>(i));
      t.rect(-0.7f, -0.7f, 0.7f, 0.7f);
   }
   glDisable(GL_COLOR_LOGIC_OP);
}

void stencil(Test &t)
{
   static constexpr GLenum operations[] = {GL_KEEP, GL_ZERO, GL_REPLACE, GL_INCR,
                                           GL_INCR_WRAP, GL_DECR, GL_DECR_WRAP, GL_INVERT};
   t.clear({0, 0, 0});
   glEnable(GL_STENCIL_TEST);
   glClearStencil(2);
   glClear(GL_STENCIL_BUFFER_BIT);
   glColorMask(GL_FALSE, GL_FALSE, GL_FALSE, GL_FALSE);
   t.use_flat(colour(0));
   for (int i = 0; i < 8; i++) { // columns: what to do where the test passes
      glStencilFunc(GL_ALWAYS, 5, 0xff);
      glStencilOp(GL_KEEP, GL_KEEP, operations[i]);
      const float x = -1.0f + 0.25f * static_cast<float>(i);
      for (int k = 0; k < 3; k++)
         t.rect(x, -1, x + 0.2f, 0.6f - 0.3f * static_cast<float>(k));
      glStencilFunc(GL_LESS, 2, 0x3); // rows: where it fails
      glStencilOp(operations[7 - i], GL_KEEP, GL_KEEP);
      t.rect(x, -0.9f, x + 0.2f, -0.6f);
      glStencilMask(0x0c); // only some bits
      glStencilOp(GL_INVERT, GL_INVERT, GL_INVERT);
      t.rect(x, 0.4f, x + 0.2f, 0.8f);
      glStencilMask(0xff);
   }
   // Where depth fails.
   glEnable(GL_DEPTH_TEST);
   glStencilFunc(GL_ALWAYS, 9, 0xff);
   glStencilOp(GL_KEEP, GL_REPLACE, GL_KEEP);
   t.rect(-0.5f, -0.5f, 0.5f, -0.4f, 0.5f);
   t.rect(-0.8f, -0.5f, 0.8f, -0.4f, 0.7f);
   glDisable(GL_DEPTH_TEST);
   glColorMask(GL_TRUE, GL_TRUE, GL_TRUE, GL_TRUE);
   glStencilOp(GL_KEEP, GL_KEEP, GL_KEEP);
   for (int value = 0; value < 256; value++) {
      glStencilFunc(GL_EQUAL, value, 0xff);
      t.use_flat({static_cast<float>(value % 8) / 8, static_cast<float>(value) / 255,
                  static_cast<float>(value % 3) / 3});
      t.rect();
   }
   glDisable(GL_STENCIL_TEST);
}

void stencil_two_sided(Test &t)
{
   t.clear({0, 0, 0});
   glEnable(GL_STENCIL_TEST);
   glStencilOpSeparate(GL_FRONT, GL_KEEP, GL_KEEP, GL_INCR_WRAP);
   glStencilOpSeparate(GL_BACK, GL_KEEP, GL_KEEP, GL_REPLACE);
   glStencilFuncSeparate(GL_FRONT, GL_ALWAYS, 1, 0xff);
   glStencilFuncSeparate(GL_BACK, GL_GREATER, 7, 0xff);
   glStencilMaskSeparate(GL_BACK, 0x6);
   t.flat_program();
   t.vertex_array();
   t.attribute(0, 3, {-0.9f, -0.9f, 0, 0.5f, -0.8f, 0, 0, 0.9f, 0,
                      0.9f, -0.9f, 0, -0.5f, -0.6f, 0, 0.3f, 0.9f, 0,
                      -0.2f, -0.7f, 0, 0.6f, 0.4f, 0, -0.8f, 0.6f, 0});
   glDrawArrays(GL_TRIANGLES, 0, 9);
   glStencilMask(0xff);
   glStencilOp(GL_KEEP, GL_KEEP, GL_KEEP);
   for (int value = 1; value < 10; value++) {
      glStencilFunc(GL_EQUAL, value, 0xff);
      t.use_flat(colour(value));
      t.rect();
   }
   glDisable(GL_STENCIL_TEST);
}

void depth(Test &t)
{
   t.clear({0, 0, 0});
   glEnable(GL_DEPTH_TEST);
   int i = 0;
   for (GLenum function : {GL_NEVER, GL_LESS, GL_EQUAL, GL_LEQUAL, GL_GREATER, GL_NOTEQUAL,
                           GL_GEQUAL, GL_ALWAYS}) {
      t.tile(i);
      glDepthFunc(GL_ALWAYS);
      t.use_flat(colour(i));
      t.rect(-0.9f, -0.9f, 0.4f, 0.4f, 0.25f);
      glDepthFunc(function);
      for (int k = 0; k < 3; k++) {
         t.use_flat(colour(i + k + 1));
         const float y = -0.8f + 0.5f * static_cast<float>(k);
         t.rect(-0.5f, y, 0.9f, y + 0.4f, 0.25f * static_cast<float>(k));
      }
      i++;
   }
   glDepthFunc(GL_LESS);
   t.tile(i++); // no writes
   glDepthMask(GL_FALSE);
   t.use_flat(colour(0));
   t.rect(-0.9f, -0.9f, 0.5f, 0.5f, -0.5f);
   glDepthMask(GL_TRUE);
   t.use_flat(colour(1));
   t.rect(-0.4f, -0.4f, 0.9f, 0.9f, 0.5f);
   t.tile(i++); // a range other than 0…1, and reversed
   glDepthRange(0.6, 0.2);
   t.use_flat(colour(2));
   t.rect(-0.9f, -0.9f, 0.5f, 0.5f, -0.5f);
   t.use_flat(colour(3));
   t.rect(-0.4f, -0.4f, 0.9f, 0.9f, 0.5f);
   glDepthRange(0, 1);
   t.tile(i++); // clipped by the far plane, or clamped
   t.use_flat(colour(4));
   t.rect(-0.9f, -0.9f, 0, 0.9f, 1.5f);
   glEnable(GL_DEPTH_CLAMP);
   glDepthFunc(GL_LEQUAL);
   t.rect(0.1f, -0.9f, 0.9f, 0.9f, 1.5f);
   glDisable(GL_DEPTH_CLAMP);
   glDisable(GL_DEPTH_TEST);
}

void scissor_and_mask(Test &t)
{
   t.clear({0.1f, 0.1f, 0.1f});
   glEnable(GL_SCISSOR_TEST);
   for (int i = 0; i < 12; i++) {
      glScissor(i * 19, i * 11, 60 - i * 3, 30 + i * 4);
      glColorMask(i % 2, i % 3 != 0, i % 5 != 1, GL_TRUE);
      t.use_flat(colour(i + 3));
      t.rect();
   }
   glColorMask(GL_TRUE, GL_TRUE, GL_TRUE, GL_TRUE);
   glScissor(0, 200, 0, 20);
   t.rect();
   glDisable(GL_SCISSOR_TEST);
}

void viewports(Test &t)
{
   t.clear({0.1f, 0.1f, 0.1f});
   t.quad_program("void main() { result = vec4(uv, 0.4, 1.0); }\n");
   glViewport(-40, -20, 120, 90); // partly outside
   t.rect();
   glViewport(200, 10, 300, 60);
   t.rect();
   glViewport(100, 100, 1, 100); // thin
   t.rect();
   glViewport(120, 120, 60, 60);
   t.rect(-2, -0.5f, 0.5f, 3); // larger than the viewport: clipped
   if (!t.need("GL_ARB_viewport_array"))
      return;
   t.program("in vec3 position; in vec2 texcoord; out vec2 vuv;\n"
             "void main() { vuv = texcoord; gl_Position = vec4(position, 1.0); }\n",
             "in vec2 uv; out vec4 result;\nvoid main() { result = vec4(uv.yx, 0.9, 1.0); }\n",
             "#extension GL_ARB_viewport_array : require\nlayout(triangles) in;\n"
             "layout(triangle_strip, max_vertices = 12) out;\nin vec2 vuv[]; out vec2 uv;\n"
             "void main() { for (int v = 0; v < 4; v++) { for (int i = 0; i < 3; i++) {\n"
             "gl_ViewportIndex = v; uv = vuv[i] * (0.4 + 0.2 * float(v));\n"
             "gl_Position = gl_in[i].gl_Position; EmitVertex(); } EndPrimitive(); } }\n");
   for (GLuint i = 0; i < 4; i++) {
      const auto k = static_cast<float>(i);
      glViewportIndexedf(i, 5 + 60 * k, 190, 50, 40 + 5 * k);
      glScissorIndexed(i, static_cast<GLint>(10 + 60 * i), 195, 40, 30 + static_cast<GLint>(i) * 8);
      (i % 2 ? glEnablei : glDisablei)(GL_SCISSOR_TEST, i);
   }
   t.rect(-0.9f, -0.9f, 0.9f, 0.9f);
   glDisable(GL_SCISSOR_TEST);
}

constexpr Scene table[] = {
   {"state-blend-functions", Api::core, blend_functions},
   {"state-blend-equations", Api::core, blend_equations},
   {"state-dual-source", Api::core, dual_source},
   {"state-logic-operations", Api::core, logic_operations},
   {"state-stencil", Api::core, stencil},
   {"state-stencil-two-sided", Api::core, stencil_two_sided},
   {"state-depth", Api::core, depth},
   {"state-scissor-mask", Api::core, scissor_and_mask},
   {"state-viewports", Api::core, viewports},
};

} // namespace

std::span<const Scene> state_scenes()
{
   return table;
}

} // namespace render
