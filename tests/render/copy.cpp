// SPDX-License-Identifier: MIT
// Copies: from framebuffers to textures, between textures, between buffers.
#include "scene.hpp"

namespace render {
namespace {

void tex_image(Test &t)
{
   t.clear({0.1f, 0.2f, 0.1f});
   t.tile(0, 2);
   t.show(t.pattern(50, 50));
   const GLuint copy = t.texture(GL_TEXTURE_2D);
   glCopyTexImage2D(GL_TEXTURE_2D, 0, GL_RGBA8, 10, 20, 64, 64, 0);
   t.tile(1, 2);
   t.show(copy);
   const GLuint part = t.texture_2d(GL_RGB8, 64, 64, GL_RGBA, GL_UNSIGNED_BYTE,
                                    Random(2).bytes(64 * 64 * 4).data());
   glCopyTexSubImage2D(GL_TEXTURE_2D, 0, 10, 8, 30, 30, 40, 40);
   glCopyTexSubImage2D(GL_TEXTURE_2D, 0, 0, 50, -20, 100, 60, 10); // partly outside
   t.tile(2, 2);
   t.show(part);
   const GLuint slices = t.texture(GL_TEXTURE_3D);
   glTexImage3D(GL_TEXTURE_3D, 0, GL_RGBA8, 16, 16, 4, 0, GL_RGBA, GL_UNSIGNED_BYTE,
                Random(4).bytes(16 * 16 * 4 * 4).data());
   glCopyTexSubImage3D(GL_TEXTURE_3D, 0, 3, 2, 2, 40, 40, 12, 13);
   t.tile(3, 2);
   t.quad_program("uniform sampler3D tex;\nvoid main() { result =\n"
                  "texture(tex, vec3(uv, 0.625)); }\n");
   glBindTexture(GL_TEXTURE_3D, slices);
   t.rect();
}

void tex_image_depth(Test &t)
{
   t.clear({0, 0, 0});
   glEnable(GL_DEPTH_TEST);
   for (int i = 0; i < 5; i++) {
      t.use_flat(colour(i));
      const float at = -0.9f + 0.35f * static_cast<float>(i);
      t.rect(at, at, at + 0.5f, at + 0.4f, at);
   }
   glDisable(GL_DEPTH_TEST);
   const GLuint copy = t.texture(GL_TEXTURE_2D);
   glCopyTexImage2D(GL_TEXTURE_2D, 0, GL_DEPTH_COMPONENT24, 0, 0, 256, 256, 0);
   const GLuint part = t.texture_2d(GL_DEPTH_COMPONENT24, 64, 64, GL_DEPTH_COMPONENT,
                                    GL_UNSIGNED_INT, std::vector<uint32_t>(4096, 0x40000000).data());
   glCopyTexSubImage2D(GL_TEXTURE_2D, 0, 4, 8, 90, 90, 50, 40);
   t.tile(1, 2);
   t.show(copy);
   t.tile(2, 2);
   t.show(part);
}

void tex_image_1d_cube(Test &t)
{
   t.clear({0, 0, 0});
   t.show(t.pattern(64, 64));
   const GLuint line = t.texture(GL_TEXTURE_1D);
   glCopyTexImage1D(GL_TEXTURE_1D, 0, GL_RGBA8, 5, 100, 128, 0);
   glCopyTexSubImage1D(GL_TEXTURE_1D, 0, 60, 20, 30, 20);
   const GLuint cube = t.texture(GL_TEXTURE_CUBE_MAP);
   for (GLuint face = 0; face < 6; face++) {
      glCopyTexImage2D(GL_TEXTURE_CUBE_MAP_POSITIVE_X + face, 0, GL_RGBA8,
                       static_cast<GLint>(face * 20), 10, 64, 64, 0);
   }
   t.quad_program("uniform sampler1D tex;\nvoid main() { result = texture(tex, uv.x); }\n");
   glBindTexture(GL_TEXTURE_1D, line);
   t.tile(0, 2);
   t.rect();
   t.quad_program("uniform samplerCube tex;\nvoid main() { float a = uv.x * 6.2832;\n"
                  "result = texture(tex, vec3(sin(a), uv.y * 3.0 - 1.5, cos(a))); }\n");
   glBindTexture(GL_TEXTURE_CUBE_MAP, cube);
   t.tile(3, 2);
   t.rect();
}

void image_sub_data(Test &t)
{
   if (!t.need("GL_ARB_copy_image"))
      return;
   t.clear({0, 0, 0});
   const GLuint from = t.pattern(64, 64);
   const GLuint to = t.texture_2d(GL_RGBA8, 64, 64, GL_RGBA, GL_UNSIGNED_BYTE,
                                  Random(1).bytes(64 * 64 * 4).data());
   glCopyImageSubData(from, GL_TEXTURE_2D, 0, 5, 6, 0, to, GL_TEXTURE_2D, 0, 20, 10, 0, 30, 40, 1);
   t.tile(0, 2);
   t.show(to);
   // Another format of the same size: the bits are kept.
   const GLuint bits = t.texture_2d(GL_RGB10_A2, 64, 64, GL_RGBA, GL_UNSIGNED_BYTE,
                                    Random(8).bytes(64 * 64 * 4).data());
   glCopyImageSubData(from, GL_TEXTURE_2D, 0, 0, 0, 0, bits, GL_TEXTURE_2D, 0, 8, 8, 0, 40, 48, 1);
   t.tile(1, 2);
   t.show(bits);
   const GLuint array = t.texture(GL_TEXTURE_2D_ARRAY);
   glTexImage3D(GL_TEXTURE_2D_ARRAY, 0, GL_RGBA8, 32, 32, 4, 0, GL_RGBA, GL_UNSIGNED_BYTE,
                Random(3).bytes(32 * 32 * 4 * 4).data());
   const GLuint volume = t.texture(GL_TEXTURE_3D);
   glTexImage3D(GL_TEXTURE_3D, 0, GL_RGBA8, 32, 32, 4, 0, GL_RGBA, GL_UNSIGNED_BYTE,
                Random(6).bytes(32 * 32 * 4 * 4).data());
   glCopyImageSubData(array, GL_TEXTURE_2D_ARRAY, 0, 2, 3, 1, volume, GL_TEXTURE_3D, 0, 5, 5, 2, 20,
                      20, 2); // layers to slices
   glCopyImageSubData(from, GL_TEXTURE_2D, 0, 0, 0, 0, array, GL_TEXTURE_2D_ARRAY, 0, 4, 4, 3, 24,
                      24, 1);
   t.tile(2, 2);
   t.quad_program("uniform sampler3D tex;\nvoid main() { result =\n"
                  "texture(tex, vec3(uv, uv.x > 0.5 ? 0.625 : 0.875)); }\n");
   glBindTexture(GL_TEXTURE_3D, volume);
   t.rect();
   t.tile(3, 2);
   t.quad_program("uniform sampler2DArray tex;\nvoid main() { result =\n"
                  "texture(tex, vec3(uv, 3.0)); }\n");
   glBindTexture(GL_TEXTURE_2D_ARRAY, array);
   t.rect();
}

void buffer_sub_data(Test &t)
{
   t.clear({0.1f, 0.1f, 0.1f});
   t.use_flat(colour(3));
   t.vertex_array();
   const std::vector<float> corners{-0.8f, -0.8f, 0, 0.8f, -0.8f, 0, 0, 0.8f, 0};
   const GLuint from = t.buffer(GL_COPY_READ_BUFFER, corners);
   const GLuint to = t.buffer(GL_COPY_WRITE_BUFFER, 1000, nullptr, GL_DYNAMIC_COPY);
   glCopyBufferSubData(GL_COPY_READ_BUFFER, GL_COPY_WRITE_BUFFER, 0, 100, 36);
   glCopyBufferSubData(GL_COPY_READ_BUFFER, GL_COPY_WRITE_BUFFER, 12, 200, 24);
   glBindBuffer(GL_COPY_READ_BUFFER, to); // within one buffer
   glCopyBufferSubData(GL_COPY_READ_BUFFER, GL_COPY_WRITE_BUFFER, 100, 224, 12);
   glBindBuffer(GL_ARRAY_BUFFER, to);
   glEnableVertexAttribArray(0);
   int i = 0;
   for (uintptr_t offset : {uintptr_t{100}, uintptr_t{200}}) {
      glVertexAttribPointer(0, 3, GL_FLOAT, GL_FALSE, 0, reinterpret_cast<const void *>(offset));
      t.tile(i++, 2);
      glDrawArrays(GL_TRIANGLES, 0, 3);
   }
   std::vector<uint8_t> back(36);
   glGetBufferSubData(GL_ARRAY_BUFFER, 200, 36, back.data());
   t.hash("copied", back);
   glBindBuffer(GL_COPY_READ_BUFFER, from);
   glGetBufferSubData(GL_COPY_READ_BUFFER, 0, 36, back.data());
   t.hash("source", back);
}

constexpr Scene table[] = {
   {"copy-tex-image", Api::core, tex_image},
   {"copy-tex-image-depth", Api::core, tex_image_depth},
   {"copy-tex-image-1d-cube", Api::core, tex_image_1d_cube},
   {"copy-image-sub-data", Api::core, image_sub_data},
   {"copy-buffer-sub-data", Api::core, buffer_sub_data},
};

} // namespace

std::span<const Scene> copy_scenes()
{
   return table;
}

} // namespace render
