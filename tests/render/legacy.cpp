// SPDX-License-Identifier: MIT
// Fixed-function GL, as glxgears and old programs use it.
#include "scene.hpp"

#include <cmath>

namespace render {
namespace {

// A grid over the viewport, bulging towards the eye, with normals. Of triangles: how a quad is cut
// in two is the driver's choice, and a gradient shows it.
void dome(int steps)
{
   const auto vertex = [steps](int i, int k) {
      const double x = 2.0 * i / steps - 1.0, y = 2.0 * k / steps - 1.0;
      const double z = 0.6 - 0.3 * (x * x + y * y);
      glNormal3d(x * 0.6, y * 0.6, 0.8);
      glTexCoord2d(x * 2, y * 2);
      glVertex3d(x * 0.9, y * 0.9, z);
   };
   for (int k = 0; k < steps; k++) {
      glBegin(GL_TRIANGLE_STRIP);
      for (int i = 0; i <= steps; i++) {
         vertex(i, k);
         vertex(i, k + 1);
      }
      glEnd();
   }
}

void immediate_mode(Test &t)
{
   t.clear({0.1f, 0.1f, 0.1f});
   static constexpr GLenum modes[] = {GL_POINTS, GL_LINES, GL_LINE_STRIP, GL_LINE_LOOP,
                                      GL_TRIANGLES, GL_TRIANGLE_STRIP, GL_TRIANGLE_FAN, GL_QUADS,
                                      GL_QUAD_STRIP, GL_POLYGON};
   glPointSize(3);
   int i = 0;
   for (GLenum mode : modes) {
      t.tile(i++);
      glShadeModel(i % 2 ? GL_SMOOTH : GL_FLAT);
      glBegin(mode);
      const int per_colour = mode == GL_QUADS                              ? 4 // see dome()
                             : mode == GL_QUAD_STRIP || mode == GL_POLYGON ? 8
                                                                           : 1;
      for (int k = 0; k < 8; k++) {
         const Colour c = colour(k / per_colour + i * (per_colour > 1));
         const double a = 0.785 * k + 0.1;
         glColor3f(c.r, c.g, c.b);
         glVertex2d(cos(a) * 0.9, sin(a) * 0.9);
      }
      glEnd();
   }
   glShadeModel(GL_SMOOTH);
   glPointSize(1);
}

void display_lists(Test &t)
{
   t.clear({0.1f, 0.1f, 0.2f});
   const GLuint lists = glGenLists(3);
   glNewList(lists, GL_COMPILE);
   glBegin(GL_TRIANGLES);
   glVertex2f(-0.8f, -0.8f);
   glVertex2f(0.8f, -0.6f);
   glVertex2f(0, 0.8f);
   glEnd();
   glEndList();
   glNewList(lists + 1, GL_COMPILE);
   glPushMatrix();
   glScalef(0.5f, 0.5f, 1);
   glColor3f(0.9f, 0.3f, 0.2f);
   glCallList(lists);
   glPopMatrix();
   glEndList();
   t.tile(0, 2);
   glNewList(lists + 2, GL_COMPILE_AND_EXECUTE);
   for (int i = 0; i < 6; i++) {
      glRotatef(60, 0, 0, 1);
      glCallList(lists + 1);
   }
   glEndList();
   glMatrixMode(GL_MODELVIEW);
   for (int i = 1; i < 4; i++) {
      t.tile(i, 2);
      glLoadIdentity();
      glRotatef(20.0f * static_cast<float>(i), 0, 0, 1);
      const GLuint names[] = {0, 1, 2};
      glListBase(lists);
      glCallLists(i, GL_UNSIGNED_INT, names);
   }
   glLoadIdentity();
   glDeleteLists(lists, 3);
}

void lighting(Test &t)
{
   t.clear({0, 0, 0});
   glEnable(GL_LIGHTING);
   glEnable(GL_DEPTH_TEST);
   glEnable(GL_NORMALIZE);
   const float tone[] = {0.8f, 0.3f, 0.2f, 1}, back[] = {0.1f, 0.7f, 0.3f, 1};
   const float shine[] = {0.9f, 0.9f, 0.9f, 1};
   glMaterialfv(GL_FRONT, GL_AMBIENT_AND_DIFFUSE, tone);
   glMaterialfv(GL_BACK, GL_AMBIENT_AND_DIFFUSE, back);
   glMaterialfv(GL_FRONT_AND_BACK, GL_SPECULAR, shine);
   glMaterialf(GL_FRONT_AND_BACK, GL_SHININESS, 20);
   for (int i = 0; i < 9; i++) {
      t.tile(i, 3);
      const float position[][4] = {{5, 5, 10, 0}, {-0.5f, 0.6f, 1.5f, 1}, {0, 0, 3, 1}};
      const float white[] = {1, 1, 1, 1}, blue[] = {0.2f, 0.3f, 1, 1};
      for (GLenum light = 0; light < 3; light++) {
         glLightfv(GL_LIGHT0 + light, GL_POSITION, position[light]);
         glLightfv(GL_LIGHT0 + light, GL_DIFFUSE, light == 1 ? blue : white);
         glLightfv(GL_LIGHT0 + light, GL_SPECULAR, white);
         (i % 3 == static_cast<int>(light) || i >= 6 ? glEnable : glDisable)(GL_LIGHT0 + light);
      }
      const float away[] = {0, 0, -1};
      glLightfv(GL_LIGHT2, GL_SPOT_DIRECTION, away);
      glLightf(GL_LIGHT2, GL_SPOT_CUTOFF, 18);
      glLightf(GL_LIGHT2, GL_SPOT_EXPONENT, 8);
      glLightf(GL_LIGHT1, GL_QUADRATIC_ATTENUATION, 0.8f);
      glLightModeli(GL_LIGHT_MODEL_TWO_SIDE, i >= 3);
      glLightModeli(GL_LIGHT_MODEL_LOCAL_VIEWER, i % 2);
      glLightModeli(GL_LIGHT_MODEL_COLOR_CONTROL,
                    i == 7 ? GL_SEPARATE_SPECULAR_COLOR : GL_SINGLE_COLOR);
      glFrontFace(i % 4 == 3 ? GL_CW : GL_CCW);
      (i == 8 ? glEnable : glDisable)(GL_COLOR_MATERIAL);
      glColor3f(0.9f, 0.8f, 0.1f);
      dome(8);
   }
   glDisable(GL_COLOR_MATERIAL);
   glDisable(GL_LIGHTING);
   glDisable(GL_DEPTH_TEST);
   glFrontFace(GL_CCW);
}

void fog(Test &t)
{
   t.clear({0, 0, 0});
   glEnable(GL_FOG);
   const float tone[] = {0.2f, 0.5f, 0.9f, 1};
   glFogfv(GL_FOG_COLOR, tone);
   glFogf(GL_FOG_START, 0.2f);
   glFogf(GL_FOG_END, 1.6f);
   glMatrixMode(GL_MODELVIEW);
   int i = 0;
   for (GLint mode : {GL_LINEAR, GL_EXP, GL_EXP2}) {
      glFogi(GL_FOG_MODE, mode);
      for (float density : {0.6f, 2.0f}) {
         glFogf(GL_FOG_DENSITY, density);
         t.tile(i++, 3);
         glLoadIdentity();
         glRotatef(40, 0, 1, 0);
         glColor3f(0.9f, 0.6f, 0.2f);
         dome(10);
      }
   }
   glFogi(GL_FOG_COORD_SRC, GL_FOG_COORD);
   t.tile(i++, 3);
   glLoadIdentity();
   glBegin(GL_TRIANGLE_STRIP);
   for (int k = 0; k < 4; k++) {
      glFogCoordf(0.5f * static_cast<float>(k));
      glVertex2f(k % 2 ? 0.9f : -0.9f, k < 2 ? -0.9f : 0.9f);
   }
   glEnd();
   glFogi(GL_FOG_COORD_SRC, GL_FRAGMENT_DEPTH);
   glDisable(GL_FOG);
}

void texture_environment(Test &t)
{
   t.clear({0.2f, 0.2f, 0.2f});
   t.pattern(16, 16);
   glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_WRAP_S, GL_REPEAT);
   glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_WRAP_T, GL_REPEAT);
   glEnable(GL_TEXTURE_2D);
   const float tone[] = {0.3f, 0.9f, 0.6f, 0.5f};
   glTexEnvfv(GL_TEXTURE_ENV, GL_TEXTURE_ENV_COLOR, tone);
   int i = 0;
   for (GLint mode : {GL_MODULATE, GL_DECAL, GL_BLEND, GL_REPLACE, GL_ADD}) {
      glTexEnvi(GL_TEXTURE_ENV, GL_TEXTURE_ENV_MODE, mode);
      t.tile(i++);
      glColor4f(0.8f, 0.7f, 0.3f, 0.6f);
      dome(4);
   }
   glTexEnvi(GL_TEXTURE_ENV, GL_TEXTURE_ENV_MODE, GL_COMBINE);
   for (GLint function : {GL_INTERPOLATE, GL_ADD_SIGNED, GL_SUBTRACT, GL_DOT3_RGB}) {
      glTexEnvi(GL_TEXTURE_ENV, GL_COMBINE_RGB, function);
      glTexEnvi(GL_TEXTURE_ENV, GL_SRC1_RGB, GL_PRIMARY_COLOR);
      glTexEnvi(GL_TEXTURE_ENV, GL_SRC2_RGB, GL_CONSTANT);
      glTexEnvf(GL_TEXTURE_ENV, GL_RGB_SCALE, function == GL_SUBTRACT ? 2.0f : 1.0f);
      t.tile(i++);
      dome(4);
   }
   glTexEnvi(GL_TEXTURE_ENV, GL_TEXTURE_ENV_MODE, GL_MODULATE);
   for (GLint mode : {GL_OBJECT_LINEAR, GL_EYE_LINEAR, GL_SPHERE_MAP}) {
      glEnable(GL_TEXTURE_GEN_S);
      glEnable(GL_TEXTURE_GEN_T);
      glTexGeni(GL_S, GL_TEXTURE_GEN_MODE, mode);
      glTexGeni(GL_T, GL_TEXTURE_GEN_MODE, mode);
      t.tile(i++);
      dome(4);
   }
   glDisable(GL_TEXTURE_GEN_S);
   glDisable(GL_TEXTURE_GEN_T);
   glActiveTexture(GL_TEXTURE1); // a second unit
   t.pattern(5, 5);
   glEnable(GL_TEXTURE_2D);
   glTexEnvi(GL_TEXTURE_ENV, GL_TEXTURE_ENV_MODE, GL_ADD);
   glActiveTexture(GL_TEXTURE0);
   t.tile(i++);
   glBegin(GL_TRIANGLES);
   for (int k = 0; k < 3; k++) {
      glMultiTexCoord2f(GL_TEXTURE0, static_cast<float>(k), 0.3f * static_cast<float>(k * k));
      glMultiTexCoord2f(GL_TEXTURE1, static_cast<float>(k == 1), static_cast<float>(k == 2));
      glVertex2f(k == 0 ? -0.9f : k == 1 ? 0.9f : 0.1f, k == 2 ? 0.9f : -0.8f);
   }
   glEnd();
   glActiveTexture(GL_TEXTURE1);
   glDisable(GL_TEXTURE_2D);
   glActiveTexture(GL_TEXTURE0);
   glDisable(GL_TEXTURE_2D);
}

void matrices_and_clip_planes(Test &t)
{
   t.clear({0.1f, 0.1f, 0.1f});
   glMatrixMode(GL_PROJECTION);
   glLoadIdentity();
   glFrustum(-0.5, 0.5, -0.5, 0.5, 1, 10);
   glMatrixMode(GL_MODELVIEW);
   glEnable(GL_DEPTH_TEST);
   for (int i = 0; i < 4; i++) {
      t.tile(i, 2);
      glLoadIdentity();
      glTranslatef(0, 0, -2.5f);
      const double plane[] = {1, 0.5, 0, 0.1}, other[] = {0, -1, 0, 0.4};
      glClipPlane(GL_CLIP_PLANE0, plane);
      glClipPlane(GL_CLIP_PLANE1, other);
      (i & 1 ? glEnable : glDisable)(GL_CLIP_PLANE0);
      (i & 2 ? glEnable : glDisable)(GL_CLIP_PLANE1);
      for (int k = 0; k < 3; k++) {
         const Colour c = colour(k + i);
         glColor3f(c.r, c.g, c.b);
         glPushMatrix();
         glRotatef(35.0f * static_cast<float>(k), 1, 1, 0.2f);
         dome(6);
         glPopMatrix();
      }
   }
   glDisable(GL_CLIP_PLANE0);
   glDisable(GL_CLIP_PLANE1);
   glDisable(GL_DEPTH_TEST);
   glMatrixMode(GL_PROJECTION);
   glLoadIdentity();
   glMatrixMode(GL_MODELVIEW);
   glLoadIdentity();
}

void alpha_test(Test &t)
{
   t.clear({0.2f, 0.1f, 0.3f});
   glEnable(GL_ALPHA_TEST);
   int i = 0;
   for (GLenum function : {GL_NEVER, GL_LESS, GL_EQUAL, GL_LEQUAL, GL_GREATER, GL_NOTEQUAL,
                           GL_GEQUAL, GL_ALWAYS}) {
      glAlphaFunc(function, 0.5f);
      t.tile(i++, 3);
      for (float half : {0.0f, 0.52f}) { // the gradient leaves out 0.5 itself
         glBegin(GL_TRIANGLE_STRIP);
         for (int k = 0; k < 4; k++) {
            glColor4f(0.9f, 0.3f * static_cast<float>(k), 0.2f, half + (k % 2 ? 0.48f : 0.0f));
            glVertex2f(half * 1.8f - 0.9f + (k % 2 ? 0.8f : 0.0f), k < 2 ? -0.9f : 0.1f);
         }
         glEnd();
      }
      glColor4f(0.1f, 0.9f, 0.5f, 0.5f);
      glRectf(-0.9f, 0.3f, 0.9f, 0.9f);
   }
   glDisable(GL_ALPHA_TEST);
}

void pixels(Test &t)
{
   t.clear({0.1f, 0.2f, 0.1f});
   const std::vector<uint8_t> image = pattern_bytes(40, 30);
   const auto at = [](int x, int y) { glWindowPos2i(x, y); };
   at(5, 5);
   glDrawPixels(40, 30, GL_RGBA, GL_UNSIGNED_BYTE, image.data());
   glPixelZoom(2, 1.5f);
   at(60, 5);
   glDrawPixels(40, 30, GL_RGBA, GL_UNSIGNED_BYTE, image.data());
   glPixelZoom(-1, -1);
   at(220, 60);
   glDrawPixels(40, 30, GL_RGBA, GL_UNSIGNED_BYTE, image.data());
   glPixelZoom(1, 1);
   glColor3f(0.9f, 0.8f, 0.2f);
   at(10, 100);
   const std::vector<uint8_t> bits = Random(7).bytes(8 * 32);
   glBitmap(50, 32, 0, 0, 60, 5, bits.data());
   glBitmap(50, 30, 0, 0, 0, 0, bits.data());
   at(10, 160);
   glCopyPixels(0, 0, 100, 60, GL_COLOR);
   glPixelZoom(0.5f, 2);
   at(130, 160);
   glCopyPixels(0, 0, 200, 40, GL_COLOR);
   glPixelZoom(1, 1);
}

// Depth and stencil in one go: two views of one texture.
void depth_stencil_pixels(Test &t)
{
   t.clear({0, 0, 0});
   glClearStencil(3);
   glClear(GL_DEPTH_BUFFER_BIT | GL_STENCIL_BUFFER_BIT);
   std::vector<uint32_t> texels;
   for (uint32_t i = 0; i < 64 * 64; i++)
      texels.push_back(((i % 64) * 0x3ff00 + 0x1000) << 8 | i / 64);
   glWindowPos2i(10, 10);
   glDrawPixels(64, 64, GL_DEPTH_STENCIL, GL_UNSIGNED_INT_24_8, texels.data());
   glWindowPos2i(100, 20);
   glPixelZoom(2, 2);
   glCopyPixels(10, 10, 64, 64, GL_DEPTH_STENCIL);
   glPixelZoom(1, 1);
   std::vector<uint32_t> back(256 * 256);
   glReadPixels(0, 0, 256, 256, GL_DEPTH_STENCIL, GL_UNSIGNED_INT_24_8, back.data());
   t.value("depth", back[40 * 256 + 50] >> 8);
   t.value("stencil", back[40 * 256 + 50] & 0xff);
   glEnable(GL_BLEND);
   glBlendFunc(GL_ONE, GL_ONE);
   glEnable(GL_DEPTH_TEST);
   glDepthMask(GL_FALSE);
   for (float z : {-0.9f, -0.5f, 0.0f, 0.5f}) {
      t.use_flat({0.2f, 0.0f, 0.05f, 0.2f});
      t.rect(-1, -1, 1, 1, z);
   }
   glDisable(GL_DEPTH_TEST);
   glEnable(GL_STENCIL_TEST);
   for (int i = 0; i < 64; i += 3) {
      glStencilFunc(GL_LEQUAL, i, 0xff);
      t.use_flat({0.0f, 0.04f, 0.01f, 0.0f});
      t.rect();
   }
   glDisable(GL_STENCIL_TEST);
   glDisable(GL_BLEND);
}

void assembly(Test &t)
{
   if (!t.need("GL_ARB_vertex_program") || !t.need("GL_ARB_fragment_program"))
      return;
   t.clear({0.1f, 0.1f, 0.1f});
   static constexpr char vp[] = "!!ARBvp1.0\nPARAM shift = program.local[0];\n"
                                "ADD result.position, vertex.position, shift;\n"
                                "MUL result.texcoord[0], vertex.position, {2, 3, 1, 1};\nEND\n";
   static constexpr char fp[] = "!!ARBfp1.0\nTEMP a;\nPARAM k = program.env[1];\n"
                                "MOV a, fragment.texcoord[0];\nFRC a, a;\nMAD a, a, k, {0.1, 0.1, 0.2, 0};\n"
                                "MOV a.w, 1;\nMOV result.color, a;\nEND\n";
   GLuint programs[2];
   glGenProgramsARB(2, programs);
   glBindProgramARB(GL_VERTEX_PROGRAM_ARB, programs[0]);
   glProgramStringARB(GL_VERTEX_PROGRAM_ARB, GL_PROGRAM_FORMAT_ASCII_ARB, sizeof vp - 1, vp);
   glBindProgramARB(GL_FRAGMENT_PROGRAM_ARB, programs[1]);
   glProgramStringARB(GL_FRAGMENT_PROGRAM_ARB, GL_PROGRAM_FORMAT_ASCII_ARB, sizeof fp - 1, fp);
   glEnable(GL_VERTEX_PROGRAM_ARB);
   glEnable(GL_FRAGMENT_PROGRAM_ARB);
   for (int i = 0; i < 9; i++) {
      const auto k = static_cast<float>(i);
      glProgramLocalParameter4fARB(GL_VERTEX_PROGRAM_ARB, 0, 0.05f * k, -0.05f * k, 0, 0);
      glProgramEnvParameter4fARB(GL_FRAGMENT_PROGRAM_ARB, 1, 0.1f * k, 0.8f, 1 - 0.1f * k, 1);
      t.tile(i, 3);
      glRectf(-0.8f, -0.6f, 0.6f, 0.8f);
   }
   glDisable(GL_VERTEX_PROGRAM_ARB);
   glDisable(GL_FRAGMENT_PROGRAM_ARB);
}

void texture_matrix_select(Test &t)
{
   t.clear({0, 0, 0});
   glPushAttrib(GL_ALL_ATTRIB_BITS);
   glMatrixMode(GL_TEXTURE);
   glPushMatrix();
   glRotatef(30, 0, 0, 1);
   t.pattern(16, 16);
   glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_WRAP_S, GL_CLAMP); // GL's first kind of clamp
   glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, GL_NEAREST);
   glEnable(GL_TEXTURE_2D);
   glColor3f(1, 0.9f, 0.8f);
   dome(5);
   glPopMatrix();
   glMatrixMode(GL_MODELVIEW);
   glPopAttrib();
   GLuint hits[64] = {}; // selection runs on Mesa's software path
   glSelectBuffer(64, hits);
   glRenderMode(GL_SELECT);
   glInitNames();
   glPushName(5);
   glRectf(-0.5f, -0.5f, 0.5f, 0.5f);
   glLoadName(6);
   glRectf(2, 2, 3, 3);
   t.value("hits", glRenderMode(GL_RENDER));
   t.value("name", hits[3]);
   glColor3f(0.9f, 0.2f, 0.2f);
   glRectf(-0.2f, -0.2f, 0.2f, 0.2f);
}

constexpr Scene table[] = {
   {"legacy-immediate-mode", Api::compat, immediate_mode},
   {"legacy-display-lists", Api::compat, display_lists},
   {"legacy-lighting", Api::compat, lighting},
   {"legacy-fog", Api::compat, fog},
   {"legacy-texture-environment", Api::compat, texture_environment},
   {"legacy-matrices-clip-planes", Api::compat, matrices_and_clip_planes},
   {"legacy-alpha-test", Api::compat, alpha_test},
   {"legacy-pixels", Api::compat, pixels},
   {"legacy-depth-stencil-pixels", Api::compat, depth_stencil_pixels},
   {"legacy-assembly", Api::compat, assembly},
   {"legacy-texture-matrix-select", Api::compat, texture_matrix_select},
};

} // namespace

std::span<const Scene> legacy_scenes()
{
   return table;
}

} // namespace render
