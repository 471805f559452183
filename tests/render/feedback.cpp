// SPDX-License-Identifier: MIT
// Transform feedback: interleaved, separate, from geometry shaders, drawn again.
#include "scene.hpp"

namespace render {
namespace {

constexpr char capture_vs[] = "in vec3 position; in vec2 texcoord; out vec4 place; out vec3 c;\n"
                              "void main() { place = vec4(position.yx * 0.8, 0.0, 1.0);\n"
                              "c = vec3(texcoord, 0.25 * float(gl_VertexID));\n"
                              "gl_Position = vec4(position * 0.5, 1.0); }\n";
constexpr char capture_fs[] = "in vec3 c; out vec4 result;\nvoid main() { result = vec4(c, 1.0); }\n";

// What was captured, as integers: sums of floats differ in the last bit on no host, but printing
// them rounded says what was meant.
void note(Test &t, const char *name, GLenum target, size_t count)
{
   std::vector<float> v(count);
   glGetBufferSubData(target, 0, static_cast<GLsizeiptr>(count * 4), v.data());
   for (size_t i = 0; i < count; i++)
      t.value(std::string(name) + "-" + std::to_string(i),
              static_cast<long long>(static_cast<double>(v[i]) * 4096.0));
}

void draw_captured(Test &t, GLuint places, GLintptr offset, GLsizei stride, GLenum mode, GLint count)
{
   t.program("in vec4 position; in vec3 tint; out vec3 c;\n"
             "void main() { c = tint; gl_Position = position; }\n", capture_fs);
   t.vertex_array();
   glBindBuffer(GL_ARRAY_BUFFER, places);
   glVertexAttribPointer(0, 4, GL_FLOAT, GL_FALSE, stride, reinterpret_cast<const void *>(offset));
   glEnableVertexAttribArray(0);
   glVertexAttrib3f(2, 0.9f, 0.5f, 0.2f);
   if (stride) {
      glVertexAttribPointer(2, 3, GL_FLOAT, GL_FALSE, stride,
                            reinterpret_cast<const void *>(offset + 16));
      glEnableVertexAttribArray(2);
   }
   glDrawArrays(mode, 0, count);
}

void interleaved(Test &t)
{
   t.clear({0.1f, 0.1f, 0.1f});
   static constexpr const char *names[] = {"place", "c"};
   t.program(capture_vs, capture_fs, {}, names);
   GLuint query = 0;
   glGenQueries(1, &query);
   const GLuint buffer = t.buffer(GL_TRANSFORM_FEEDBACK_BUFFER, 4096, nullptr, GL_DYNAMIC_COPY);
   glBindBufferBase(GL_TRANSFORM_FEEDBACK_BUFFER, 0, buffer);
   glBeginQuery(GL_TRANSFORM_FEEDBACK_PRIMITIVES_WRITTEN, query);
   glBeginTransformFeedback(GL_TRIANGLES);
   t.rect();
   glEndTransformFeedback();
   glEndQuery(GL_TRANSFORM_FEEDBACK_PRIMITIVES_WRITTEN);
   GLuint written = 0;
   glGetQueryObjectuiv(query, GL_QUERY_RESULT, &written);
   t.value("written", written);
   note(t, "captured", GL_TRANSFORM_FEEDBACK_BUFFER, 42);
   draw_captured(t, buffer, 0, 28, GL_TRIANGLES, 6);
}

void separate(Test &t)
{
   t.clear({0.1f, 0.1f, 0.1f});
   static constexpr const char *names[] = {"place", "c"};
   t.program(capture_vs, capture_fs, {}, names, GL_SEPARATE_ATTRIBS);
   const GLuint places = t.buffer(GL_TRANSFORM_FEEDBACK_BUFFER, 1024, nullptr, GL_DYNAMIC_COPY);
   const GLuint tones = t.buffer(GL_TRANSFORM_FEEDBACK_BUFFER, 1024, nullptr, GL_DYNAMIC_COPY);
   glBindBufferRange(GL_TRANSFORM_FEEDBACK_BUFFER, 0, places, 64, 512);
   glBindBufferRange(GL_TRANSFORM_FEEDBACK_BUFFER, 1, tones, 0, 36); // room for one triangle
   GLuint queries[2] = {};
   glGenQueries(2, queries);
   glBeginQuery(GL_TRANSFORM_FEEDBACK_PRIMITIVES_WRITTEN, queries[0]);
   glBeginQuery(GL_PRIMITIVES_GENERATED, queries[1]);
   glBeginTransformFeedback(GL_TRIANGLES);
   t.rect();
   glEndTransformFeedback();
   glEndQuery(GL_PRIMITIVES_GENERATED);
   glEndQuery(GL_TRANSFORM_FEEDBACK_PRIMITIVES_WRITTEN);
   for (GLuint query : queries) {
      GLuint n = 0;
      glGetQueryObjectuiv(query, GL_QUERY_RESULT, &n);
      t.value("primitives", n);
   }
   glBindBuffer(GL_TRANSFORM_FEEDBACK_BUFFER, tones);
   note(t, "tones", GL_TRANSFORM_FEEDBACK_BUFFER, 9);
   draw_captured(t, places, 64, 0, GL_TRIANGLES, 3);
}

void from_geometry(Test &t)
{
   t.clear({0.1f, 0.1f, 0.1f});
   static constexpr const char *names[] = {"place"};
   t.program("in vec2 position;\nvoid main() { gl_Position = vec4(position, 0.0, 1.0); }\n",
             "out vec4 result;\nvoid main() { result = vec4(0.2, 0.4, 0.6, 1.0); }\n",
             "layout(points) in; layout(triangle_strip, max_vertices = 4) out;\nout vec4 place;\n"
             "void main() { for (int i = 0; i < 4; i++) { place = gl_in[0].gl_Position +\n"
             "vec4(0.3 * float(i % 2), 0.4 * float(i / 2), 0.0, 0.0); gl_Position = place;\n"
             "EmitVertex(); } }\n",
             names);
   t.vertex_array();
   t.attribute(0, 2, {-0.8f, -0.8f, 0.1f, 0.1f, 0.4f, -0.7f});
   const GLuint buffer = t.buffer(GL_TRANSFORM_FEEDBACK_BUFFER, 2048, nullptr, GL_DYNAMIC_COPY);
   glBindBufferBase(GL_TRANSFORM_FEEDBACK_BUFFER, 0, buffer);
   glEnable(GL_RASTERIZER_DISCARD);
   glBeginTransformFeedback(GL_TRIANGLES);
   glDrawArrays(GL_POINTS, 0, 3);
   glEndTransformFeedback();
   glDisable(GL_RASTERIZER_DISCARD);
   note(t, "captured", GL_TRANSFORM_FEEDBACK_BUFFER, 72);
   draw_captured(t, buffer, 0, 0, GL_TRIANGLES, 18);
}

void objects_paused(Test &t)
{
   if (!t.need("GL_ARB_transform_feedback2"))
      return;
   t.clear({0.1f, 0.1f, 0.1f});
   static constexpr const char *names[] = {"place", "c"};
   const GLuint capture = t.program(capture_vs, capture_fs, {}, names);
   GLuint object = 0;
   glGenTransformFeedbacks(1, &object);
   glBindTransformFeedback(GL_TRANSFORM_FEEDBACK, object);
   const GLuint buffer = t.buffer(GL_TRANSFORM_FEEDBACK_BUFFER, 4096, nullptr, GL_DYNAMIC_COPY);
   glBindBufferBase(GL_TRANSFORM_FEEDBACK_BUFFER, 0, buffer);
   glBeginTransformFeedback(GL_TRIANGLES);
   t.rect(-0.9f, -0.9f, 0, 0);
   glPauseTransformFeedback();
   t.use_flat(colour(4)); // not captured
   t.rect(-0.2f, 0.5f, 0.2f, 0.9f);
   glUseProgram(capture);
   glResumeTransformFeedback();
   t.rect(0.3f, 0.2f, 0.9f, 0.9f);
   glEndTransformFeedback();
   glBindTransformFeedback(GL_TRANSFORM_FEEDBACK, 0);
   t.program("in vec4 position; in vec3 tint; out vec3 c;\n"
             "void main() { c = tint.bgr; gl_Position = position * vec4(1.0, -1.0, 1.0, 1.0); }\n",
             capture_fs);
   t.vertex_array();
   glBindBuffer(GL_ARRAY_BUFFER, buffer);
   glVertexAttribPointer(0, 4, GL_FLOAT, GL_FALSE, 28, nullptr);
   glVertexAttribPointer(2, 3, GL_FLOAT, GL_FALSE, 28, reinterpret_cast<const void *>(16));
   glEnableVertexAttribArray(0);
   glEnableVertexAttribArray(2);
   glDrawTransformFeedback(GL_TRIANGLES, object); // as many as were captured
   glDisableVertexAttribArray(2);
   glVertexAttrib3f(2, 0.9f, 0.9f, 0.9f);
   glDrawTransformFeedbackInstanced(GL_TRIANGLES, object, 0);
   glDeleteTransformFeedbacks(1, &object);
}

// What a condition keeps from being drawn is not captured, and not drawn again.
void conditional(Test &t)
{
   t.clear({0.1f, 0.2f, 0.1f});
   static constexpr const char *names[] = {"place"};
   t.program(capture_vs, capture_fs, {}, names);
   GLuint object = 0, query = 0;
   glGenTransformFeedbacks(1, &object);
   glBindTransformFeedback(GL_TRANSFORM_FEEDBACK, object);
   std::vector<float> rest; // would be seen
   for (int i = 0; i < 8; i++)
      rest.insert(rest.end(), {-0.9f, -0.9f, 0, 1, -0.5f, -0.9f, 0, 1, -0.9f, -0.5f, 0, 1});
   const GLuint buffer = t.buffer(GL_TRANSFORM_FEEDBACK_BUFFER, rest.size() * 4, rest.data(),
                                  GL_DYNAMIC_COPY);
   glBindBufferBase(GL_TRANSFORM_FEEDBACK_BUFFER, 0, buffer);
   glGenQueries(1, &query);
   glBeginQuery(GL_ANY_SAMPLES_PASSED, query);
   glEndQuery(GL_ANY_SAMPLES_PASSED);
   glEnable(GL_RASTERIZER_DISCARD);
   glBeginTransformFeedback(GL_TRIANGLES);
   glBeginConditionalRender(query, GL_QUERY_WAIT);
   t.rect(-0.9f, -0.9f, 0, 0);
   glEndConditionalRender();
   t.rect(0.1f, 0.1f, 0.9f, 0.9f);
   glEndTransformFeedback();
   glDisable(GL_RASTERIZER_DISCARD);
   glBindTransformFeedback(GL_TRANSFORM_FEEDBACK, 0);
   t.program("in vec4 position;\nvoid main() { gl_Position = position; }\n",
             "out vec4 result;\nvoid main() { result = vec4(0.9, 0.5, 0.2, 1.0); }\n");
   t.vertex_array();
   glBindBuffer(GL_ARRAY_BUFFER, buffer);
   glVertexAttribPointer(0, 4, GL_FLOAT, GL_FALSE, 0, nullptr);
   glEnableVertexAttribArray(0);
   glDrawTransformFeedback(GL_TRIANGLES, object);
   glDeleteTransformFeedbacks(1, &object);
   glDeleteQueries(1, &query);
}

// Particles that move on the GPU: each pass captures what the next one reads.
void particles(Test &t)
{
   t.clear({0, 0, 0});
   static constexpr const char *names[] = {"next"};
   const GLuint step = t.program("in vec4 position; out vec4 next;\nvoid main() {\n"
                                 "next = vec4(position.xy + position.zw * 0.05, position.zw);\n"
                                 "if (abs(next.x) > 0.95) next.z = -next.z;\n"
                                 "if (abs(next.y) > 0.95) next.w = -next.w;\n"
                                 "gl_Position = vec4(next.xy, 0.0, 1.0); gl_PointSize = 2.0; }\n",
                                 "out vec4 result;\nvoid main() { result = vec4(0.3, 0.9, 0.6,\n"
                                 "1.0); }\n",
                                 {}, names);
   std::vector<float> start(400);
   Random random(13);
   for (float &f : start)
      f = random.unit() * 1.8f - 0.9f;
   t.vertex_array();
   GLuint buffers[2] = {t.buffer(GL_ARRAY_BUFFER, start, GL_DYNAMIC_COPY),
                        t.buffer(GL_ARRAY_BUFFER, 1600, nullptr, GL_DYNAMIC_COPY)};
   glUseProgram(step);
   glEnableVertexAttribArray(0);
   for (int i = 0; i < 30; i++) {
      glBindBuffer(GL_ARRAY_BUFFER, buffers[i % 2]);
      glVertexAttribPointer(0, 4, GL_FLOAT, GL_FALSE, 0, nullptr);
      glBindBufferBase(GL_TRANSFORM_FEEDBACK_BUFFER, 0, buffers[1 - i % 2]);
      glBeginTransformFeedback(GL_POINTS);
      glDrawArrays(GL_POINTS, 0, 100);
      glEndTransformFeedback();
   }
}

// As much is drawn again as was captured and not what else is in the buffer: here triangles that would
// cover everything. From vertex shaders, with restarts, from geometry shaders, into a buffer that is too
// small, with a query of the application's, and with the first capture's count lasting into the second.
void drawn_again(Test &t)
{
   if (!t.need("GL_ARB_transform_feedback2"))
      return;
   t.clear({0.1f, 0.1f, 0.1f});
   static constexpr const char *names[] = {"place"};
   const std::string vs = "in vec2 position; out vec4 at; out vec4 place;\nvoid main() {\n"
                          "place = at = gl_Position = vec4(position, 0.0, 1.0); }\n";
   const std::string gs = "layout(triangles) in; layout(triangle_strip, max_vertices = 4) out;\n"
                          "in vec4 at[]; out vec4 place;\nvoid main() {\n"
                          "for (int i = 0; i < 4; i++) { place = at[i % 3] * vec4(i == 3 ? 0.5 : 1.0,\n"
                          "1.0, 1.0, 1.0); gl_Position = place; EmitVertex(); } }\n";
   const std::string fs = "out vec4 result;\nvoid main() { result = vec4(1.0); }\n";
   const GLuint plain = t.program(vs, fs, {}, names);
   const GLuint geometry = t.program("in vec2 position; out vec4 at;\nvoid main() {\n"
                                     "at = vec4(position, 0.0, 1.0); gl_Position = at; }\n",
                                     fs, gs, names);
   std::vector<float> everything;
   for (int i = 0; i < 40; i++)
      everything.insert(everything.end(), {-1, -1, 0, 1, 3, -1, 0, 1, -1, 3, 0, 1});
   static constexpr GLubyte index[] = {0, 1, 2, 3, 255, 1, 2, 4};
   GLuint query = 0;
   glGenQueries(1, &query);
   for (int way = 0; way < 7; way++) {
      GLuint object = 0;
      glGenTransformFeedbacks(1, &object);
      glBindTransformFeedback(GL_TRANSFORM_FEEDBACK, object);
      const GLuint buffer = t.buffer(GL_TRANSFORM_FEEDBACK_BUFFER, everything, GL_DYNAMIC_COPY);
      glBindBufferRange(GL_TRANSFORM_FEEDBACK_BUFFER, 0, buffer, 0, way == 4 ? 88 : 1920);
      t.vertex_array();
      t.attribute(0, 2, {-0.9f, -0.9f, -0.1f, -0.8f, -0.7f, -0.1f, 0.3f, 0.1f, 0.8f, 0.9f});
      glUseProgram(way == 2 || way == 3 || way == 5 ? geometry : plain);
      glEnable(GL_RASTERIZER_DISCARD);
      if (way == 5)
         glBeginQuery(GL_TRANSFORM_FEEDBACK_PRIMITIVES_WRITTEN, query);
      glBeginTransformFeedback(GL_TRIANGLES);
      if (way == 1) {
         glEnable(GL_PRIMITIVE_RESTART);
         glPrimitiveRestartIndex(255);
         t.buffer(GL_ELEMENT_ARRAY_BUFFER, sizeof(index), index);
         glDrawElements(GL_TRIANGLE_STRIP, 8, GL_UNSIGNED_BYTE, nullptr);
         glDisable(GL_PRIMITIVE_RESTART);
      } else {
         glDrawArrays(way == 6 ? GL_TRIANGLE_FAN : GL_TRIANGLES, 0, way == 6 ? 5 : 3);
      }
      if (way == 3 || way == 0) {
         glPauseTransformFeedback();
         t.use_flat(colour(1));
         t.rect();
         glUseProgram(way == 3 ? geometry : plain);
         t.vertex_array();
         t.attribute(0, 2, {-0.9f, 0.1f, -0.1f, 0.2f, -0.7f, 0.8f, 0.3f, 0.1f, 0.8f, 0.9f});
         glResumeTransformFeedback();
      }
      glDrawArraysInstanced(GL_TRIANGLE_STRIP, 0, 4, way == 0 ? 2 : 1);
      glEndTransformFeedback();
      if (way == 5) {
         glEndQuery(GL_TRANSFORM_FEEDBACK_PRIMITIVES_WRITTEN);
         GLuint written = 0;
         glGetQueryObjectuiv(query, GL_QUERY_RESULT, &written);
         t.value("written", written);
      }
      glDisable(GL_RASTERIZER_DISCARD);
      t.tile(way, 3);
      t.program("in vec4 position;\nvoid main() { gl_Position = position; }\n",
                "out vec4 result;\nvoid main() { result = vec4(0.9, 0.5, 0.2, 1.0); }\n");
      t.vertex_array();
      glBindBuffer(GL_ARRAY_BUFFER, buffer);
      glVertexAttribPointer(0, 4, GL_FLOAT, GL_FALSE, 0, nullptr);
      glEnableVertexAttribArray(0);
      if (way != 5) // whose count a host tells the application only
         glDrawTransformFeedback(GL_TRIANGLES, object);
      glBindTransformFeedback(GL_TRANSFORM_FEEDBACK, 0);
   }
   glDeleteQueries(1, &query);
}

// Another way of sampling is another shader to the host, with which it would not go on.
void sampler_changes(Test &t)
{
   t.clear({0.1f, 0.2f, 0.1f});
   t.pattern(16, 16);
   static constexpr const char *names[] = {"place"};
   t.program("in vec3 position; in vec2 texcoord; out vec4 place; out vec2 tc;\nvoid main() {\n"
             "place = vec4(position, 1.0); tc = texcoord * 0.5 + 0.25; gl_Position = place; }\n",
             "uniform sampler2D s; in vec2 tc; out vec4 result;\n"
             "void main() { result = texture(s, tc); }\n", {}, names);
   const GLuint buffer = t.buffer(GL_TRANSFORM_FEEDBACK_BUFFER, 4096, nullptr, GL_DYNAMIC_COPY);
   glBindBufferBase(GL_TRANSFORM_FEEDBACK_BUFFER, 0, buffer);
   glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_LINEAR);
   glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, GL_LINEAR);
   glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_WRAP_S, GL_REPEAT);
   glBeginTransformFeedback(GL_TRIANGLES);
   t.rect(-0.9f, -0.9f, 0, 0);
   glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_WRAP_S, 0x2900); // GL_CLAMP
   t.rect(0.1f, 0.1f, 0.9f, 0.9f);
   glPauseTransformFeedback();
   t.rect(-0.9f, 0.1f, -0.1f, 0.9f);
   glResumeTransformFeedback();
   t.rect(0.1f, -0.9f, 0.9f, -0.1f);
   glEndTransformFeedback();
   note(t, "captured", GL_TRANSFORM_FEEDBACK_BUFFER, 72);
}

constexpr Scene table[] = {
   {"feedback-sampler-changes", Api::compat, sampler_changes},
   {"feedback-conditional", Api::core, conditional},
   {"feedback-drawn-again", Api::core, drawn_again},
   {"feedback-interleaved", Api::core, interleaved},
   {"feedback-separate", Api::core, separate},
   {"feedback-geometry", Api::core, from_geometry},
   {"feedback-objects", Api::core, objects_paused},
   {"feedback-particles", Api::core, particles},
};

} // namespace

std::span<const Scene> feedback_scenes()
{
   return table;
}

} // namespace render
