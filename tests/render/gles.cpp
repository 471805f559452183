// SPDX-License-Identifier: MIT
// OpenGL ES 2 and 3.
#include "scene.hpp"

#include <cstring>

namespace render {
namespace {

void es2_basics(Test &t)
{
   t.clear({0.1f, 0.2f, 0.3f});
   t.tile(0, 2);
   t.show(t.pattern(37, 29)); // not a power of two
   t.tile(1, 2);
   const float v[] = {-0.8f, -0.8f, 0.9f, -0.5f, 0.1f, 0.8f};
   const uint8_t tints[] = {255, 0, 0, 0, 255, 0, 0, 0, 255};
   t.program("attribute vec2 position; attribute vec3 tint; varying vec3 c;\n"
             "void main() { c = tint; gl_Position = vec4(position, 0.0, 1.0); }\n",
             "varying vec3 c;\nvoid main() { gl_FragColor = vec4(c, 1.0); }\n");
   glBindBuffer(GL_ARRAY_BUFFER, 0); // ES 2 may take vertices from memory
   glVertexAttribPointer(0, 2, GL_FLOAT, GL_FALSE, 0, v);
   glVertexAttribPointer(2, 3, GL_UNSIGNED_BYTE, GL_TRUE, 0, tints);
   glEnableVertexAttribArray(0);
   glEnableVertexAttribArray(2);
   const uint8_t indices[] = {0, 1, 2};
   glDrawElements(GL_TRIANGLES, 3, GL_UNSIGNED_BYTE, indices);
   glDisableVertexAttribArray(2);
   t.tile(2, 2);
   const GLuint luminance = t.texture_2d(GL_LUMINANCE_ALPHA, 16, 16, GL_LUMINANCE_ALPHA,
                                         GL_UNSIGNED_BYTE, Random(3).bytes(512).data());
   glEnable(GL_BLEND);
   glBlendFunc(GL_SRC_ALPHA, GL_ONE_MINUS_SRC_ALPHA);
   t.show(luminance);
   glDisable(GL_BLEND);
   t.tile(3, 2);
   t.texture(GL_TEXTURE_CUBE_MAP);
   for (GLuint face = 0; face < 6; face++)
      glTexImage2D(GL_TEXTURE_CUBE_MAP_POSITIVE_X + face, 0, GL_RGBA, 8, 8, 0, GL_RGBA,
                   GL_UNSIGNED_BYTE, Random(face + 9).bytes(256).data());
   t.quad_program("uniform samplerCube tex;\nvoid main() { float a = uv.x * 6.28;\n"
                  "result = textureCube(tex, vec3(sin(a), uv.y * 2.0 - 1.0, cos(a))); }\n");
   t.rect();
}

void es2_framebuffer(Test &t)
{
   t.clear({0.1f, 0.1f, 0.1f});
   const GLuint texture = t.texture_2d(GL_RGB, 64, 64, GL_RGB, GL_UNSIGNED_SHORT_5_6_5, nullptr);
   t.framebuffer(texture);
   GLuint depth = 0;
   glGenRenderbuffers(1, &depth);
   glBindRenderbuffer(GL_RENDERBUFFER, depth);
   glRenderbufferStorage(GL_RENDERBUFFER, GL_DEPTH_COMPONENT16, 64, 64);
   glFramebufferRenderbuffer(GL_FRAMEBUFFER, GL_DEPTH_ATTACHMENT, GL_RENDERBUFFER, depth);
   t.check_framebuffer();
   glViewport(0, 0, 64, 64);
   t.clear({0.3f, 0.2f, 0.1f});
   glEnable(GL_DEPTH_TEST);
   t.use_flat(colour(1));
   t.rect(-0.9f, -0.9f, 0.4f, 0.4f, 0.1f);
   t.use_flat(colour(2));
   t.rect(-0.4f, -0.4f, 0.9f, 0.9f, 0.4f);
   glDisable(GL_DEPTH_TEST);
   t.bind_canvas();
   t.tile(0, 2);
   t.show(texture);
   t.tile(1, 2);
   t.pattern(32, 32);
   glGenerateMipmap(GL_TEXTURE_2D);
   glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_NEAREST_MIPMAP_NEAREST);
   t.quad_program("uniform sampler2D tex;\nvoid main() { result = texture2D(tex, uv * 6.0, 0.5); "
                  "}\n");
   t.rect();
   const GLuint copy = t.texture(GL_TEXTURE_2D);
   glCopyTexImage2D(GL_TEXTURE_2D, 0, GL_RGBA, 20, 20, 100, 90, 0);
   t.tile(2, 2);
   t.show(copy);
}

void es3_basics(Test &t)
{
   t.clear({0.1f, 0.2f, 0.1f});
   t.tile(0, 2);
   t.program("in vec2 position; out vec3 c;\nvoid main() {\n"
             "c = vec3(float(gl_InstanceID) / 8.0, float(gl_VertexID) / 3.0, 0.5);\n"
             "gl_Position = vec4(position + vec2(0.2 * float(gl_InstanceID) - 0.8, 0.0), 0.0,\n"
             "1.0); }\n",
             "in vec3 c; out vec4 result;\nvoid main() { result = vec4(c, 1.0); }\n");
   t.vertex_array();
   t.attribute(0, 2, {-0.1f, -0.8f, 0.1f, -0.5f, 0, 0.9f});
   glDrawArraysInstanced(GL_TRIANGLES, 0, 3, 9);
   t.tile(1, 2);
   const GLuint p = t.quad_program("layout(std140) uniform Tone { vec4 a; vec4 b; };\n"
                                   "void main() { result = mix(a, b, uv.x); }\n");
   t.buffer(GL_UNIFORM_BUFFER, std::vector<float>{0.9f, 0.1f, 0.2f, 1, 0.1f, 0.8f, 0.9f, 1});
   GLint buffer = 0;
   glGetIntegerv(GL_UNIFORM_BUFFER_BINDING, &buffer);
   glBindBufferBase(GL_UNIFORM_BUFFER, 0, static_cast<GLuint>(buffer));
   glUniformBlockBinding(p, glGetUniformBlockIndex(p, "Tone"), 0);
   t.rect();
   t.tile(2, 2);
   t.texture(GL_TEXTURE_3D);
   glTexImage3D(GL_TEXTURE_3D, 0, GL_RGBA8, 8, 8, 4, 0, GL_RGBA, GL_UNSIGNED_BYTE,
                Random(6).bytes(1024).data());
   t.quad_program("uniform highp sampler3D tex;\nvoid main() { result = texture(tex, vec3(uv,\n"
                  "uv.x)); }\n");
   t.rect();
   t.tile(3, 2);
   t.texture_2d(GL_RGBA8UI, 16, 16, GL_RGBA_INTEGER, GL_UNSIGNED_BYTE, Random(8).bytes(1024).data());
   t.quad_program("uniform usampler2D tex;\n"
                  "void main() { result = vec4(texture(tex, uv)) / 255.0; }\n");
   t.rect();
}

void es3_buffers(Test &t)
{
   t.clear({0.2f, 0.1f, 0.2f});
   static constexpr const char *names[] = {"place"};
   t.program("in vec3 position; out vec4 place;\nvoid main() {\n"
             "place = vec4(position.yx * 0.7, 0.0, 1.0); gl_Position = place; }\n",
             "out vec4 result;\nvoid main() { result = vec4(0.9, 0.7, 0.1, 1.0); }\n", {}, names);
   const GLuint captured = t.buffer(GL_TRANSFORM_FEEDBACK_BUFFER, 1024, nullptr, GL_DYNAMIC_COPY);
   glBindBufferBase(GL_TRANSFORM_FEEDBACK_BUFFER, 0, captured);
   t.vertex_array();
   t.attribute(0, 3, {-0.9f, -0.8f, 0, 0.8f, -0.3f, 0, -0.2f, 0.9f, 0});
   glBeginTransformFeedback(GL_TRIANGLES);
   glDrawArrays(GL_TRIANGLES, 0, 3);
   glEndTransformFeedback();
   const auto *map = static_cast<const float *>(
      glMapBufferRange(GL_TRANSFORM_FEEDBACK_BUFFER, 0, 48, GL_MAP_READ_BIT));
   for (int i = 0; map && i < 12; i++)
      t.value("captured", static_cast<long long>(static_cast<double>(map[i]) * 4096));
   glUnmapBuffer(GL_TRANSFORM_FEEDBACK_BUFFER);
   glBindBufferBase(GL_TRANSFORM_FEEDBACK_BUFFER, 0, 0);
   glEnable(GL_PRIMITIVE_RESTART_FIXED_INDEX);
   t.use_flat(colour(5));
   t.vertex_array();
   t.attribute(0, 3, {-0.9f, 0.5f, 0, -0.5f, 0.5f, 0, -0.7f, 0.9f, 0, 0.5f, 0.5f, 0, 0.9f, 0.5f, 0,
                      0.7f, 0.9f, 0});
   t.buffer(GL_ELEMENT_ARRAY_BUFFER, std::vector<uint16_t>{0, 1, 2, 0xffff, 3, 4, 5});
   glDrawElements(GL_TRIANGLE_STRIP, 7, GL_UNSIGNED_SHORT, nullptr);
   glDisable(GL_PRIMITIVE_RESTART_FIXED_INDEX);
   GLuint query = 0, any = 0;
   glGenQueries(1, &query);
   glBeginQuery(GL_ANY_SAMPLES_PASSED, query);
   t.use_flat(colour(3));
   t.rect(-0.9f, -0.9f, -0.6f, -0.6f);
   glEndQuery(GL_ANY_SAMPLES_PASSED);
   glGetQueryObjectuiv(query, GL_QUERY_RESULT, &any);
   t.value("any", any != 0);
   const GLenum gone[] = {GL_DEPTH_ATTACHMENT};
   glInvalidateFramebuffer(GL_FRAMEBUFFER, 1, gone);
}

void es3_targets(Test &t)
{
   t.clear({0, 0, 0});
   GLuint name = 0, textures[2];
   for (GLuint &texture : textures) {
      texture = t.texture(GL_TEXTURE_2D);
      glTexStorage2D(GL_TEXTURE_2D, 1, GL_RGBA8, 64, 64);
   }
   glGenFramebuffers(1, &name);
   glBindFramebuffer(GL_FRAMEBUFFER, name);
   const GLenum both[] = {GL_COLOR_ATTACHMENT0, GL_COLOR_ATTACHMENT1};
   for (int i = 0; i < 2; i++)
      glFramebufferTexture2D(GL_FRAMEBUFFER, both[i], GL_TEXTURE_2D, textures[i], 0);
   glDrawBuffers(2, both);
   glViewport(0, 0, 64, 64);
   t.program("in vec3 position; in vec2 texcoord; out vec2 uv;\n"
             "void main() { uv = texcoord; gl_Position = vec4(position, 1.0); }\n",
             "in vec2 uv; layout(location = 0) out vec4 a; layout(location = 1) out vec4 b;\n"
             "void main() { a = vec4(uv, 0.2, 1.0); b = vec4(0.3, uv.yx, 1.0); }\n");
   t.rect();
   glReadBuffer(GL_COLOR_ATTACHMENT1);
   glBindFramebuffer(GL_DRAW_FRAMEBUFFER, t.canvas());
   glBlitFramebuffer(0, 0, 64, 64, 10, 10, 120, 120, GL_COLOR_BUFFER_BIT, GL_LINEAR);
   t.bind_canvas();
   t.tile(3, 2);
   t.show(textures[0]);
   GLuint multisampled = 0;
   glGenRenderbuffers(1, &multisampled);
   glBindRenderbuffer(GL_RENDERBUFFER, multisampled);
   glRenderbufferStorageMultisample(GL_RENDERBUFFER, 4, GL_RGBA8, 100, 100);
   glGenFramebuffers(1, &name);
   glBindFramebuffer(GL_FRAMEBUFFER, name);
   glFramebufferRenderbuffer(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_RENDERBUFFER, multisampled);
   glViewport(0, 0, 100, 100);
   glClearColor(0.1f, 0.1f, 0.4f, 1);
   glClear(GL_COLOR_BUFFER_BIT);
   t.use_flat(colour(6));
   t.rect(-0.77f, -0.63f, 0.71f, 0.59f);
   const GLuint resolved = t.texture_2d(GL_RGBA8, 100, 100, GL_RGBA, GL_UNSIGNED_BYTE, nullptr);
   t.framebuffer(resolved);
   glBindFramebuffer(GL_READ_FRAMEBUFFER, name);
   glBlitFramebuffer(0, 0, 100, 100, 0, 0, 100, 100, GL_COLOR_BUFFER_BIT, GL_NEAREST);
   t.bind_canvas();
   t.tile(2, 2);
   t.show(resolved);
}

constexpr Scene table[] = {
   {"es2-basics", Api::es2, es2_basics},   {"es2-framebuffer", Api::es2, es2_framebuffer},
   {"es3-basics", Api::es3, es3_basics},   {"es3-buffers", Api::es3, es3_buffers},
   {"es3-targets", Api::es3, es3_targets},
};

} // namespace

std::span<const Scene> gles_scenes()
{
   return table;
}

} // namespace render
