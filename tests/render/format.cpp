// SPDX-License-Identifier: MIT
// Formats: upload, sample, draw to, read back.
#include "scene.hpp"

#include <cstring>

namespace render {
namespace {

struct Format {
   GLenum internal;
   const char *name;
};

#define F(name) {GL_##name, #name}

constexpr Format colour_formats[] = {
   F(R8), F(RG8), F(RGB8), F(RGBA8), F(R16), F(RG16), F(RGB16), F(RGBA16), F(R16F), F(RG16F),
   F(RGB16F), F(RGBA16F), F(R32F), F(RG32F), F(RGB32F), F(RGBA32F), F(RGB10_A2), F(RGB5_A1),
   F(RGBA4), F(RGB565), F(R11F_G11F_B10F), F(RGB9_E5), F(SRGB8), F(SRGB8_ALPHA8), F(R8_SNORM),
   F(RG8_SNORM), F(RGBA8_SNORM), F(R16_SNORM), F(RG16_SNORM), F(RGBA16_SNORM), F(R3_G3_B2),
   F(RGBA2),
};

constexpr Format integer_formats[] = {
   F(R8UI), F(RG8UI), F(RGBA8UI), F(R16UI), F(RG16UI), F(RGBA16UI), F(R32UI), F(RG32UI),
   F(RGBA32UI), F(RGB10_A2UI), F(R8I), F(RG8I), F(RGBA8I), F(R16I), F(RG16I), F(RGBA16I), F(R32I),
   F(RG32I), F(RGBA32I), F(RGB8UI), F(RGB16I), F(RGB32UI),
};

constexpr Format legacy_formats[] = {
   F(ALPHA8), F(ALPHA16), F(LUMINANCE8), F(LUMINANCE16), F(LUMINANCE8_ALPHA8),
   F(LUMINANCE16_ALPHA16), F(INTENSITY8), F(INTENSITY16), F(LUMINANCE6_ALPHA2),
   F(SLUMINANCE8), F(SLUMINANCE8_ALPHA8), F(ALPHA32F_ARB), F(LUMINANCE16F_ARB),
   F(LUMINANCE_ALPHA32F_ARB), F(INTENSITY16F_ARB),
};

constexpr bool is_signed(std::string_view name)
{
   return name.back() == 'I' && name[name.size() - 2] != 'U';
}

void colours_sampled(Test &t)
{
   t.clear({0.1f, 0.1f, 0.1f});
   const std::vector<uint8_t> texels = pattern_bytes(16, 16);
   int i = 0;
   for (const Format &format : colour_formats) {
      t.tile(i++, 6);
      t.show(t.texture_2d(format.internal, 16, 16, GL_RGBA, GL_UNSIGNED_BYTE, texels.data()));
   }
}

void integers_sampled(Test &t)
{
   t.clear({0.1f, 0.1f, 0.1f});
   std::vector<uint32_t> texels;
   Random random(4);
   for (int i = 0; i < 256 * 4; i++)
      texels.push_back(random.next() >> (8 + i % 20));
   int i = 0;
   for (const Format &format : integer_formats) {
      const bool negative = is_signed(format.name);
      t.texture_2d(format.internal, 16, 16, GL_RGBA_INTEGER, negative ? GL_INT : GL_UNSIGNED_INT,
                   texels.data());
      t.tile(i++, 5);
      t.quad_program(std::string("uniform ") + (negative ? "i" : "u") +
                     "sampler2D tex;\nvoid main() { uvec4 v = uvec4(texture(tex, uv));\n"
                     "v ^= v >> 16u; v ^= v >> 8u; result = vec4(v & 255u) / 255.0;\n"
                     "result.a = 1.0; }\n");
      t.rect();
   }
}

// Drawing to each format that must be renderable, blending included, then showing it.
void colours_drawn(Test &t)
{
   static constexpr Format formats[] = {
      F(R8), F(RG8), F(RGBA8), F(R16), F(RG16), F(RGBA16), F(R16F), F(RG16F), F(RGBA16F), F(R32F),
      F(RG32F), F(RGBA32F), F(RGB10_A2), F(RGB5_A1), F(RGBA4), F(RGB565), F(R11F_G11F_B10F),
      F(SRGB8_ALPHA8), F(RGB8),
   };
   std::vector<GLuint> textures;
   for (const Format &format : formats) {
      const GLuint texture = t.texture_2d(format.internal, 32, 32, GL_RGBA, GL_UNSIGNED_BYTE,
                                          nullptr);
      t.framebuffer(texture);
      t.check_framebuffer();
      glViewport(0, 0, 32, 32);
      glClearColor(0.2f, 0.3f, 0.4f, 0.5f);
      glClear(GL_COLOR_BUFFER_BIT);
      t.quad_program("void main() { result = vec4(uv, 0.7, uv.x); }\n");
      t.rect(-0.8f, -0.8f, 0.8f, 0.8f);
      glEnable(GL_BLEND);
      glBlendFunc(GL_SRC_ALPHA, GL_ONE_MINUS_SRC_ALPHA);
      t.use_flat({0.9f, 0.1f, 0.3f, 0.5f});
      t.rect(-0.4f, -1.0f, 0.3f, 0.2f);
      glDisable(GL_BLEND);
      textures.push_back(texture);
   }
   t.bind_canvas();
   t.clear({0, 0, 0});
   int i = 0;
   for (GLuint texture : textures) {
      t.tile(i++, 5);
      t.show(texture);
   }
}

void integers_drawn(Test &t)
{
   t.clear({0, 0, 0});
   int i = 0;
   for (const Format &format : integer_formats) {
      if (strncmp(format.name, "RGB", 3) == 0 && format.name[3] != 'A' && format.name[3] != '1')
         continue; // not renderable
      const std::string prefix = is_signed(format.name) ? "i" : "u";
      const GLenum type = prefix == "i" ? GL_INT : GL_UNSIGNED_INT;
      const GLuint texture = t.texture_2d(format.internal, 32, 32, GL_RGBA_INTEGER, type, nullptr);
      t.framebuffer(texture);
      t.check_framebuffer();
      glViewport(0, 0, 32, 32);
      t.program("in vec3 position; in vec2 texcoord; out vec2 uv;\n"
                "void main() { uv = texcoord; gl_Position = vec4(position, 1.0); }\n",
                "in vec2 uv; out " + prefix + "vec4 number;\nvoid main() { number = " + prefix +
                   "vec4(uv * 90.0, uv.x * 3.0, 1.0); }\n");
      t.rect();
      GLuint pixels[4] = {};
      glReadPixels(20, 7, 1, 1, GL_RGBA_INTEGER, type, pixels);
      t.value(format.name, pixels[0] * 1000ll + pixels[1]);
      t.bind_canvas();
      t.tile(i++, 5);
      t.quad_program("uniform " + prefix + "sampler2D tex;\nvoid main() { " +
                     "vec4 v = vec4(texture(tex, uv)); result = vec4(v.rgb / 100.0, 1.0); }\n");
      glBindTexture(GL_TEXTURE_2D, texture);
      t.rect();
   }
}

// What comes back from glGetTexImage, for textures that were uploaded and never drawn to.
void read_back(Test &t)
{
   t.clear({0.3f, 0.1f, 0.1f});
   t.show(t.pattern(32, 32));
   const std::vector<uint8_t> texels = pattern_bytes(20, 12);
   for (const Format &format : colour_formats) {
      t.texture_2d(format.internal, 20, 12, GL_RGBA, GL_UNSIGNED_BYTE, texels.data());
      std::vector<uint8_t> back(20 * 12 * 4);
      glGetTexImage(GL_TEXTURE_2D, 0, GL_RGBA, GL_UNSIGNED_BYTE, back.data());
      t.hash(format.name, back);
   }
   for (const Format &format : integer_formats) {
      const bool negative = is_signed(format.name);
      const GLenum type = negative ? GL_INT : GL_UNSIGNED_INT;
      std::vector<uint32_t> numbers(20 * 12 * 4);
      for (size_t i = 0; i < numbers.size(); i++)
         numbers[i] = static_cast<uint32_t>(i * 3 % 120);
      t.texture_2d(format.internal, 20, 12, GL_RGBA_INTEGER, type, numbers.data());
      std::vector<uint8_t> back(20 * 12 * 16);
      glGetTexImage(GL_TEXTURE_2D, 0, GL_RGBA_INTEGER, type, back.data());
      t.hash(format.name, back);
   }
   // And of what was drawn.
   const GLuint drawn = t.texture_2d(GL_RGBA16F, 32, 32, GL_RGBA, GL_UNSIGNED_BYTE, nullptr);
   t.framebuffer(drawn);
   glViewport(0, 0, 32, 32);
   t.quad_program("void main() { result = vec4(floor(uv * 16.0) / 16.0, 0.5, 1.0); }\n");
   t.rect();
   std::vector<float> floats(32 * 32 * 4);
   glBindTexture(GL_TEXTURE_2D, drawn);
   glGetTexImage(GL_TEXTURE_2D, 0, GL_RGBA, GL_FLOAT, floats.data());
   t.hash("drawn", {reinterpret_cast<const uint8_t *>(floats.data()), floats.size() * 4});
   t.bind_canvas();
}

void depth_sampled(Test &t)
{
   struct Depth {
      GLenum internal, format, type;
   };
   static constexpr Depth formats[] = {
      {GL_DEPTH_COMPONENT16, GL_DEPTH_COMPONENT, GL_UNSIGNED_INT},
      {GL_DEPTH_COMPONENT24, GL_DEPTH_COMPONENT, GL_UNSIGNED_INT},
      {GL_DEPTH_COMPONENT32F, GL_DEPTH_COMPONENT, GL_FLOAT},
      {GL_DEPTH24_STENCIL8, GL_DEPTH_STENCIL, GL_UNSIGNED_INT_24_8},
      {GL_DEPTH32F_STENCIL8, GL_DEPTH_STENCIL, GL_FLOAT_32_UNSIGNED_INT_24_8_REV},
   };
   t.clear({0, 0, 0});
   int i = 0;
   for (const Depth &depth : formats) {
      std::vector<uint32_t> texels;
      for (uint32_t k = 0; k < 256; k++) {
         const float f = static_cast<float>(k * 11 % 256) / 255.0f;
         uint32_t bits = static_cast<uint32_t>(static_cast<double>(f) * 4294967295.0);
         if (depth.format == GL_DEPTH_COMPONENT && depth.type == GL_FLOAT)
            memcpy(&bits, &f, 4);
         if (depth.type == GL_FLOAT_32_UNSIGNED_INT_24_8_REV) {
            memcpy(&bits, &f, 4);
            texels.push_back(bits);
            texels.push_back(k);
            continue;
         }
         texels.push_back(bits);
      }
      const GLuint texture = t.texture_2d(depth.internal, 16, 16, depth.format, depth.type,
                                          texels.data());
      t.tile(i++, 3);
      t.show(texture);
      std::vector<float> back(256);
      glGetTexImage(GL_TEXTURE_2D, 0, GL_DEPTH_COMPONENT, GL_FLOAT, back.data());
      for (float f : {back[17], back[100], back[255]})
         t.value("depth", static_cast<long long>(static_cast<double>(f) * 4096 + 0.5));
   }
}

void compressed(Test &t)
{
   struct Block {
      GLenum format;
      const char *extension;
      size_t bytes; // of a 4×4 block
   };
   static constexpr Block blocks[] = {
      {GL_COMPRESSED_RGB_S3TC_DXT1_EXT, "GL_EXT_texture_compression_s3tc", 8},
      {GL_COMPRESSED_RGBA_S3TC_DXT1_EXT, "GL_EXT_texture_compression_s3tc", 8},
      {GL_COMPRESSED_RGBA_S3TC_DXT3_EXT, "GL_EXT_texture_compression_s3tc", 16},
      {GL_COMPRESSED_RGBA_S3TC_DXT5_EXT, "GL_EXT_texture_compression_s3tc", 16},
      {GL_COMPRESSED_RED_RGTC1, "GL_ARB_texture_compression_rgtc", 8},
      {GL_COMPRESSED_SIGNED_RED_RGTC1, "GL_ARB_texture_compression_rgtc", 8},
      {GL_COMPRESSED_RG_RGTC2, "GL_ARB_texture_compression_rgtc", 16},
      {GL_COMPRESSED_RGBA_BPTC_UNORM, "GL_ARB_texture_compression_bptc", 16},
      {GL_COMPRESSED_RGB8_ETC2, "GL_ARB_ES3_compatibility", 8},
      {GL_COMPRESSED_RGBA8_ETC2_EAC, "GL_ARB_ES3_compatibility", 16},
      {GL_COMPRESSED_R11_EAC, "GL_ARB_ES3_compatibility", 8},
   };
   t.clear({0.1f, 0.1f, 0.1f});
   int i = 0;
   for (const Block &block : blocks) {
      if (!t.need(block.extension))
         continue;
      const GLuint texture = t.texture(GL_TEXTURE_2D);
      const std::vector<uint8_t> data = Random(70 + block.format).bytes(block.bytes * 64);
      glCompressedTexImage2D(GL_TEXTURE_2D, 0, block.format, 32, 32, 0,
                             static_cast<GLsizei>(data.size()), data.data());
      const std::vector<uint8_t> part = Random(90).bytes(block.bytes * 6);
      glCompressedTexSubImage2D(GL_TEXTURE_2D, 0, 8, 4, 12, 8, block.format,
                                static_cast<GLsizei>(part.size()), part.data());
      t.tile(i++);
      t.show(texture);
   }
}

// What is read back knows nothing of the swizzle that the texture is drawn with, before and after.
void read_swizzled(Test &t)
{
   t.clear({0.1f, 0.1f, 0.1f});
   static constexpr GLint swizzle[] = {GL_ALPHA, GL_RED, GL_ONE, GL_RED};
   int i = 0;
   for (GLenum format : {GL_COMPRESSED_RED_RGTC1, GL_COMPRESSED_RG_RGTC2, GL_RGBA8}) {
      std::vector<uint8_t> texels = pattern_bytes(32, 32);
      const GLuint texture =
         t.texture_2d(GLint(format), 32, 32, GL_RGBA, GL_UNSIGNED_BYTE, texels.data());
      glTexParameteriv(GL_TEXTURE_2D, GL_TEXTURE_SWIZZLE_RGBA, swizzle);
      t.tile(i++, 3);
      t.show(texture);
      glBindTexture(GL_TEXTURE_2D, texture);
      glGetTexImage(GL_TEXTURE_2D, 0, GL_RGBA, GL_UNSIGNED_BYTE, texels.data());
      t.tile(i++, 3);
      t.show(t.texture_2d(GL_RGBA8, 32, 32, GL_RGBA, GL_UNSIGNED_BYTE, texels.data()));
      t.tile(i++, 3);
      t.show(texture);
   }
}

void legacy_sampled(Test &t)
{
   t.clear({0.2f, 0.3f, 0.4f});
   const std::vector<uint8_t> texels = pattern_bytes(16, 16);
   glEnable(GL_BLEND);
   glBlendFunc(GL_SRC_ALPHA, GL_ONE_MINUS_SRC_ALPHA);
   int i = 0;
   for (const Format &format : legacy_formats) {
      t.tile(i++);
      t.show(t.texture_2d(format.internal, 16, 16, GL_RGBA, GL_UNSIGNED_BYTE, texels.data()));
   }
   glDisable(GL_BLEND);
}

// Depth of 24 bits comes back as it went: all of them.
void depth_24(Test &t)
{
   std::vector<uint32_t> texels;
   Random random(24);
   for (int i = 0; i < 32 * 32; i++)
      texels.push_back((random.next() & 0xffffff00) | 0x80);
   for (GLenum format : {GL_DEPTH_COMPONENT24, GL_DEPTH24_STENCIL8}) {
      t.texture_2d(format, 32, 32, GL_DEPTH_COMPONENT, GL_UNSIGNED_INT, texels.data());
      std::vector<uint32_t> back(32 * 32);
      glGetTexImage(GL_TEXTURE_2D, 0, GL_DEPTH_COMPONENT, GL_UNSIGNED_INT, back.data());
      int wrong = 0;
      for (size_t i = 0; i < back.size(); i++)
         wrong += back[i] >> 8 != texels[i] >> 8;
      t.value("wrong", wrong);
      // From a framebuffer, too.
      GLuint name = 0, buffer = 0;
      glGenFramebuffers(1, &name);
      glGenRenderbuffers(1, &buffer);
      glBindFramebuffer(GL_FRAMEBUFFER, name);
      glBindRenderbuffer(GL_RENDERBUFFER, buffer);
      glRenderbufferStorage(GL_RENDERBUFFER, format, 32, 32);
      glFramebufferRenderbuffer(GL_FRAMEBUFFER, GL_DEPTH_ATTACHMENT, GL_RENDERBUFFER, buffer);
      glDrawBuffer(GL_NONE);
      glReadBuffer(GL_NONE);
      for (int i = 0; i < 8; i++) {
         glClearDepth(random.unit());
         glClear(GL_DEPTH_BUFFER_BIT);
         GLuint depth = 0;
         glReadPixels(3, 4, 1, 1, GL_DEPTH_COMPONENT, GL_UNSIGNED_INT, &depth);
         t.value("cleared", depth >> 8);
      }
   }
   t.bind_canvas();
   t.clear({0.2f, 0.2f, 0.2f});
   t.show(t.pattern(16, 16));
}

// Every layer of a compressed array, decompressed.
void compressed_layers(Test &t)
{
   if (!t.need("GL_EXT_texture_compression_s3tc"))
      return;
   t.texture(GL_TEXTURE_2D_ARRAY);
   const std::vector<uint8_t> data = Random(5).bytes(5 * 16 * 8);
   glCompressedTexImage3D(GL_TEXTURE_2D_ARRAY, 0, GL_COMPRESSED_RGBA_S3TC_DXT1_EXT, 16, 16, 5, 0,
                          static_cast<GLsizei>(data.size()), data.data());
   std::vector<uint8_t> back(5 * 16 * 16 * 4);
   glGetTexImage(GL_TEXTURE_2D_ARRAY, 0, GL_RGBA, GL_UNSIGNED_BYTE, back.data());
   t.clear({0.1f, 0.2f, 0.2f});
   for (int layer = 0; layer < 5; layer++) {
      t.tile(layer);
      t.show(t.texture_2d(GL_RGBA8, 16, 16, GL_RGBA, GL_UNSIGNED_BYTE,
                          back.data() + layer * 16 * 16 * 4));
   }
}

void luminance_blocks(Test &t)
{
   if (!t.need("GL_EXT_texture_compression_latc") || !t.need("GL_ATI_texture_compression_3dc"))
      return;
   t.clear({0.3f, 0.2f, 0.1f});
   glEnable(GL_BLEND);
   glBlendFunc(GL_SRC_ALPHA, GL_ONE_MINUS_SRC_ALPHA);
   int i = 0;
   for (GLenum format :
        {GL_COMPRESSED_LUMINANCE_LATC1_EXT, GL_COMPRESSED_SIGNED_LUMINANCE_LATC1_EXT,
         GL_COMPRESSED_LUMINANCE_ALPHA_LATC2_EXT, GL_COMPRESSED_SIGNED_LUMINANCE_ALPHA_LATC2_EXT,
         GL_COMPRESSED_LUMINANCE_ALPHA_3DC_ATI}) {
      t.texture(GL_TEXTURE_2D);
      const std::vector<uint8_t> data = Random(30 + i).bytes(i < 2 ? 64 * 8 : 64 * 16);
      glCompressedTexImage2D(GL_TEXTURE_2D, 0, format, 32, 32, 0, static_cast<GLsizei>(data.size()),
                             data.data());
      std::vector<uint8_t> back(32 * 32 * 4);
      glGetTexImage(GL_TEXTURE_2D, 0, GL_RGBA, GL_UNSIGNED_BYTE, back.data());
      t.hash("texels", back);
      GLint texture = 0;
      glGetIntegerv(GL_TEXTURE_BINDING_2D, &texture);
      t.tile(i++);
      t.show(static_cast<GLuint>(texture));
   }
   glDisable(GL_BLEND);
}

// Their borders, which have an alpha of their own, in turn with those of textures without blocks.
void luminance_borders(Test &t)
{
   if (!t.need("GL_EXT_texture_compression_latc"))
      return;
   t.clear({0.3f, 0.2f, 0.6f});
   glEnable(GL_BLEND);
   glBlendFunc(GL_SRC_ALPHA, GL_ONE_MINUS_SRC_ALPHA);
   glEnable(GL_TEXTURE_2D);
   static constexpr GLfloat border[] = {0.9f, 0.9f, 0.9f, 0.4f};
   const std::vector<uint8_t> texels = pattern_bytes(16, 16);
   int i = 0;
   for (GLint format : {GL_COMPRESSED_LUMINANCE_ALPHA_LATC2_EXT, GL_LUMINANCE8_ALPHA8,
                        GL_COMPRESSED_SIGNED_LUMINANCE_ALPHA_LATC2_EXT, GL_RGBA8}) {
      t.texture_2d(format, 16, 16, GL_RGBA, GL_UNSIGNED_BYTE, texels.data());
      glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_WRAP_S, GL_CLAMP_TO_BORDER);
      glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_WRAP_T, GL_CLAMP_TO_BORDER);
      glTexParameterfv(GL_TEXTURE_2D, GL_TEXTURE_BORDER_COLOR, border);
      t.tile(i++, 2);
      glBegin(GL_TRIANGLE_FAN);
      for (int k = 0; k < 4; k++) {
         const float x = k == 1 || k == 2 ? 1.0f : 0.0f, y = k > 1 ? 1.0f : 0.0f;
         glTexCoord2f(3 * x - 1, 3 * y - 1);
         glVertex2f(1.8f * x - 0.9f, 1.8f * y - 0.9f);
      }
      glEnd();
   }
   glDisable(GL_TEXTURE_2D);
   glDisable(GL_BLEND);
}

// Alpha without colours, cleared by itself and beside colours, drawn to and blended.
void alpha_drawn(Test &t)
{
   std::vector<GLuint> shown;
   for (GLenum format : {GL_ALPHA8, GL_ALPHA16, GL_ALPHA16F_ARB, GL_ALPHA32F_ARB}) {
      // Floats need not go together with colours.
      for (int beside = 0; beside < (format == GL_ALPHA8 || format == GL_ALPHA16 ? 3 : 1); beside++) {
         const GLuint alpha = t.texture_2d(format, 32, 32, GL_RGBA, GL_UNSIGNED_BYTE, nullptr);
         const GLuint colours = t.texture_2d(GL_RGBA8, 32, 32, GL_RGBA, GL_UNSIGNED_BYTE, nullptr);
         GLuint name = 0;
         glGenFramebuffers(1, &name);
         glBindFramebuffer(GL_FRAMEBUFFER, name);
         const GLenum both[] = {GL_COLOR_ATTACHMENT0, GL_COLOR_ATTACHMENT1};
         glFramebufferTexture2D(GL_FRAMEBUFFER, both[beside == 2], GL_TEXTURE_2D, alpha, 0);
         if (beside)
            glFramebufferTexture2D(GL_FRAMEBUFFER, both[beside == 1], GL_TEXTURE_2D, colours, 0);
         t.check_framebuffer();
         glDrawBuffers(beside ? 2 : 1, both);
         glViewport(0, 0, 32, 32);
         glClearColor(0.9f, 0.7f, 0.5f, 0.3f);
         glClear(GL_COLOR_BUFFER_BIT);
         if (!beside) { // the host's shader has one way for all targets
            t.use_flat({0.2f, 0.4f, 0.6f, 0.8f});
            t.rect(-0.5f, -0.5f, 0.2f, 0.9f);
            glEnable(GL_BLEND);
            glBlendFunc(GL_ONE, GL_SRC_ALPHA);
            t.rect(-0.9f, -0.1f, 0.9f, 0.3f);
            glDisable(GL_BLEND);
         }
         shown.push_back(alpha);
         if (beside)
            shown.push_back(colours);
      }
   }
   t.bind_canvas();
   t.clear({0, 0, 0});
   glEnable(GL_BLEND);
   glBlendFunc(GL_ONE, GL_SRC_ALPHA);
   int i = 0;
   for (GLuint texture : shown) {
      t.tile(i++, 5);
      t.use_flat({0.9f, 0.9f, 0.9f});
      t.rect();
      t.show(texture);
   }
   glDisable(GL_BLEND);
}

constexpr Scene table[] = {
   {"format-colours-sampled", Api::core, colours_sampled},
   {"format-integers-sampled", Api::core, integers_sampled},
   {"format-colours-drawn", Api::core, colours_drawn},
   {"format-integers-drawn", Api::core, integers_drawn},
   {"format-read-back", Api::core, read_back},
   {"format-depth-sampled", Api::core, depth_sampled},
   {"format-compressed", Api::core, compressed},
   {"format-legacy-sampled", Api::compat, legacy_sampled},
   {"format-depth-24", Api::core, depth_24},
   {"format-read-swizzled", Api::core, read_swizzled},
   {"format-compressed-layers", Api::core, compressed_layers},
   {"format-luminance-blocks", Api::compat, luminance_blocks},
   {"format-luminance-borders", Api::compat, luminance_borders},
   {"format-alpha-drawn", Api::compat, alpha_drawn},
};

} // namespace

std::span<const Scene> format_scenes()
{
   return table;
}

} // namespace render
