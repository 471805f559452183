// SPDX-License-Identifier: MIT
// Rasterisation: culling, polygon modes and offset, points, lines, stipples.
#include "scene.hpp"

namespace render {
namespace {

const std::vector<float> two_windings{-0.8f, -0.8f, 0, 0.0f, -0.7f, 0, -0.4f, 0.8f, 0,
                                      0.1f, -0.8f, 0, 0.5f, 0.8f, 0, 0.9f, -0.6f, 0};

void culling(Test &t)
{
   t.clear({0.1f, 0.1f, 0.1f});
   t.flat_program();
   t.vertex_array();
   t.attribute(0, 3, two_windings);
   int i = 0;
   for (GLenum front : {GL_CCW, GL_CW}) {
      glFrontFace(front);
      for (GLenum face : {GL_BACK, GL_FRONT, GL_FRONT_AND_BACK, GL_NONE}) {
         (face == GL_NONE ? glDisable : glEnable)(GL_CULL_FACE);
         if (face != GL_NONE)
            glCullFace(face);
         t.use_flat(colour(i));
         t.tile(i++);
         glDrawArrays(GL_TRIANGLES, 0, 6);
      }
   }
   glDisable(GL_CULL_FACE);
   glFrontFace(GL_CCW);
}

void polygon_modes(Test &t)
{
   t.clear({0.1f, 0.1f, 0.1f});
   t.flat_program();
   t.vertex_array();
   t.attribute(0, 3, two_windings);
   glPointSize(4);
   int i = 0;
   for (GLenum mode : {GL_FILL, GL_LINE, GL_POINT}) {
      glPolygonMode(GL_FRONT_AND_BACK, mode);
      t.use_flat(colour(i));
      t.tile(i++, 2);
      glDrawArrays(GL_TRIANGLES, 0, 6);
   }
   glPolygonMode(GL_FRONT_AND_BACK, GL_FILL);
   glPointSize(1);
}

void polygon_offset(Test &t)
{
   t.clear({0, 0, 0});
   glEnable(GL_DEPTH_TEST);
   glDepthFunc(GL_LESS);
   int i = 0;
   for (float factor : {-1.0f, 0.0f, 1.0f}) {
      for (float units : {-4.0f, 0.0f, 4.0f}) {
         t.tile(i++, 3);
         t.use_flat(colour(i));
         t.rect(-0.9f, -0.9f, 0.7f, 0.7f, 0.3f);
         glEnable(GL_POLYGON_OFFSET_FILL);
         glPolygonOffset(factor, units);
         t.use_flat(colour(i + 3));
         t.rect(-0.5f, -0.5f, 0.9f, 0.9f, 0.3f);
         glDisable(GL_POLYGON_OFFSET_FILL);
      }
   }
   glDisable(GL_DEPTH_TEST);
}

void points(Test &t)
{
   t.clear({0.1f, 0.1f, 0.2f});
   t.vertex_array();
   std::vector<float> positions;
   for (int i = 0; i < 8; i++)
      positions.insert(positions.end(), {-0.85f + 0.24f * static_cast<float>(i), -0.6f, 0});
   t.attribute(0, 3, positions);
   for (int i = 0; i < 8; i++) {
      glPointSize(1.0f + 4.3f * static_cast<float>(i));
      t.use_flat(colour(i));
      glDrawArrays(GL_POINTS, i, 1);
   }
   glPointSize(1);
   glEnable(GL_PROGRAM_POINT_SIZE);
   for (GLint origin : {GL_UPPER_LEFT, GL_LOWER_LEFT}) {
      glPointParameteri(GL_POINT_SPRITE_COORD_ORIGIN, origin);
      const float y = origin == GL_LOWER_LEFT ? 0.6f : 0.0f;
      const GLuint p = t.program(
         "in vec3 position; uniform float y;\nvoid main() {\n"
         "gl_PointSize = 10.0 + 20.0 * fract(position.x * 3.0);\n"
         "gl_Position = vec4(position.x, y, 0.0, 1.0); }\n",
         "out vec4 result;\nvoid main() { result = vec4(gl_PointCoord, 0.2, 1.0); }\n");
      glUniform1f(glGetUniformLocation(p, "y"), y);
      glDrawArrays(GL_POINTS, 0, 8);
   }
   glPointParameteri(GL_POINT_SPRITE_COORD_ORIGIN, GL_UPPER_LEFT);
   glDisable(GL_PROGRAM_POINT_SIZE);
}

void lines(Test &t)
{
   t.clear({0.1f, 0.1f, 0.1f});
   t.vertex_array();
   std::vector<float> positions;
   for (int i = 0; i < 12; i++) {
      const auto k = static_cast<float>(i);
      positions.insert(positions.end(), {0, 0, 0, 0.9f - 0.15f * k, 0.9f - 0.02f * k * k, 0});
   }
   t.attribute(0, 3, positions);
   for (int i = 0; i < 12; i++) {
      t.use_flat(colour(i));
      glDrawArrays(GL_LINES, i * 2, 2);
   }
}

// Stippled lines are left out: a core-profile host has none, and virgl sends no pattern.
void wide_and_stippled(Test &t)
{
   t.clear({0.1f, 0.1f, 0.1f});
   for (int i = 0; i < 8; i++) {
      const float y = -0.9f + 0.22f * static_cast<float>(i);
      glLineWidth(1.0f + static_cast<float>(i));
      const Colour c = colour(i);
      glColor3f(c.r, c.g, c.b);
      glBegin(GL_LINES);
      glVertex2f(-0.9f, y);
      glVertex2f(-0.05f, y + 0.1f);
      glEnd();
   }
   glLineWidth(1);
   std::vector<uint8_t> mask(128);
   for (size_t i = 0; i < mask.size(); i++)
      mask[i] = static_cast<uint8_t>(i / 4 % 2 ? 0x33 : 0xf0);
   glEnable(GL_POLYGON_STIPPLE);
   glPolygonStipple(mask.data());
   glColor3f(0.9f, 0.7f, 0.2f);
   glRectf(0.05f, -0.9f, 0.9f, 0.0f);
   glDisable(GL_POLYGON_STIPPLE);
   glEnable(GL_BLEND);
   glBlendFunc(GL_SRC_ALPHA, GL_ONE_MINUS_SRC_ALPHA);
   glRectf(0.05f, 0.1f, 0.9f, 0.9f);
   glDisable(GL_BLEND);
}

void discarded(Test &t)
{
   t.clear({0.1f, 0.2f, 0.3f});
   glEnable(GL_RASTERIZER_DISCARD);
   t.use_flat(colour(0));
   t.rect();
   glDisable(GL_RASTERIZER_DISCARD);
   t.use_flat(colour(1));
   t.rect(-0.5f, -0.5f, 0.5f, 0.5f);
}

constexpr Scene table[] = {
   {"raster-culling", Api::core, culling},
   {"raster-polygon-modes", Api::core, polygon_modes},
   {"raster-polygon-offset", Api::core, polygon_offset},
   {"raster-points", Api::core, points},
   {"raster-lines", Api::core, lines},
   {"raster-wide-stippled", Api::compat, wide_and_stippled},
   {"raster-discard", Api::core, discarded},
};

} // namespace

std::span<const Scene> raster_scenes()
{
   return table;
}

} // namespace render
