// SPDX-License-Identifier: MIT
//
// What programs cost before they draw, and when state changes under them.
//
// usage: shaders [--salt N] [--seconds S] link|variants...
//
//    link 12.3 ms to compile and link 200 programs
//    firstdraw 45.6 ms for the first draw with each of 10 of them, until all are done
//    variants-first 12.3 ms for the first draws in each of 32 states with each of 2 programs
//    variants 123456 draws/s in all of these states, in turn
//
// Another salt makes other programs, which no cache has seen.

#include "gl.hpp"

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

using namespace bench;

struct Options {
   double seconds = 0.5;
   unsigned salt = 0;
   std::vector<std::string> names;
};

constexpr unsigned program_count = 200;
// A host with llvmpipe needs a tenth of a second for each, and that is no driver's doing.
constexpr unsigned drawn_count = 10;

// Of a game's size and manner: a few matrices, textures, a loop over lights, branches.
std::string vertex_source(unsigned index)
{
   return "#version 150\n"
          "uniform mat4 model, view;\n"
          "in vec4 position;\nin vec3 normal;\n"
          "out vec3 where;\nout vec3 up;\nout vec2 at;\n"
          "void main() {\n"
          "   vec4 world = model * position;\n"
          "   where = world.xyz * " + std::to_string(1 + index % 17) + ".5;\n"
          "   up = mat3(model) * normal;\n"
          "   at = position.xy * 0.5 + vec2(" + std::to_string(index) + ".25);\n"
          "   gl_Position = view * world;\n"
          "}\n";
}

std::string fragment_source(unsigned index, unsigned salt)
{
   const std::string lights = std::to_string(2 + index % 5);
   std::string source =
      "#version 150\n"
      "uniform sampler2D albedo, bumps;\n"
      "uniform vec4 light[8];\nuniform vec3 tint;\nuniform float gloss;\n"
      "in vec3 where;\nin vec3 up;\nin vec2 at;\nout vec4 colour;\n"
      "void main() {\n"
      "   vec3 n = normalize(up + texture(bumps, at).xyz * 2.0 - 1.0);\n"
      "   vec3 sum = tint * " + std::to_string(salt % 100000) + ".125;\n"
      "   for (int i = 0; i < " + lights + "; i++) {\n"
      "      vec3 to = light[i].xyz - where;\n"
      "      float far = dot(to, to) + " + std::to_string(index) + ".0;\n"
      "      float lit = max(dot(n, to * inversesqrt(far)), 0.0);\n"
      "      sum += light[i].w * lit / far;\n"
      "      if (lit > 0.5)\n"
      "         sum += pow(lit, gloss) * tint;\n"
      "   }\n";
   for (unsigned i = 0; i < index % 4; i++)
      source += "   sum = mix(sum, sin(sum.yzx * " + std::to_string(i + 2) + ".0), 0.25);\n";
   return source + "   colour = vec4(sum, 1.0) * texture(albedo, at);\n}\n";
}

double milliseconds(Clock::time_point since)
{
   return std::chrono::duration<double, std::milli>(Clock::now() - since).count();
}

struct Canvas {
   explicit Canvas(int size)
   {
      glGenTextures(1, &texture);
      glBindTexture(GL_TEXTURE_2D, texture);
      glTexImage2D(GL_TEXTURE_2D, 0, GL_RGBA8, size, size, 0, GL_RGBA, GL_UNSIGNED_BYTE, nullptr);
      glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
      glGenFramebuffers(1, &framebuffer);
      glBindFramebuffer(GL_FRAMEBUFFER, framebuffer);
      glFramebufferTexture2D(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D, texture, 0);
      glViewport(0, 0, size, size);
      glClear(GL_COLOR_BUFFER_BIT);
   }
   GLuint texture = 0;
   GLuint framebuffer = 0;
};

bool link_programs(const Options &options)
{
   const Context context;
   Canvas canvas(16);
   GLuint array = 0;
   glGenVertexArrays(1, &array);
   glBindVertexArray(array);
   std::vector<GLuint> programs;
   const auto begin = Clock::now();
   for (unsigned i = 0; i < program_count; i++)
      programs.push_back(
         link(vertex_source(i).c_str(), fragment_source(i, options.salt).c_str()));
   const double linked = milliseconds(begin);

   const auto drawing = Clock::now();
   for (unsigned i = 0; i < drawn_count; i++) {
      glUseProgram(programs[i * program_count / drawn_count]);
      glDrawArrays(GL_TRIANGLES, 0, 3);
   }
   glFinish();
   const double drawn = milliseconds(drawing);
   if (glGetError() != GL_NO_ERROR) {
      std::printf("link FAILED a GL error was raised\n");
      return false;
   }
   std::printf("link %.2f ms to compile and link %u programs\n", linked, program_count);
   std::printf("firstdraw %.2f ms for the first draw with each of %u\n", drawn, drawn_count);
   return true;
}

// Each bit of a state is one that some hardware or host has no register for.
constexpr unsigned state_count = 32;

void set_state(unsigned state)
{
   const auto enable = [&](GLenum what, unsigned bit) {
      (state & bit ? glEnable : glDisable)(what);
   };
   enable(GL_ALPHA_TEST, 1);
   glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_WRAP_S, state & 2 ? GL_CLAMP : GL_REPEAT);
   glShadeModel(state & 4 ? GL_FLAT : GL_SMOOTH);
   enable(GL_VERTEX_PROGRAM_TWO_SIDE, 8);
   enable(GL_CLIP_PLANE0, 16);
}

bool variants(const Options &options)
{
   const Context context(Profile::Compatibility);
   Canvas canvas(16);
   GLuint texture = 0;
   glGenTextures(1, &texture);
   glBindTexture(GL_TEXTURE_2D, texture);
   constexpr std::array<uint8_t, 16> white = {255, 255, 255, 255, 255, 255, 255, 255,
                                              255, 255, 255, 255, 255, 255, 255, 255};
   glTexImage2D(GL_TEXTURE_2D, 0, GL_RGBA8, 2, 2, 0, GL_RGBA, GL_UNSIGNED_BYTE, white.data());
   // With GL_NEAREST, GL_CLAMP would be GL_CLAMP_TO_EDGE.
   glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_LINEAR);
   glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, GL_LINEAR);
   glAlphaFunc(GL_GREATER, 0.25f);
   constexpr std::array<GLdouble, 4> plane = {1, 0, 0, 1};
   glClipPlane(GL_CLIP_PLANE0, plane.data());

   std::array<GLuint, 2> programs{};
   for (unsigned i = 0; i < programs.size(); i++) {
      const std::string green = std::to_string(i + 1 + 10 * (options.salt % 100000));
      programs[i] = link("#version 120\nvoid main() {\n"
                         "   gl_FrontColor = gl_Color;\n   gl_BackColor = gl_Color;\n"
                         "   gl_TexCoord[0] = gl_Vertex;\n   gl_ClipVertex = gl_Vertex;\n"
                         "   gl_Position = gl_Vertex;\n}\n",
                         ("#version 120\nuniform sampler2D tex;\nvoid main() {\n"
                          "   gl_FragColor = texture2D(tex, gl_TexCoord[0].xy) * gl_Color *\n"
                          "                  vec4(1.0, " + green + ".0, 1.0, 1.0);\n}\n")
                            .c_str());
   }
   // A triangle over all of the picture, red only.
   constexpr std::array<float, 6> corners = {-1, -1, 3, -1, -1, 3};
   glEnableClientState(GL_VERTEX_ARRAY);
   GLuint buffer = 0;
   glGenBuffers(1, &buffer);
   glBindBuffer(GL_ARRAY_BUFFER, buffer);
   glBufferData(GL_ARRAY_BUFFER, sizeof(corners), corners.data(), GL_STATIC_DRAW);
   glVertexPointer(2, GL_FLOAT, 0, nullptr);
   glColor4f(1, 0, 0, 1);

   const auto pass = [&] {
      for (unsigned state = 0; state < state_count; state++) {
         set_state(state);
         for (const GLuint program : programs) {
            glUseProgram(program);
            glDrawArrays(GL_TRIANGLES, 0, 3);
         }
      }
      glFinish();
   };
   const auto begin = Clock::now();
   pass();
   const double first = milliseconds(begin);
   pass();
   Stopwatch watch;
   unsigned draws = 0;
   while (watch.seconds() < options.seconds) {
      watch.start();
      pass();
      watch.stop();
      draws += state_count * programs.size();
   }
   glClear(GL_COLOR_BUFFER_BIT);
   set_state(0);
   glDrawArrays(GL_TRIANGLES, 0, 3);
   std::array<uint8_t, 4> pixel{};
   glReadPixels(8, 8, 1, 1, GL_RGBA, GL_UNSIGNED_BYTE, pixel.data());
   if (glGetError() != GL_NO_ERROR || pixel != std::array<uint8_t, 4>{255, 0, 0, 255}) {
      std::printf("variants FAILED the last draw is not red\n");
      return false;
   }
   std::printf("variants-first %.2f ms for the first draws\n", first);
   std::printf("variants %.1f draws/s\n", double(draws) / watch.seconds());
   return true;
}

} // namespace

int main(int argc, char **argv)
{
   Options options;
   for (int i = 1; i < argc; i++) {
      const std::string word = argv[i];
      if (word == "--salt" && i + 1 < argc)
         options.salt = unsigned(std::strtoul(argv[++i], nullptr, 10));
      else if (word == "--seconds" && i + 1 < argc)
         options.seconds = std::atof(argv[++i]);
      else
         options.names.push_back(word);
   }
   bool right = true;
   for (const std::string &name : options.names) {
      if (name == "link")
         right &= link_programs(options);
      else if (name == "variants")
         right &= variants(options);
      else
         fail("usage: shaders [--salt N] [--seconds S] link|variants...");
   }
   return right ? 0 : 1;
}
