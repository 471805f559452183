// SPDX-License-Identifier: MIT
// Queries: occlusion, primitives, time, conditional rendering.
#include "scene.hpp"

namespace render {
namespace {

GLuint result_of(GLuint query)
{
   GLuint result = 0;
   glGetQueryObjectuiv(query, GL_QUERY_RESULT, &result);
   return result;
}

void occlusion(Test &t)
{
   t.clear({0.1f, 0.1f, 0.1f});
   GLuint queries[10];
   glGenQueries(10, queries);
   glEnable(GL_DEPTH_TEST);
   t.use_flat(colour(0));
   t.rect(-0.5f, -0.5f, 0.5f, 0.5f, 0);
   for (int i = 0; i < 10; i++) {
      const float x = -1.0f + 0.15f * static_cast<float>(i);
      t.use_flat(colour(i + 1));
      glBeginQuery(i < 7 ? GL_SAMPLES_PASSED : GL_ANY_SAMPLES_PASSED, queries[i]);
      if (i != 4 && i != 8) // nothing is drawn in these
         t.rect(x, -0.7f, x + 0.4f, 0.3f, i % 2 ? 0.5f : -0.5f);
      if (i == 5)
         t.rect(-0.9f, 0.5f, -0.7f, 0.7f, 0); // more draws
      if (i == 6)
         t.clear({0.2f, 0.1f, 0.1f}); // which does not count
      glEndQuery(i < 7 ? GL_SAMPLES_PASSED : GL_ANY_SAMPLES_PASSED);
   }
   glDisable(GL_DEPTH_TEST);
   for (int i = 9; i >= 0; i--)
      t.value("samples-" + std::to_string(i), result_of(queries[i]));
   glDeleteQueries(10, queries);
}

// What is no draw to the application is not counted, even if the driver draws to do it.
void not_counted(Test &t)
{
   t.clear({0.1f, 0.1f, 0.1f});
   const GLuint texture = t.pattern(32, 32);
   GLuint query = 0;
   glGenQueries(1, &query);
   glBeginQuery(GL_SAMPLES_PASSED, query);
   t.use_flat(colour(1));
   t.rect(-0.9f, -0.9f, -0.5f, -0.5f);
   glClearColor(0.9f, 0.2f, 0.5f, 1);
   glClear(GL_COLOR_BUFFER_BIT);
   glBindTexture(GL_TEXTURE_2D, texture);
   glGenerateMipmap(GL_TEXTURE_2D);
   glTexSubImage2D(GL_TEXTURE_2D, 1, 0, 0, 4, 4, GL_RGBA, GL_UNSIGNED_BYTE,
                   pattern_bytes(4, 4).data());
   t.rect(0.5f, 0.5f, 0.9f, 0.9f);
   glEndQuery(GL_SAMPLES_PASSED);
   t.value("samples", result_of(query));
   glDeleteQueries(1, &query);
}

// A query whose result is asked for without waiting, and queries used again and again.
void availability(Test &t)
{
   t.clear({0.1f, 0.1f, 0.2f});
   GLuint query = 0;
   glGenQueries(1, &query);
   for (int i = 0; i < 20; i++) {
      glBeginQuery(GL_SAMPLES_PASSED, query);
      t.use_flat(colour(i));
      const float x = -1.0f + 0.1f * static_cast<float>(i);
      t.rect(x, -0.8f, x + 0.07f, 0.8f);
      glEndQuery(GL_SAMPLES_PASSED);
      GLuint available = 0;
      int polls = 0;
      while (!available && polls++ < 1000000)
         glGetQueryObjectuiv(query, GL_QUERY_RESULT_AVAILABLE, &available);
      if (!available)
         t.fail("the result of a query never becomes available");
      t.value("samples", result_of(query));
   }
   glDeleteQueries(1, &query);
}

void primitives(Test &t)
{
   t.clear({0.1f, 0.2f, 0.1f});
   GLuint queries[4];
   glGenQueries(4, queries);
   t.use_flat(colour(2));
   glBeginQuery(GL_PRIMITIVES_GENERATED, queries[0]);
   t.rect();
   t.rect(-0.5f, -0.5f, 0.5f, 0.5f);
   glEndQuery(GL_PRIMITIVES_GENERATED);
   t.program("in vec2 position;\nvoid main() { gl_Position = vec4(position, 0.0, 1.0); }\n",
             "out vec4 result;\nvoid main() { result = vec4(0.8, 0.2, 0.4, 1.0); }\n",
             "layout(points) in; layout(triangle_strip, max_vertices = 5) out;\n"
             "void main() { for (int i = 0; i < 5; i++) { gl_Position = gl_in[0].gl_Position +\n"
             "vec4(0.1 * float(i), i % 2 == 0 ? 0.0 : 0.3, 0.0, 0.0); EmitVertex(); } }\n");
   t.vertex_array();
   t.attribute(0, 2, {-0.8f, -0.8f, 0, 0, 0.3f, 0.5f});
   glBeginQuery(GL_PRIMITIVES_GENERATED, queries[1]);
   glBeginQuery(GL_SAMPLES_PASSED, queries[2]); // two kinds at once
   glDrawArrays(GL_POINTS, 0, 3);
   glEndQuery(GL_PRIMITIVES_GENERATED);
   glEndQuery(GL_SAMPLES_PASSED);
   t.value("from-rectangles", result_of(queries[0]));
   t.value("from-geometry", result_of(queries[1]));
   t.value("samples", result_of(queries[2]));
   glDeleteQueries(4, queries);
}

void time(Test &t)
{
   t.clear({0.2f, 0.1f, 0.1f});
   GLuint queries[3];
   glGenQueries(3, queries);
   glQueryCounter(queries[0], GL_TIMESTAMP);
   glBeginQuery(GL_TIME_ELAPSED, queries[1]);
   for (int i = 0; i < 30; i++) {
      t.use_flat(colour(i));
      t.rect(-0.9f, -0.9f, 0.9f - 0.05f * static_cast<float>(i), 0.9f);
   }
   glEndQuery(GL_TIME_ELAPSED);
   glQueryCounter(queries[2], GL_TIMESTAMP);
   GLuint64 before = 0, elapsed = 0, after = 0;
   glGetQueryObjectui64v(queries[0], GL_QUERY_RESULT, &before);
   glGetQueryObjectui64v(queries[1], GL_QUERY_RESULT, &elapsed);
   glGetQueryObjectui64v(queries[2], GL_QUERY_RESULT, &after);
   if (elapsed == 0 || elapsed > 60'000'000'000ull)
      t.fail("30 draws took %llu ns", static_cast<unsigned long long>(elapsed));
   if (after <= before)
      t.fail("time does not go on: %llu, then %llu", static_cast<unsigned long long>(before),
             static_cast<unsigned long long>(after));
   glDeleteQueries(3, queries);
}

void conditional(Test &t)
{
   t.clear({0.1f, 0.1f, 0.1f});
   GLuint seen = 0, hidden = 0;
   glGenQueries(1, &seen);
   glGenQueries(1, &hidden);
   glEnable(GL_DEPTH_TEST);
   t.use_flat(colour(0));
   t.rect(-0.9f, -0.9f, 0.9f, -0.5f, 0);
   glBeginQuery(GL_SAMPLES_PASSED, seen);
   t.rect(-0.9f, -0.9f, 0.9f, -0.5f, -0.1f);
   glEndQuery(GL_SAMPLES_PASSED);
   glBeginQuery(GL_SAMPLES_PASSED, hidden);
   t.rect(-0.9f, -0.9f, 0.9f, -0.5f, 0.5f);
   glEndQuery(GL_SAMPLES_PASSED);
   glDisable(GL_DEPTH_TEST);
   int i = 1;
   for (GLenum mode : {GL_QUERY_WAIT, GL_QUERY_BY_REGION_WAIT}) {
      for (GLuint query : {seen, hidden}) {
         const float x = -0.9f + 0.4f * static_cast<float>(i - 1);
         glBeginConditionalRender(query, mode);
         t.use_flat(colour(i));
         t.rect(x, -0.3f, x + 0.3f, 0.1f);
         glEnable(GL_SCISSOR_TEST); // clears are conditional too
         glScissor(20 + 50 * i, 160, 40, 40);
         glClearColor(0.9f, 0.9f, 0.2f * static_cast<float>(i), 1);
         glClear(GL_COLOR_BUFFER_BIT);
         glDisable(GL_SCISSOR_TEST);
         glEndConditionalRender();
         i++;
      }
   }
   t.use_flat(colour(7)); // after the end all is drawn
   t.rect(-0.9f, 0.8f, 0.9f, 0.95f);
   glDeleteQueries(1, &seen);
   glDeleteQueries(1, &hidden);
}

void many(Test &t)
{
   t.clear({0.1f, 0.1f, 0.1f});
   std::vector<GLuint> queries(300);
   glGenQueries(300, queries.data());
   for (int i = 0; i < 300; i++) {
      glBeginQuery(GL_SAMPLES_PASSED, queries[static_cast<size_t>(i)]);
      const float x = -1.0f + 0.1f * static_cast<float>(i % 20);
      const float y = -1.0f + 0.13f * static_cast<float>(i / 20);
      t.use_flat(colour(i));
      t.rect(x, y, x + 0.0003f * static_cast<float>(i), y + 0.1f);
      glEndQuery(GL_SAMPLES_PASSED);
      if (i == 100) { // a result in the middle, then further ones
         t.value("early", result_of(queries[40]));
         glDeleteQueries(20, &queries[0]);
      }
   }
   long long sum = 0;
   for (size_t i = 20; i < 300; i++)
      sum = sum * 3 % 1000003 + result_of(queries[i]);
   t.value("sum", sum);
}

// Clears within a scissor rectangle and with masks are draws to the host, whose queries know no pause:
// the result is made of several, wherever it goes.
void paused(Test &t)
{
   t.clear({0.1f, 0.1f, 0.1f});
   GLuint queries[4];
   glGenQueries(4, queries);
   const GLuint buffer = t.buffer(GL_QUERY_BUFFER, 64, nullptr);
   for (int i = 0; i < 4; i++) {
      const GLenum kind = i == 3 ? GL_ANY_SAMPLES_PASSED : GL_SAMPLES_PASSED;
      glBeginQuery(kind, queries[i]);
      if (i > 0) { // the first only clears
         t.use_flat(colour(i));
         t.rect(-0.9f, -0.9f, -0.5f, -0.9f + 0.1f * static_cast<float>(i));
      }
      for (int k = 0; k < 3; k++) {
         glEnable(GL_SCISSOR_TEST);
         glScissor(20 + 40 * k, 100 + 30 * i, 30, 20);
         glColorMask(k != 1, 1, 1, 1);
         glClearColor(0.9f, 0.3f, 0.2f * static_cast<float>(k), 1);
         glClear(GL_COLOR_BUFFER_BIT);
         glColorMask(1, 1, 1, 1);
         glDisable(GL_SCISSOR_TEST);
         if (i == 2)
            t.rect(0.5f, 0.2f * static_cast<float>(k), 0.6f, 0.2f * static_cast<float>(k) + 0.1f);
      }
      glEndQuery(kind);
   }
   // To a buffer, and back.
   glGetQueryObjectui64v(queries[2], GL_QUERY_RESULT, reinterpret_cast<GLuint64 *>(0));
   glGetQueryObjectuiv(queries[2], GL_QUERY_RESULT, reinterpret_cast<GLuint *>(8));
   glGetQueryObjectuiv(queries[3], GL_QUERY_RESULT, reinterpret_cast<GLuint *>(12));
   glGetQueryObjectuiv(queries[2], GL_QUERY_RESULT_AVAILABLE, reinterpret_cast<GLuint *>(16));
   GLuint words[5] = {};
   glGetBufferSubData(GL_QUERY_BUFFER, 0, sizeof(words), words);
   glBindBuffer(GL_QUERY_BUFFER, 0);
   glDeleteBuffers(1, &buffer);
   for (GLuint word : words)
      t.value("buffer", word);
   for (GLuint query : queries)
      t.value("samples", result_of(query));
   for (int i = 0; i < 4; i++) {
      glBeginConditionalRender(queries[i], i % 2 ? GL_QUERY_NO_WAIT : GL_QUERY_WAIT);
      t.use_flat(colour(i + 4));
      t.rect(-0.9f + 0.4f * static_cast<float>(i), 0.7f, -0.6f + 0.4f * static_cast<float>(i), 0.9f);
      glEndConditionalRender();
   }
   glDeleteQueries(4, queries);
}

constexpr Scene table[] = {
   {"query-paused", Api::core, paused},
   {"query-occlusion", Api::core, occlusion},
   {"query-not-counted", Api::core, not_counted}, {"query-availability", Api::core, availability},
   {"query-primitives", Api::core, primitives}, {"query-time", Api::core, time},
   {"query-conditional", Api::core, conditional}, {"query-many", Api::core, many},
};

} // namespace

std::span<const Scene> query_scenes()
{
   return table;
}

} // namespace render
