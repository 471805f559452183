// SPDX-License-Identifier: MIT
// Polygons in several modes: edge flags, two modes at once, outlines, stipple.
#include "scene.hpp"

#include <cmath>

namespace render {
namespace {

// A polygon of N corners around (x, y); every third edge has no flag where FLAGS says so. Corners are
// at the middles of pixels, for lines that are drawn alike in either direction.
void corners(int n, double x, double y, double r, bool flags, bool clockwise = false)
{
   for (int i = 0; i < n; i++) {
      const double a = (clockwise ? -i : i) * 6.28318 / n + 0.3;
      const auto snap = [](double v) { return (std::floor(v * 128) + 0.5) / 128; };
      glEdgeFlag(!flags || i % 3 != 1);
      glVertex2d(snap(x + std::cos(a) * r), snap(y + std::sin(a) * r));
   }
   glEdgeFlag(GL_TRUE);
}

void edge_flags(Test &t)
{
   t.clear({0, 0, 0.1f});
   glPointSize(5);
   int i = 0;
   for (GLenum face_mode : {GL_LINE, GL_POINT}) {
      glPolygonMode(GL_FRONT_AND_BACK, face_mode);
      for (GLenum mode : {GL_TRIANGLES, GL_POLYGON}) {
         const int n = mode == GL_TRIANGLES ? 3 : 7;
         t.tile(i++, 3);
         const Colour c = colour(i);
         glColor3f(c.r, c.g, c.b);
         glBegin(mode);
         corners(n, -0.4, 0, 0.5, true);
         if (mode != GL_POLYGON)
            corners(n, 0.5, 0.1, 0.4, false, true);
         glEnd();
      }
   }
   // From a buffer, with indices and a base: flags belong to vertices.
   static constexpr GLfloat place[] = {9, 9, -0.8f, -0.8f, 0.8f, -0.8f, 0.8f, 0.8f, -0.8f, 0.8f};
   static constexpr GLboolean flag[] = {0, 1, 0, 1, 1};
   static constexpr GLushort index[] = {0, 1, 2, 0, 2, 3};
   glPolygonMode(GL_FRONT_AND_BACK, GL_LINE);
   t.tile(4, 3);
   glColor3f(1, 1, 1);
   const GLuint places = t.buffer(GL_ARRAY_BUFFER, sizeof(place), place);
   glBindBuffer(GL_ARRAY_BUFFER, places);
   glVertexPointer(2, GL_FLOAT, 0, nullptr);
   t.buffer(GL_ARRAY_BUFFER, sizeof(flag), flag);
   glEdgeFlagPointer(0, nullptr);
   glEnableClientState(GL_VERTEX_ARRAY);
   glEnableClientState(GL_EDGE_FLAG_ARRAY);
   glDrawElementsBaseVertex(GL_TRIANGLES, 6, GL_UNSIGNED_SHORT, const_cast<GLushort *>(index), 1);
   glDisableClientState(GL_EDGE_FLAG_ARRAY);
   glDisableClientState(GL_VERTEX_ARRAY);
   glPolygonMode(GL_FRONT_AND_BACK, GL_FILL);
   glPointSize(1);
}

// Flags that hide no edge: the outlines keep the offset that lifts them from the polygons.
void offset_outlines(Test &t)
{
   t.clear({0, 0.1f, 0});
   glClear(GL_DEPTH_BUFFER_BIT);
   glEnable(GL_DEPTH_TEST);
   glPolygonOffset(-1.0f, -4.0f);
   glEnable(GL_POLYGON_OFFSET_LINE);
   for (GLenum face_mode : {GL_FILL, GL_LINE}) {
      glPolygonMode(GL_FRONT_AND_BACK, face_mode);
      glColor3f(face_mode == GL_LINE, 0.5f, 0.8f);
      glBegin(GL_TRIANGLES);
      for (int i = 0; i < 4; i++) {
         glEdgeFlag(GL_TRUE);
         const float x = 0.4f * float(i) - 0.9f;
         glVertex3f(x, -0.8f, 0.1f);
         glVertex3f(x + 0.5f, -0.7f, 0.7f);
         glVertex3f(x + 0.2f, 0.8f, -0.3f);
      }
      glEnd();
   }
   glDisable(GL_POLYGON_OFFSET_LINE);
   glDisable(GL_DEPTH_TEST);
   glPolygonMode(GL_FRONT_AND_BACK, GL_FILL);
}

void outlines(Test &t)
{
   t.clear({0.1f, 0, 0});
   glPolygonMode(GL_FRONT_AND_BACK, GL_LINE);
   glColor3f(0.9f, 0.9f, 0.3f);
   glBegin(GL_POLYGON);
   corners(4, -0.5, 0.5, 0.4, false);
   glEnd();
   glBegin(GL_POLYGON);
   corners(8, 0.5, 0.5, 0.4, false);
   glEnd();
   glBegin(GL_TRIANGLE_FAN);
   corners(7, -0.5, -0.5, 0.4, false);
   glEnd();
   glBegin(GL_TRIANGLE_STRIP);
   corners(6, 0.5, -0.5, 0.4, false);
   glEnd();
   glPolygonMode(GL_FRONT_AND_BACK, GL_FILL);
}

void two_modes(Test &t)
{
   t.clear({0, 0.1f, 0});
   glPointSize(5);
   int i = 0;
   for (GLenum front : {GL_FILL, GL_LINE, GL_POINT}) {
      for (GLenum back : {GL_FILL, GL_LINE, GL_POINT}) {
         t.tile(i++, 4);
         glPolygonMode(GL_FRONT, front);
         glPolygonMode(GL_BACK, back);
         glColor3f(0.3f, 0.9f, 0.9f);
         glBegin(GL_TRIANGLES);
         corners(3, -0.45, 0, 0.4, false);
         corners(3, 0.45, 0, 0.4, false, true);
         glEnd();
      }
   }
   // With one face culled the other's mode counts.
   for (GLenum face : {GL_FRONT, GL_BACK}) {
      t.tile(i++, 4);
      glPolygonMode(GL_FRONT, GL_LINE);
      glPolygonMode(GL_BACK, GL_FILL);
      glEnable(GL_CULL_FACE);
      glCullFace(face);
      glBegin(GL_TRIANGLES);
      corners(3, -0.45, 0, 0.4, false);
      corners(3, 0.45, 0, 0.4, false, true);
      glEnd();
      glDisable(GL_CULL_FACE);
   }
   glCullFace(GL_BACK);
   glPolygonMode(GL_FRONT_AND_BACK, GL_FILL);
   glPointSize(1);
}

void stippled(Test &t)
{
   t.clear({0.1f, 0.1f, 0.1f});
   GLubyte mask[128];
   for (int i = 0; i < 128; i++)
      mask[i] = static_cast<GLubyte>(i / 4 % 2 ? 0x33 : 0xcc);
   glPolygonStipple(mask);
   glEnable(GL_POLYGON_STIPPLE);
   glColor3f(0.9f, 0.5f, 0.2f);
   glPointSize(9);
   glBegin(GL_LINES);
   glVertex2d(-0.9 + 0.5 / 128, 0.5 / 128);
   glVertex2d(0.9 + 0.5 / 128, 0.5 / 128);
   glEnd();
   glBegin(GL_POINTS);
   glVertex2d(-0.5 + 0.5 / 128, 0.5 + 0.5 / 128);
   glVertex2d(0.5 + 0.5 / 128, 0.5 + 0.5 / 128);
   glEnd();
   glRectf(-0.5f, -0.8f, 0.5f, -0.4f);
   glPolygonMode(GL_FRONT_AND_BACK, GL_LINE);
   glBegin(GL_TRIANGLES);
   corners(3, 0, 0.5, 0.4, false);
   glEnd();
   glPolygonMode(GL_FRONT_AND_BACK, GL_FILL);
   glDisable(GL_POLYGON_STIPPLE);
   glPointSize(1);
}

constexpr Scene table[] = {
   {"polygon-edge-flags", Api::compat, edge_flags},
   {"polygon-offset-outlines", Api::compat, offset_outlines},
   {"polygon-outlines", Api::compat, outlines},
   {"polygon-two-modes", Api::compat, two_modes},
   {"polygon-stippled", Api::compat, stippled},
};

} // namespace

std::span<const Scene> polygon_scenes()
{
   return table;
}

} // namespace render
