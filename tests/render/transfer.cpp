// SPDX-License-Identifier: MIT
// Pixels: uploads of parts with odd strides, pixel buffers, read-backs.
#include "scene.hpp"

#include <algorithm>
#include <cstring>

namespace render {
namespace {

void sub_image_strides(Test &t)
{
   t.clear({0, 0, 0});
   const std::vector<uint8_t> source = Random(5).bytes(200 * 200 * 4);
   int i = 0;
   for (int alignment : {1, 2, 4, 8}) {
      for (int row_length : {0, 53}) {
         const GLuint texture = t.pattern(60, 60);
         glPixelStorei(GL_UNPACK_ALIGNMENT, alignment);
         glPixelStorei(GL_UNPACK_ROW_LENGTH, row_length);
         glPixelStorei(GL_UNPACK_SKIP_PIXELS, row_length ? 3 : 0);
         glPixelStorei(GL_UNPACK_SKIP_ROWS, row_length ? 2 : 0);
         glTexSubImage2D(GL_TEXTURE_2D, 0, 5, 7, 31, 29, GL_RGB, GL_UNSIGNED_BYTE, source.data());
         glTexSubImage2D(GL_TEXTURE_2D, 0, 40, 3, 13, 50, GL_RED, GL_UNSIGNED_BYTE, source.data());
         glTexSubImage2D(GL_TEXTURE_2D, 0, 1, 50, 1, 1, GL_RGBA, GL_UNSIGNED_BYTE, source.data());
         glPixelStorei(GL_UNPACK_ROW_LENGTH, 0);
         glPixelStorei(GL_UNPACK_SKIP_PIXELS, 0);
         glPixelStorei(GL_UNPACK_SKIP_ROWS, 0);
         t.tile(i++);
         t.show(texture);
      }
   }
   glPixelStorei(GL_UNPACK_ALIGNMENT, 4);
   // Other layouts of the source.
   static constexpr GLenum types[] = {GL_UNSIGNED_SHORT_5_6_5, GL_UNSIGNED_SHORT_4_4_4_4,
                                      GL_UNSIGNED_INT_8_8_8_8_REV, GL_UNSIGNED_INT_10_10_10_2,
                                      GL_UNSIGNED_SHORT, GL_HALF_FLOAT};
   for (GLenum type : types) {
      const GLenum format = type == GL_UNSIGNED_SHORT_5_6_5       ? GL_RGB
                            : type == GL_UNSIGNED_INT_8_8_8_8_REV ? GL_BGRA
                                                                  : GL_RGBA;
      std::vector<uint8_t> data = source;
      if (type == GL_HALF_FLOAT) { // numbers from 0.5 to 1
         for (size_t k = 1; k < data.size(); k += 2)
            data[k] = 0x38 | (data[k] & 3);
      }
      const GLuint texture = t.pattern(60, 60);
      glTexSubImage2D(GL_TEXTURE_2D, 0, 3, 3, 50, 50, format, type, data.data());
      t.tile(i++);
      t.show(texture);
   }
}

// Uploads between draws that sample the texture: later ones must not be seen by earlier draws.
void sub_image_in_use(Test &t)
{
   t.clear({0, 0, 0});
   const GLuint texture = t.pattern(64, 64);
   for (int i = 0; i < 64; i++) {
      t.tile(i, 8);
      t.show(texture);
      const Colour c = colour(i);
      std::vector<uint8_t> block;
      for (int k = 0; k < 16 * 16; k++)
         block.insert(block.end(), {static_cast<uint8_t>(c.r * 255), static_cast<uint8_t>(c.g * 255),
                                    static_cast<uint8_t>(k), 255});
      glTexSubImage2D(GL_TEXTURE_2D, 0, i * 7 % 48, i * 11 % 48, 16, 16, GL_RGBA, GL_UNSIGNED_BYTE,
                      block.data());
      if (i % 10 == 9) // the whole of it anew
         glTexImage2D(GL_TEXTURE_2D, 0, GL_RGBA8, 64, 64, 0, GL_RGBA, GL_UNSIGNED_BYTE,
                      pattern_bytes(64, 64).data());
   }
}

void boxes_3d(Test &t)
{
   t.clear({0, 0, 0});
   const std::vector<uint8_t> source = Random(6).bytes(40 * 40 * 20 * 4);
   int i = 0;
   for (GLenum target : {GL_TEXTURE_3D, GL_TEXTURE_2D_ARRAY}) {
      t.texture(target);
      glTexImage3D(target, 0, GL_RGBA8, 24, 20, 12, 0, GL_RGBA, GL_UNSIGNED_BYTE,
                   std::vector<uint8_t>(24 * 20 * 12 * 4, 40).data());
      glPixelStorei(GL_UNPACK_ROW_LENGTH, 21);
      glPixelStorei(GL_UNPACK_IMAGE_HEIGHT, 17);
      glPixelStorei(GL_UNPACK_SKIP_IMAGES, 1);
      glTexSubImage3D(target, 0, 3, 2, 4, 15, 13, 5, GL_RGBA, GL_UNSIGNED_BYTE, source.data());
      glPixelStorei(GL_UNPACK_ROW_LENGTH, 0);
      glPixelStorei(GL_UNPACK_IMAGE_HEIGHT, 0);
      glPixelStorei(GL_UNPACK_SKIP_IMAGES, 0);
      glTexSubImage3D(target, 0, 10, 9, 0, 2, 3, 12, GL_RGBA, GL_UNSIGNED_BYTE, source.data());
      t.quad_program(target == GL_TEXTURE_3D
                        ? "uniform sampler3D tex;\nvoid main() { vec2 p = uv * vec2(4.0, 3.0);\n"
                          "result = texture(tex, vec3(fract(p), (floor(p.y) * 4.0 + floor(p.x) +\n"
                          "0.5) / 12.0)); }\n"
                        : "uniform sampler2DArray tex;\nvoid main() { vec2 p = uv * vec2(4.0,\n"
                          "3.0); result = texture(tex, vec3(fract(p), floor(p.y) * 4.0 +\n"
                          "floor(p.x))); }\n");
      t.tile(i++, 2);
      t.rect();
      std::vector<uint8_t> back(24 * 20 * 12 * 4);
      glGetTexImage(target, 0, GL_RGBA, GL_UNSIGNED_BYTE, back.data());
      t.hash("box", back);
   }
}

void pixel_buffer_up(Test &t)
{
   t.clear({0, 0, 0});
   const std::vector<uint8_t> bytes = Random(17).bytes(64 * 64 * 4 + 100);
   t.buffer(GL_PIXEL_UNPACK_BUFFER, bytes, GL_STREAM_DRAW);
   int i = 0;
   for (GLenum format : {GL_RGBA8, GL_RGBA16F, GL_RGB565, GL_SRGB8_ALPHA8}) {
      const GLuint texture = t.texture_2d(format, 64, 64, GL_RGBA, GL_UNSIGNED_BYTE,
                                          reinterpret_cast<const void *>(16));
      glTexSubImage2D(GL_TEXTURE_2D, 0, 9, 5, 30, 40, GL_BGRA, GL_UNSIGNED_BYTE,
                      reinterpret_cast<const void *>(52));
      t.tile(i++);
      t.show(texture);
   }
   t.texture(GL_TEXTURE_2D_ARRAY);
   glTexImage3D(GL_TEXTURE_2D_ARRAY, 0, GL_RGBA8, 16, 16, 8, 0, GL_RGBA, GL_UNSIGNED_BYTE, nullptr);
   glTexSubImage3D(GL_TEXTURE_2D_ARRAY, 0, 1, 2, 3, 10, 9, 4, GL_RGBA, GL_UNSIGNED_BYTE,
                   reinterpret_cast<const void *>(20));
   glBindBuffer(GL_PIXEL_UNPACK_BUFFER, 0);
   t.quad_program("uniform sampler2DArray tex;\nvoid main() { result = texture(tex, vec3(uv, 4.0));"
                  "}\n");
   t.tile(i++);
   t.rect();
   // A buffer that is filled anew for each of several textures.
   const GLuint stream = t.buffer(GL_PIXEL_UNPACK_BUFFER, 64 * 64 * 4, nullptr, GL_STREAM_DRAW);
   for (int k = 0; k < 6; k++) {
      glBindBuffer(GL_PIXEL_UNPACK_BUFFER, stream);
      void *map = glMapBufferRange(GL_PIXEL_UNPACK_BUFFER, 0, 64 * 64 * 4,
                                   GL_MAP_WRITE_BIT | GL_MAP_INVALIDATE_BUFFER_BIT);
      if (map)
         memset(map, 30 + 35 * k, 64 * 64 * 4);
      glUnmapBuffer(GL_PIXEL_UNPACK_BUFFER);
      const GLuint texture = t.texture_2d(GL_RGBA8, 64, 64, GL_RGBA, GL_UNSIGNED_BYTE, nullptr);
      glBindBuffer(GL_PIXEL_UNPACK_BUFFER, 0);
      t.tile(i++);
      t.show(texture);
   }
}

void pixel_buffer_down(Test &t)
{
   t.clear({0.2f, 0.4f, 0.6f, 0.8f});
   t.quad_program("void main() { result = vec4(floor(uv * 32.0) / 32.0, 0.25, 0.75); }\n");
   t.rect(-0.8f, -0.9f, 0.7f, 0.8f);
   t.buffer(GL_PIXEL_PACK_BUFFER, 256 * 256 * 4 + 64, nullptr, GL_STREAM_READ);
   struct Read {
      int x, y, w, h;
      GLenum format, type;
      int alignment, row_length;
   };
   static constexpr Read reads[] = {
      {0, 0, 256, 256, GL_RGBA, GL_UNSIGNED_BYTE, 4, 0},
      {13, 21, 100, 77, GL_BGRA, GL_UNSIGNED_BYTE, 4, 0},
      {13, 21, 101, 50, GL_RGB, GL_UNSIGNED_BYTE, 1, 0},
      {60, 60, 40, 30, GL_RGBA, GL_UNSIGNED_BYTE, 8, 55},
      {100, 90, 33, 20, GL_RED, GL_UNSIGNED_BYTE, 4, 0},
   };
   for (const Read &r : reads) {
      std::vector<uint8_t> zero(256 * 256 * 4 + 64, 0xcd);
      glBufferSubData(GL_PIXEL_PACK_BUFFER, 0, static_cast<GLsizeiptr>(zero.size()), zero.data());
      glPixelStorei(GL_PACK_ALIGNMENT, r.alignment);
      glPixelStorei(GL_PACK_ROW_LENGTH, r.row_length);
      glReadPixels(r.x, r.y, r.w, r.h, r.format, r.type, reinterpret_cast<void *>(32));
      const auto *map = static_cast<const uint8_t *>(
         glMapBufferRange(GL_PIXEL_PACK_BUFFER, 0, static_cast<GLsizeiptr>(zero.size()),
                          GL_MAP_READ_BIT));
      if (map)
         t.hash("read", {map, zero.size()});
      else
         t.fail("the pixel buffer does not map");
      glUnmapBuffer(GL_PIXEL_PACK_BUFFER);
   }
   glPixelStorei(GL_PACK_ALIGNMENT, 4);
   glPixelStorei(GL_PACK_ROW_LENGTH, 0);
}

void read_pixels(Test &t)
{
   t.clear({0.2f, 0.4f, 0.6f, 0.8f});
   t.quad_program("void main() { result = vec4(floor(uv * 64.0) / 64.0, 0.5, 1.0); }\n");
   t.rect(-0.9f, -0.8f, 0.9f, 0.7f);
   struct Layout {
      GLenum format, type;
   };
   static constexpr Layout layouts[] = {
      {GL_RGBA, GL_UNSIGNED_BYTE}, {GL_BGRA, GL_UNSIGNED_INT_8_8_8_8_REV},
      {GL_RGB, GL_UNSIGNED_SHORT_5_6_5}, {GL_RGBA, GL_UNSIGNED_SHORT_4_4_4_4},
      {GL_RED, GL_UNSIGNED_BYTE}, {GL_GREEN, GL_UNSIGNED_SHORT},
      {GL_ALPHA, GL_UNSIGNED_BYTE}, {GL_RGBA, GL_UNSIGNED_INT_2_10_10_10_REV},
      {GL_RG, GL_BYTE},
   };
   for (const Layout &layout : layouts) {
      std::vector<uint8_t> out(100 * 80 * 8, 0);
      glReadPixels(31, 17, 99, 77, layout.format, layout.type, out.data());
      t.hash("pixels", out);
   }
   std::vector<float> floats(16 * 16 * 4);
   glReadPixels(120, 120, 16, 16, GL_RGBA, GL_FLOAT, floats.data());
   for (size_t i = 0; i < floats.size(); i += 97)
      t.value("float", static_cast<long long>(static_cast<double>(floats[i]) * 255.0 + 0.5));
   std::vector<uint8_t> outside(60 * 60 * 4, 7);
   glReadPixels(-20, 220, 60, 60, GL_RGBA, GL_UNSIGNED_BYTE, outside.data());
   t.hash("outside", outside);
   // Depth and stencil.
   glEnable(GL_DEPTH_TEST);
   glEnable(GL_STENCIL_TEST);
   glStencilFunc(GL_ALWAYS, 77, 0xff);
   glStencilOp(GL_KEEP, GL_KEEP, GL_REPLACE);
   t.use_flat(colour(1));
   t.rect(-0.3f, -0.3f, 0.3f, 0.3f, -0.25f);
   glDisable(GL_DEPTH_TEST);
   glDisable(GL_STENCIL_TEST);
   float depth = 0;
   uint8_t stencil = 0;
   uint32_t packed = 0;
   glReadPixels(128, 128, 1, 1, GL_DEPTH_COMPONENT, GL_FLOAT, &depth);
   glReadPixels(128, 128, 1, 1, GL_STENCIL_INDEX, GL_UNSIGNED_BYTE, &stencil);
   glReadPixels(128, 128, 1, 1, GL_DEPTH_STENCIL, GL_UNSIGNED_INT_24_8, &packed);
   t.value("depth", static_cast<long long>(static_cast<double>(depth) * 65536));
   t.value("stencil", stencil);
   t.value("packed-stencil", packed & 255);
   t.value("packed-depth", packed >> 16);
}

// Read-backs between draws: each sees all that was drawn before it and nothing after.
void read_in_turn(Test &t)
{
   t.clear({0, 0, 0});
   for (int i = 0; i < 40; i++) {
      t.use_flat(colour(i));
      const float x = -1.0f + 0.05f * static_cast<float>(i);
      t.rect(x, -0.9f, x + 0.4f, 0.9f);
      uint8_t pixel[4] = {};
      glReadPixels(i * 6, 128, 1, 1, GL_RGBA, GL_UNSIGNED_BYTE, pixel);
      t.value("pixel", pixel[0] << 16 | pixel[1] << 8 | pixel[2]);
   }
}

void large_texture(Test &t)
{
   t.clear({0, 0, 0});
   const std::vector<uint8_t> bytes = pattern_bytes(2048, 1024);
   const GLuint texture = t.texture_2d(GL_RGBA8, 2048, 1024, GL_RGBA, GL_UNSIGNED_BYTE,
                                       bytes.data());
   t.show(texture);
   std::vector<uint8_t> back(bytes.size());
   glGetTexImage(GL_TEXTURE_2D, 0, GL_RGBA, GL_UNSIGNED_BYTE, back.data());
   if (back != bytes)
      t.fail("a large texture does not read back as it was");
}

// One row that is longer than a command of the stream can hold.
void wide_row(Test &t)
{
   t.clear({0, 0, 0});
   GLint width = 0;
   glGetIntegerv(GL_MAX_TEXTURE_SIZE, &width);
   width = std::min(width, 16384);
   std::vector<float> texels(size_t(width) * 4);
   Random random(11);
   for (float &f : texels)
      f = random.unit();
   const GLuint texture = t.texture_2d(GL_RGBA32F, width, 2, GL_RGBA, GL_FLOAT, nullptr);
   for (int y = 0; y < 2; y++)
      glTexSubImage2D(GL_TEXTURE_2D, 0, 0, y, width, 1, GL_RGBA, GL_FLOAT, texels.data());
   t.show(texture);
   std::vector<float> back(texels.size() * 2);
   glGetTexImage(GL_TEXTURE_2D, 0, GL_RGBA, GL_FLOAT, back.data());
   if (!std::equal(texels.begin(), texels.end(), back.begin()) ||
       !std::equal(texels.begin(), texels.end(), back.begin() + ptrdiff_t(texels.size())))
      t.fail("a wide row does not read back as it was");
}

constexpr Scene table[] = {
   {"transfer-wide-row", Api::core, wide_row},
   {"transfer-strides", Api::core, sub_image_strides},
   {"transfer-in-use", Api::core, sub_image_in_use},
   {"transfer-boxes", Api::core, boxes_3d},
   {"transfer-buffer-up", Api::core, pixel_buffer_up},
   {"transfer-buffer-down", Api::core, pixel_buffer_down},
   {"transfer-read-pixels", Api::core, read_pixels},
   {"transfer-read-in-turn", Api::core, read_in_turn},
   {"transfer-large", Api::core, large_texture},
};

} // namespace

std::span<const Scene> transfer_scenes()
{
   return table;
}

} // namespace render
