// SPDX-License-Identifier: MIT
// GL_CLAMP, whose linear filter reads half of the border: hosts with a core profile lack it.
#include "scene.hpp"

namespace render {
namespace {

constexpr float border[] = {0.9f, 0.2f, 0.6f, 1};

void clamp_all(GLenum target, GLint filter = GL_LINEAR)
{
   for (GLenum axis : {GL_TEXTURE_WRAP_S, GL_TEXTURE_WRAP_T, GL_TEXTURE_WRAP_R})
      glTexParameteri(target, axis, GL_CLAMP);
   glTexParameteri(target, GL_TEXTURE_MIN_FILTER, filter);
   glTexParameteri(target, GL_TEXTURE_MAG_FILTER, filter);
   glTexParameterfv(target, GL_TEXTURE_BORDER_COLOR, border);
}

// A scene of one shader, from -0.5 to 1.5 of the texture.
void shade(Test &t, int tile, const char *source)
{
   t.tile(tile);
   t.quad_program(source);
   t.rect();
}

constexpr const char *plane = "uniform sampler2D tex;\n"
                              "void main() { result = texture(tex, uv * 2.0 - 0.5); }\n";

// Only the sampler changes between these draws, and the axes one by one.
void modes(Test &t)
{
   t.clear({0, 0, 0});
   t.pattern(6, 5);
   clamp_all(GL_TEXTURE_2D);
   t.quad_program(plane);
   static constexpr GLint wraps[] = {GL_CLAMP, GL_REPEAT, GL_CLAMP_TO_EDGE, GL_CLAMP_TO_BORDER};
   int i = 0;
   for (GLint s : wraps) {
      for (GLint u : wraps) {
         glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_WRAP_S, s);
         glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_WRAP_T, u);
         t.tile(i++);
         t.rect();
      }
   }
}

void targets(Test &t)
{
   t.clear({0, 0, 0});
   t.texture(GL_TEXTURE_1D);
   glTexImage1D(GL_TEXTURE_1D, 0, GL_RGBA8, 7, 0, GL_RGBA, GL_UNSIGNED_BYTE,
                pattern_bytes(7, 1).data());
   clamp_all(GL_TEXTURE_1D);
   shade(t, 0, "uniform sampler1D tex;\nvoid main() { result = texture(tex, uv.x * 2.0 - 0.5); }\n");
   t.texture(GL_TEXTURE_3D);
   glTexImage3D(GL_TEXTURE_3D, 0, GL_RGBA8, 4, 5, 3, 0, GL_RGBA, GL_UNSIGNED_BYTE,
                pattern_bytes(4, 15).data());
   clamp_all(GL_TEXTURE_3D);
   shade(t, 1, "uniform sampler3D tex;\nvoid main() {\n"
               "result = texture(tex, vec3(uv, uv.x + uv.y) * 1.6 - 0.3); }\n");
   t.texture(GL_TEXTURE_RECTANGLE);
   glTexImage2D(GL_TEXTURE_RECTANGLE, 0, GL_RGBA8, 9, 4, 0, GL_RGBA, GL_UNSIGNED_BYTE,
                pattern_bytes(9, 4).data());
   clamp_all(GL_TEXTURE_RECTANGLE);
   shade(t, 2, "#extension GL_ARB_texture_rectangle : require\nuniform sampler2DRect tex;\n"
               "void main() { result = texture2DRect(tex, uv * vec2(14.0, 7.0) - 2.0); }\n");
   t.texture(GL_TEXTURE_2D_ARRAY);
   glTexImage3D(GL_TEXTURE_2D_ARRAY, 0, GL_RGBA8, 6, 6, 3, 0, GL_RGBA, GL_UNSIGNED_BYTE,
                pattern_bytes(6, 18).data());
   clamp_all(GL_TEXTURE_2D_ARRAY);
   shade(t, 3, "#extension GL_EXT_texture_array : require\nuniform sampler2DArray tex;\n"
               "void main() { result = texture2DArray(tex, vec3(uv * 2.0 - 0.5, uv.x * 3.0)); }\n");
   t.texture(GL_TEXTURE_CUBE_MAP);
   for (GLuint face = 0; face < 6; face++) {
      glTexImage2D(GL_TEXTURE_CUBE_MAP_POSITIVE_X + face, 0, GL_RGBA8, 4, 4, 0, GL_RGBA,
                   GL_UNSIGNED_BYTE, Random(face + 1).bytes(64).data());
   }
   clamp_all(GL_TEXTURE_CUBE_MAP);
   glEnable(GL_TEXTURE_CUBE_MAP_SEAMLESS);
   shade(t, 4, "uniform samplerCube tex;\nvoid main() { float a = uv.x * 6.28;\n"
               "result = texture(tex, vec3(sin(a), uv.y * 2.0 - 1.0, cos(a))); }\n");
   glDisable(GL_TEXTURE_CUBE_MAP_SEAMLESS);

   t.pattern(5, 5);
   clamp_all(GL_TEXTURE_2D);
   shade(t, 5, "uniform sampler2D tex;\nvoid main() { float q = 1.0 + uv.x;\n"
               "result = textureProj(tex, vec3((uv * 2.0 - 0.5) * q, q)); }\n");
   shade(t, 6, "uniform sampler2D tex;\nvoid main() {\n"
               "result = textureLod(tex, uv * 2.0 - 0.5, 0.0); }\n");
   shade(t, 7, "#extension GL_ARB_texture_gather : require\nuniform sampler2D tex;\n"
               "void main() { result = textureGather(tex, uv * 2.0 - 0.5); }\n");
   shade(t, 8, "uniform sampler2D tex;\n"
               "void main() { result = textureGrad(tex, uv * 2.0 - 0.5, vec2(0.1), vec2(0.1)); }\n");
   // Sampled while the vertices are shaded.
   t.tile(9);
   t.program("in vec3 position; in vec2 texcoord; uniform sampler2D tex; out vec4 tone;\n"
             "void main() { tone = textureLod(tex, texcoord * 2.0 - 0.5, 0.0);\n"
             "gl_Position = vec4(position, 1.0); }\n",
             "in vec4 tone; out vec4 result;\nvoid main() { result = tone; }\n");
   t.rect();
   const std::vector<float> depths{0.1f, 0.9f, 0.4f, 0.7f, 0.2f, 0.6f, 0.8f, 0.3f, 0.5f};
   t.texture_2d(GL_DEPTH_COMPONENT24, 3, 3, GL_DEPTH_COMPONENT, GL_FLOAT, depths.data());
   clamp_all(GL_TEXTURE_2D);
   glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_COMPARE_MODE, GL_COMPARE_REF_TO_TEXTURE);
   shade(t, 10, "uniform sampler2DShadow tex;\nvoid main() { float q = 1.0 + uv.y;\n"
                "float s = textureProj(tex, vec4(vec3(uv * 2.0 - 0.5, 0.55) * q, q));\n"
                "result = vec4(s, s, 0.5, 1.0); }\n");
}

// Outside, the level is that of the coordinates as they were, and so is the filter.
void levels(Test &t)
{
   t.clear({0, 0, 0});
   t.texture(GL_TEXTURE_2D);
   for (int level = 0; level < 6; level++) {
      const int edge = 32 >> level;
      const Colour c = colour(level);
      std::vector<float> texels;
      for (int k = 0; k < edge * edge; k++)
         texels.insert(texels.end(), {c.r, c.g, c.b, 1});
      glTexImage2D(GL_TEXTURE_2D, level, GL_RGBA8, edge, edge, 0, GL_RGBA, GL_FLOAT, texels.data());
   }
   clamp_all(GL_TEXTURE_2D);
   glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_LINEAR_MIPMAP_NEAREST);
   const GLuint scaled = t.quad_program("uniform sampler2D tex; uniform float scale, bias;\n"
                                        "void main() {\n"
                                        "result = texture(tex, (uv - 0.5) * scale, bias); }\n");
   int i = 0;
   for (float bias : {0.0f, 1.0f, -1.0f}) {
      for (float scale : {4.0f, 8.0f, 16.0f}) {
         glUniform1f(glGetUniformLocation(scaled, "scale"), scale);
         glUniform1f(glGetUniformLocation(scaled, "bias"), bias);
         t.tile(i++);
         t.rect();
      }
   }
   t.tile(i++);
   t.quad_program("uniform sampler2D tex;\nvoid main() { result = texture(tex, uv * 9.0 - 4.0); }\n");
   t.rect();
   // Near and far have other filters: near is half border, far is all edge.
   t.pattern(8, 8);
   clamp_all(GL_TEXTURE_2D);
   glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
   for (int mixed = 0; mixed < 2; mixed++) {
      for (float scale : {2.0f, 12.0f}) {
         t.tile(i++);
         const GLuint p = t.quad_program("uniform sampler2D tex; uniform float scale;\n"
                                         "void main() { result = texture(tex, uv * scale); }\n");
         glUniform1f(glGetUniformLocation(p, "scale"), scale);
         t.rect();
      }
      glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, GL_NEAREST);
   }
}

// Two samplers in a program of which one clamps; a program deleted while bound and one made anew;
// a dispatch; fixed function.
void programs(Test &t)
{
   t.clear({0, 0, 0});
   const GLuint texture = t.pattern(4, 4);
   clamp_all(GL_TEXTURE_2D);
   GLuint repeating = 0;
   glGenSamplers(1, &repeating);
   glSamplerParameteri(repeating, GL_TEXTURE_MIN_FILTER, GL_LINEAR);
   glActiveTexture(GL_TEXTURE1);
   glBindTexture(GL_TEXTURE_2D, texture);
   glActiveTexture(GL_TEXTURE0);
   const GLuint both = t.quad_program("uniform sampler2D a, b;\n"
                                      "void main() { result = uv.x < uv.y\n"
                                      "? texture(a, uv * 3.0 - 1.0) : texture(b, uv * 3.0 - 1.0); }\n");
   glUniform1i(glGetUniformLocation(both, "b"), 1);
   int i = 0;
   for (GLuint units = 0; units < 4; units++) {
      for (GLuint unit = 0; unit < 2; unit++)
         glBindSampler(unit, units >> unit & 1 ? repeating : 0);
      t.tile(i++);
      t.rect();
   }
   glBindSampler(0, 0);
   glBindSampler(1, 0);
   // The sampler that is gone is one that clamped.
   glDeleteTextures(1, &texture);
   t.tile(i++);
   t.rect();
   for (int turn = 0; turn < 3; turn++) {
      t.pattern(5, 3 + turn);
      clamp_all(GL_TEXTURE_2D);
      const GLuint p = t.quad_program(plane);
      t.tile(i++);
      t.rect();
      glDeleteProgram(p); // while in use
      t.tile(i++);
      t.rect();
   }
   t.pattern(3, 3);
   clamp_all(GL_TEXTURE_2D);
   glUseProgram(0);
   glEnable(GL_TEXTURE_2D);
   t.tile(i++);
   glBegin(GL_TRIANGLE_STRIP);
   for (int corner = 0; corner < 4; corner++) {
      const float x = static_cast<float>(corner & 1), y = static_cast<float>(corner >> 1);
      glTexCoord4f(3 * x - 1, 3 * y - 1, 0, 1 + x);
      glVertex2f(2 * x - 1, 2 * y - 1);
   }
   glEnd();
   glDisable(GL_TEXTURE_2D);
}

void dispatch(Test &t)
{
   t.clear({0, 0, 0});
   if (!t.need("GL_ARB_compute_shader"))
      return;
   const char *source = "#version 430\nlayout(local_size_x = 8, local_size_y = 8) in;\n"
                        "uniform sampler2D tex; layout(rgba8) writeonly uniform image2D image;\n"
                        "void main() { ivec2 at = ivec2(gl_GlobalInvocationID.xy);\n"
                        "imageStore(image, at, textureLod(tex, vec2(at) / 16.0 - 0.5, 0.0)); }\n";
   const GLuint p = glCreateShaderProgramv(GL_COMPUTE_SHADER, 1, &source);
   const GLuint target = t.texture_2d(GL_RGBA8, 32, 32, GL_RGBA, GL_UNSIGNED_BYTE, nullptr);
   t.pattern(4, 4);
   for (GLint wrap : {GL_CLAMP, GL_REPEAT, GL_CLAMP_TO_BORDER}) {
      clamp_all(GL_TEXTURE_2D);
      glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_WRAP_S, wrap);
      const GLuint from = [] {
         GLint name = 0;
         glGetIntegerv(GL_TEXTURE_BINDING_2D, &name);
         return static_cast<GLuint>(name);
      }();
      glUseProgram(p);
      glBindImageTexture(0, target, 0, GL_FALSE, 0, GL_WRITE_ONLY, GL_RGBA8);
      glDispatchCompute(4, 4, 1);
      glMemoryBarrier(GL_ALL_BARRIER_BITS);
      t.tile(wrap == GL_CLAMP ? 0 : wrap == GL_REPEAT ? 1 : 2, 2);
      t.show(target);
      glBindTexture(GL_TEXTURE_2D, from);
   }
}

constexpr Scene table[] = {
   {"clamp-modes", Api::compat, modes},       {"clamp-targets", Api::compat, targets},
   {"clamp-levels", Api::compat, levels},     {"clamp-programs", Api::compat, programs},
   {"clamp-dispatch", Api::compat, dispatch},
};

} // namespace

std::span<const Scene> clamp_scenes()
{
   return table;
}

} // namespace render
