// SPDX-License-Identifier: MIT
#pragma once

#include <epoxy/egl.h>
#include <epoxy/gl.h>

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// A scene draws something on a canvas and may note values; the program writes both to files and
// the test runner compares them with those of the same scene on another driver.

namespace render {

enum class Api { core, compat, es2, es3 };
enum class Surface { none, pbuffer, window };

struct Colour {
   float r = 0.0f, g = 0.0f, b = 0.0f, a = 1.0f;
};

// The n-th of a row of well-distinguishable colours.
Colour colour(int n);

// A small generator with a fixed sequence: scenes must be the same on each driver.
class Random {
public:
   explicit Random(uint32_t seed) : state_(seed * 2654435761u + 12345u) {}
   uint32_t next();
   float unit() { return static_cast<float>(next() >> 8) / 16777216.0f; }
   std::vector<uint8_t> bytes(size_t count);

private:
   uint32_t state_;
};

// What is given to a scene. GL objects that scenes and helpers make are owned by the context and go
// with it: destroying a context full of objects is part of what is tested.
class Test {
public:
   static constexpr int size = 256;

   Test(Api api, Surface surface, EGLDisplay display, EGLConfig config, EGLContext context,
        EGLSurface egl_surface);

   Api api() const { return api_; }
   EGLDisplay display() const { return display_; }
   EGLConfig config() const { return config_; }
   EGLContext context() const { return context_; }
   EGLSurface egl_surface() const { return egl_surface_; }
   bool modern() const { return api_ == Api::core || api_ == Api::es3; }

   // Results.
   [[gnu::format(printf, 2, 3)]] void fail(const char *format, ...);
   void value(std::string_view name, long long number);
   void hash(std::string_view name, std::span<const uint8_t> bytes);
   bool need(const char *extension);
   const std::vector<std::string> &failures() const { return failures_; }
   const std::vector<std::string> &values() const { return values_; }

   // The canvas: a framebuffer of size × size RGBA8 texels with depth and stencil.
   GLuint canvas() const { return canvas_; }
   void bind_canvas();
   void clear(Colour c);
   // Restrict drawing to a cell of a grid; the scissor test stays off.
   void tile(int index, int columns = 4);
   std::vector<uint8_t> read_canvas();

   // Programs. Sources have no #version line: it comes from the API. Attributes position, texcoord
   // and tint are at 0, 1 and 2. A source that does not compile is a failure, and returns 0.
   GLuint program(std::string_view vertex, std::string_view fragment,
                  std::string_view geometry = {},
                  std::span<const char *const> feedback = {},
                  GLenum feedback_mode = GL_INTERLEAVED_ATTRIBS);
   // `position` and `texcoord` passed through as `uv`; FRAGMENT has `uv` and writes `result`.
   GLuint quad_program(std::string_view fragment);
   GLuint flat_program(); // one colour: uniform vec4 colour
   void use_flat(Colour c);

   // Draw a rectangle (x0, y0)-(x1, y1) at depth z through attributes 0 and 1 (0…1).
   void rect(float x0 = -1, float y0 = -1, float x1 = 1, float y1 = 1, float z = 0);
   GLuint vertex_array(); // a new one, bound
   GLuint buffer(GLenum target, size_t bytes, const void *data, GLenum usage = GL_STATIC_DRAW);
   template <typename T> GLuint buffer(GLenum target, const std::vector<T> &v,
                                       GLenum usage = GL_STATIC_DRAW)
   {
      return buffer(target, v.size() * sizeof(T), v.data(), usage);
   }
   // A vertex buffer bound to an attribute of floats.
   GLuint attribute(GLuint index, int components, const std::vector<float> &data,
                    GLuint divisor = 0);

   // Textures. All have nearest filtering and clamp to the edge, and are bound when returned.
   GLuint texture(GLenum target);
   GLuint texture_2d(GLenum internal, int width, int height, GLenum format, GLenum type,
                     const void *data);
   GLuint pattern(int width, int height); // RGBA8, no two texels alike
   // A framebuffer with one texture as its colour; bound when returned.
   GLuint framebuffer(GLuint texture, int level = 0);
   void check_framebuffer();
   // Show a texture in the whole viewport; with a uniform sampler2D named tex.
   void show(GLuint texture);

private:
   void make_canvas();
   GLuint compile(GLenum stage, std::string_view source);

   Api api_;
   Surface surface_;
   EGLDisplay display_;
   EGLConfig config_;
   EGLContext context_;
   EGLSurface egl_surface_;
   GLuint canvas_ = 0;
   GLuint flat_ = 0;
   GLuint show_ = 0;
   GLuint rect_array_ = 0;
   GLuint rect_buffer_ = 0;
   std::vector<std::string> failures_;
   std::vector<std::string> values_;
};

// Bytes of a width × height RGBA8 image in which no two neighbours are alike.
std::vector<uint8_t> pattern_bytes(int width, int height);

struct Scene {
   const char *name;
   Api api;
   void (*draw)(Test &);
   Surface surface = Surface::none;
};

// One table a file; main.cpp knows them all.
std::span<const Scene> draw_scenes();
std::span<const Scene> vertex_scenes();
std::span<const Scene> clamp_scenes();
std::span<const Scene> slot_scenes();
std::span<const Scene> clear_scenes();
std::span<const Scene> blit_scenes();
std::span<const Scene> copy_scenes();
std::span<const Scene> shader_scenes();
std::span<const Scene> shader_input_scenes();
std::span<const Scene> texture_scenes();
std::span<const Scene> sampler_scenes();
std::span<const Scene> format_scenes();
std::span<const Scene> framebuffer_scenes();
std::span<const Scene> state_scenes();
std::span<const Scene> raster_scenes();
std::span<const Scene> raster_position_scenes();
std::span<const Scene> polygon_scenes();
std::span<const Scene> traffic_scenes();
std::span<const Scene> query_scenes();
std::span<const Scene> feedback_scenes();
std::span<const Scene> buffer_scenes();
std::span<const Scene> transfer_scenes();
std::span<const Scene> sync_scenes();
std::span<const Scene> coherent_scenes();
std::span<const Scene> legacy_scenes();
std::span<const Scene> gles_scenes();
std::span<const Scene> present_scenes();
std::span<const Scene> extension_scenes();

} // namespace render
