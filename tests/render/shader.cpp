// SPDX-License-Identifier: MIT
// What shaders compute: control flow, arithmetic, varyings, built-ins, geometry shaders.
#include "scene.hpp"

namespace render {
namespace {

void varyings(Test &t)
{
   t.clear({0, 0, 0});
   t.program("in vec3 position; in vec2 texcoord;\n"
             "struct Pair { vec3 a; float b; };\n"
             "out vec4 v0; out vec3 v1; out vec2 v2; out float v3; flat out ivec4 v4;\n"
             "flat out uint v5; noperspective out vec2 v6; centroid out vec4 v7; out mat2 v8;\n"
             "out float v9[3];\n"
             "void main() { float w = 1.0 + texcoord.x * 2.0;\n"
             "v0 = vec4(texcoord, 0.3, 1.0); v1 = vec3(texcoord.yx, 0.5); v2 = texcoord * 2.0;\n"
             "v3 = texcoord.x * texcoord.y; v4 = ivec4(gl_VertexID, -3, 100, 7);\n"
             "v5 = uint(gl_VertexID) * 40u; v6 = texcoord; v7 = vec4(texcoord.y);\n"
             "v8 = mat2(texcoord, texcoord.yx); v9[0] = texcoord.x; v9[1] = 1.0 - texcoord.y;\n"
             "v9[2] = 0.25;\n"
             "gl_Position = vec4(position.xy * w, 0.0, w); }\n",
             "in vec4 v0; in vec3 v1; in vec2 v2; in float v3; flat in ivec4 v4; flat in uint v5;\n"
             "noperspective in vec2 v6; centroid in vec4 v7; in mat2 v8; in float v9[3];\n"
             "out vec4 result;\n"
             "void main() { int part = int(gl_FragCoord.y) / 32;\n"
             "vec3 c = vec3(0.0);\n"
             "if (part == 0) c = v0.xyz; else if (part == 1) c = v1;\n"
             "else if (part == 2) c = vec3(fract(v2), v3);\n"
             "else if (part == 3) c = vec3(float(v4.x) / 4.0, float(v4.z + v4.y) / 128.0, 0.2);\n"
             "else if (part == 4) c = vec3(float(v5) / 255.0, v6);\n"
             "else if (part == 5) c = v7.xyz * vec3(1.0, 0.5, 0.2);\n"
             "else if (part == 6) c = vec3(v8[0], v8[1].x);\n"
             "else { int i = int(gl_FragCoord.x) % 3; c = vec3(v9[i]); }\n"
             "result = vec4(c, 1.0); }\n");
   t.rect();
}

void control_flow(Test &t)
{
   t.clear({0, 0, 0});
   t.quad_program(
      "uniform int limit;\n"
      "int steps(vec2 c) { vec2 z = vec2(0.0); int i;\n"
      "  for (i = 0; i < limit; i++) { z = vec2(z.x * z.x - z.y * z.y, 2.0 * z.x * z.y) + c;\n"
      "    if (dot(z, z) > 4.0) break; if (i == 3) continue; } return i; }\n"
      "float table(int i) { float values[6] = float[6](0.1, 0.9, 0.3, 0.7, 0.5, 1.0);\n"
      "  values[i / 2] += 0.05; return values[i]; }\n"
      "void main() { int n = steps(uv * vec2(3.0, 2.4) - vec2(2.2, 1.2));\n"
      "  if (uv.x > 0.9 && uv.y > 0.9) discard;\n"
      "  vec3 c; switch (n % 4) { case 0: c = vec3(0.2, 0.1, 0.6); break;\n"
      "  case 1: c = vec3(0.8, 0.5, 0.1); case 2: c.b = 0.4; break; default: c = vec3(0.7); }\n"
      "  int k = 0; do { k++; } while (k < n && k < 5);\n"
      "  while (true) { if (k <= 0) break; c.g = c.g * 0.5 + table(k); k -= 2; }\n"
      "  result = vec4(fract(c), 1.0); }\n");
   GLint program = 0;
   glGetIntegerv(GL_CURRENT_PROGRAM, &program);
   glUniform1i(glGetUniformLocation(static_cast<GLuint>(program), "limit"), 24);
   t.rect();
}

void arithmetic(Test &t)
{
   static constexpr const char *expressions[] = {
      "vec3(sin(x * 6.0), cos(y * 6.0), tan(x)) * 0.5 + 0.5",
      "vec3(asin(x), acos(y), atan(y, x + 0.1)) / 1.6",
      "vec3(exp2(x) * 0.5, log2(1.0 + y), pow(x, 2.2))",
      "vec3(sqrt(x), inversesqrt(y + 1.0), exp(-x))",
      "vec3(floor(x * 5.0), ceil(y * 5.0), fract(x * 7.3)) / 5.0",
      "vec3(mod(x * 5.0, 1.3), sign(y - 0.5), abs(x - 0.5))",
      "vec3(min(x, y), max(x, 0.3), clamp(y, 0.2, 0.6))",
      "vec3(mix(x, y, 0.3), step(0.4, x), smoothstep(0.2, 0.8, y))",
      "normalize(vec3(x, y, 0.5))",
      "cross(vec3(x, 0.4, y), vec3(0.2, y, 1.0)) + 0.5",
      "reflect(vec3(x, y, 0.1), normalize(vec3(1.0, 2.0, 3.0))) * 0.5 + 0.5",
      "refract(normalize(vec3(x, y, -1.0)), vec3(0.0, 0.0, 1.0), 0.8) * 0.5 + 0.5",
      "vec3(round(x * 4.0), trunc(y * 4.0 - 2.0), roundEven(x * 5.0)) * 0.2",
      "inverse(mat3(1.0 + x, 0.2, 0.1, 0.0, 1.0 + y, 0.3, 0.2, 0.1, 2.0)) * vec3(0.6)",
      "vec3(determinant(mat2(x, y, 0.2, 1.0)), length(vec2(x, y)), distance(x, y))",
      "vec3(isnan(x) ? 1.0 : 0.3, lessThan(vec2(x), vec2(y)).x ? 0.9 : 0.1, any(bvec2(x > 0.7)))",
   };
   t.clear({0, 0, 0});
   int i = 0;
   for (const char *expression : expressions) {
      t.quad_program(std::string("void main() { float x = uv.x, y = uv.y;\nvec3 c = ") +
                     expression + ";\nresult = vec4(c, 1.0); }\n");
      t.tile(i++);
      t.rect();
   }
}

void integers(Test &t)
{
   static constexpr const char *expressions[] = {
      "a * b + 7", "a / (b + 1)", "a % (b + 1)", "(a << 2) ^ (b >> 1)", "~a & (b | 5)",
      "int(uint(a) * 2654435761u >> 24u)", "int(uint(a - 20) / 3u) >> 20", "abs(a - b) * 3",
      "max(min(a, 20), b - 10)", "a > b ? 200 : -a", "int(sign(float(a - b))) * 50 + 100",
      "floatBitsToInt(float(a)) >> 18", "int(uintBitsToFloat(uint(b) << 23u + 2u) > 0.0) * a",
      "(a - 30) / 4 + (b - 30) % 5", "int(float(a) * 1.7) - int(-float(b) * 0.3)",
      "(a & 1) == (b & 1) ? 255 : int(bool(b & 4))",
   };
   t.clear({0, 0, 0});
   int i = 0;
   for (const char *expression : expressions) {
      t.quad_program(std::string("#extension GL_ARB_shader_bit_encoding : require\n"
                                 "void main() { int a = int(uv.x * 61.0), b = int(uv.y * 61.0);\n"
                                 "int v = ") + expression + ";\n"
                     "result = vec4(float(v & 255), float((v >> 8) & 255), v < 0 ? 255.0 : 0.0,\n"
                     "255.0) / 255.0; }\n");
      t.tile(i++);
      t.rect();
   }
}

void derivatives(Test &t)
{
   t.clear({0, 0, 0});
   t.quad_program("void main() { float f = sin(uv.x * 9.0) * cos(uv.y * 7.0);\n"
                  "result = vec4(abs(dFdx(f)) * 12.0, abs(dFdy(f)) * 12.0, fwidth(f) * 6.0, 1.0);\n"
                  "}\n");
   t.rect();
}

void built_ins(Test &t)
{
   t.clear({0.1f, 0.1f, 0.1f});
   t.program("in vec2 position; flat out int id;\nvoid main() { id = gl_VertexID;\n"
             "gl_PointSize = 40.0; gl_Position = vec4(position, 0.4, 1.0); }\n",
             "flat in int id; out vec4 result;\nvoid main() {\n"
             "vec4 p = vec4(gl_FragCoord.xy / 256.0, gl_FragCoord.z, 1.0);\n"
             "if (!gl_FrontFacing) p = p.zxyw;\n"
             "p.r += 0.3 * float(int(gl_FrontFacing)) + 0.1 * float(int(!gl_FrontFacing));\n"
             "p.b += float(gl_PrimitiveID) * 0.1 + float(id) * 0.03;\n"
             "result = p; }\n");
   t.vertex_array();
   t.attribute(0, 2, {-0.9f, -0.9f, -0.1f, -0.9f, -0.5f, -0.1f, 0.9f, 0.9f, 0.1f, 0.9f, 0.5f, 0.1f,
                      -0.9f, 0.9f, -0.1f, 0.9f, -0.5f, 0.1f});
   glDrawArrays(GL_TRIANGLES, 0, 9);
   glEnable(GL_PROGRAM_POINT_SIZE);
   t.program("in vec2 position;\nvoid main() { gl_PointSize = 60.0;\n"
             "gl_Position = vec4(position, 0.0, 1.0); }\n",
             "out vec4 result;\nvoid main() { if (distance(gl_PointCoord, vec2(0.5)) > 0.5)\n"
             "discard; result = vec4(gl_PointCoord, float(gl_PrimitiveID), 1.0); }\n");
   glVertexAttribPointer(0, 2, GL_FLOAT, GL_FALSE, 0, nullptr);
   t.attribute(0, 2, {0.5f, -0.5f, 0.7f, -0.2f});
   glDrawArrays(GL_POINTS, 0, 2);
   // Depth that the shader writes.
   glEnable(GL_DEPTH_TEST);
   t.quad_program("void main() { gl_FragDepth = uv.x; result = vec4(0.2, 0.8, 0.5, 1.0); }\n");
   t.rect(0.2f, -0.9f, 0.9f, -0.7f);
   t.use_flat(colour(3));
   t.rect(0.2f, -0.9f, 0.9f, -0.8f, 0.2f);
   glDisable(GL_DEPTH_TEST);
}

void clip_distance(Test &t)
{
   t.clear({0.1f, 0.1f, 0.1f});
   t.program("in vec3 position; in vec2 texcoord; out vec2 uv;\n"
             "out float gl_ClipDistance[3];\n"
             "void main() { uv = texcoord; gl_Position = vec4(position, 1.0);\n"
             "gl_ClipDistance[0] = position.x + 0.5; gl_ClipDistance[1] = 0.7 - position.y;\n"
             "gl_ClipDistance[2] = position.x - position.y + 0.9; }\n",
             "in vec2 uv; out vec4 result;\nvoid main() { result = vec4(uv, 0.6, 1.0); }\n");
   for (int i = 0; i < 4; i++) {
      t.tile(i, 2);
      for (GLenum plane = 0; plane < 3; plane++)
         ((i == 3 || i == static_cast<int>(plane)) ? glEnable : glDisable)(GL_CLIP_DISTANCE0 + plane);
      t.rect();
   }
}

// A text far longer than one command of the stream may be.
void very_long(Test &t)
{
   t.clear({0, 0, 0});
   std::string source = "uniform vec4 seed;\nvoid main() { vec4 v = vec4(uv, uv.yx) + seed;\n";
   Random random(42);
   float numbers[64]; // few of them: hosts keep a table of limited size
   for (float &number : numbers)
      number = random.unit();
   for (int i = 0; i < 2500; i++) {
      char line[160];
      snprintf(line, sizeof line, "v = fract(v.%s * 1.0625 + vec2(%.4f, %.4f).%s);\n",
               i % 3 ? "yzwx" : "wxzy", static_cast<double>(numbers[random.next() % 64]),
               static_cast<double>(numbers[random.next() % 64]), i % 2 ? "xyxy" : "yxxy");
      source += line;
   }
   t.quad_program(source + "result = vec4(v.xyz, 1.0); }\n");
   t.rect(-0.9f, -0.9f, 0.9f, 0.9f);
   // The programs around it are not disturbed.
   t.use_flat(colour(1));
   t.rect(-0.2f, -0.2f, 0.2f, 0.2f);
}

void many_programs(Test &t)
{
   t.clear({0, 0, 0});
   std::vector<GLuint> programs;
   for (int i = 0; i < 64; i++) {
      programs.push_back(t.quad_program("void main() { result = vec4(uv * " +
                                        std::to_string(0.2 + 0.012 * i) + ", " +
                                        std::to_string(i / 64.0) + ", 1.0); }\n"));
   }
   for (int i = 0; i < 64; i++) {
      const int k = (i * 37) % 64;
      t.tile(k, 8);
      glUseProgram(programs[static_cast<size_t>(k)]);
      t.rect();
      if (i % 5 == 0) { // deleted while in use, and its place taken
         glDeleteProgram(programs[static_cast<size_t>(k)]);
         t.quad_program("void main() { result = vec4(uv.yx, 0.3, 1.0); }\n");
         t.rect(-0.4f, -0.4f, 0.4f, 0.4f);
      }
   }
}

void geometry_points(Test &t)
{
   t.clear({0.05f, 0.1f, 0.15f});
   t.program("in vec2 position; in vec3 tint; out vec3 vc;\n"
             "void main() { vc = tint; gl_Position = vec4(position, 0.0, 1.0); }\n",
             "in vec3 c; out vec4 result;\nvoid main() { result = vec4(c, 1.0); }\n",
             "layout(points) in; layout(triangle_strip, max_vertices = 8) out;\n"
             "in vec3 vc[]; out vec3 c;\n"
             "void corner(float x, float y) { c = vc[0] * (0.6 + x);\n"
             "gl_Position = gl_in[0].gl_Position + vec4(x, y, 0.0, 0.0); EmitVertex(); }\n"
             "void main() { corner(0.0, 0.0); corner(0.2, 0.0); corner(0.0, 0.2);\n"
             "corner(0.2, 0.2); EndPrimitive();\n"
             "if (gl_PrimitiveIDIn % 2 == 0) { corner(-0.1, -0.05); corner(0.0, -0.1);\n"
             "corner(-0.1, -0.1); EndPrimitive(); } }\n");
   t.vertex_array();
   std::vector<float> positions, tints;
   for (int i = 0; i < 12; i++) {
      positions.insert(positions.end(), {-0.8f + 0.4f * static_cast<float>(i % 4),
                                         -0.7f + 0.55f * static_cast<float>(i / 4)});
      const Colour c = colour(i);
      tints.insert(tints.end(), {c.r, c.g, c.b});
   }
   t.attribute(0, 2, positions);
   t.attribute(2, 3, tints);
   glDrawArrays(GL_POINTS, 0, 12);
}

void geometry_adjacency(Test &t)
{
   t.clear({0.1f, 0.1f, 0.1f});
   t.program("in vec2 position;\nvoid main() { gl_Position = vec4(position, 0.0, 1.0); }\n",
             "in vec3 c; out vec4 result;\nvoid main() { result = vec4(c, 1.0); }\n",
             "layout(triangles_adjacency) in; layout(line_strip, max_vertices = 12) out;\n"
             "out vec3 c;\nvoid main() { for (int i = 0; i < 6; i++) {\n"
             "c = vec3(float(i) / 6.0, 0.8, 1.0 - float(i) / 6.0);\n"
             "gl_Position = gl_in[i].gl_Position; EmitVertex(); } EndPrimitive();\n"
             "for (int i = 0; i < 3; i++) { c = vec3(1.0);\n"
             "gl_Position = gl_in[i * 2].gl_Position * vec4(0.8, 0.8, 1.0, 1.0); EmitVertex(); } }\n");
   t.vertex_array();
   t.attribute(0, 2, {-0.8f, -0.8f, 0.1f, -0.9f, 0.8f, -0.8f, 0.6f, 0.2f, 0.0f, 0.8f, -0.6f, 0.3f});
   glDrawArrays(GL_TRIANGLES_ADJACENCY, 0, 6);
   t.program("in vec2 position;\nvoid main() { gl_Position = vec4(position, 0.0, 1.0); }\n",
             "out vec4 result;\nvoid main() { result = vec4(0.9, 0.3, 0.2, 1.0); }\n",
             "layout(lines) in; layout(points, max_vertices = 5) out;\nvoid main() {\n"
             "for (int i = 0; i < 5; i++) { gl_Position = mix(gl_in[0].gl_Position,\n"
             "gl_in[1].gl_Position, float(i) / 4.0); gl_PointSize = 6.0; EmitVertex();\n"
             "EndPrimitive(); } }\n");
   glEnable(GL_PROGRAM_POINT_SIZE);
   glDrawArrays(GL_LINE_LOOP, 0, 6);
}

void geometry_layers(Test &t)
{
   const GLuint texture = t.texture(GL_TEXTURE_2D_ARRAY);
   glTexImage3D(GL_TEXTURE_2D_ARRAY, 0, GL_RGBA8, 32, 32, 4, 0, GL_RGBA, GL_UNSIGNED_BYTE,
                nullptr);
   GLuint name = 0;
   glGenFramebuffers(1, &name);
   glBindFramebuffer(GL_FRAMEBUFFER, name);
   glFramebufferTexture(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, texture, 0);
   t.check_framebuffer();
   glViewport(0, 0, 32, 32);
   glClearColor(0.1f, 0.1f, 0.3f, 1);
   glClear(GL_COLOR_BUFFER_BIT);
   t.program("in vec2 position;\nvoid main() { gl_Position = vec4(position, 0.0, 1.0); }\n",
             "in vec3 c; out vec4 result;\nvoid main() { result = vec4(c, 1.0); }\n",
             "layout(triangles) in; layout(triangle_strip, max_vertices = 12) out;\nout vec3 c;\n"
             "void main() { for (int layer = 0; layer < 4; layer++) {\n"
             "for (int i = 0; i < 3; i++) { gl_Layer = layer;\n"
             "c = vec3(float(layer) / 3.0, float(i) / 2.0, 0.5);\n"
             "gl_Position = gl_in[i].gl_Position * vec4(1.0 - 0.2 * float(layer), 1.0, 1.0, 1.0);\n"
             "EmitVertex(); } EndPrimitive(); } }\n");
   t.vertex_array();
   t.attribute(0, 2, {-0.9f, -0.9f, 0.9f, -0.7f, 0.0f, 0.9f});
   glDrawArrays(GL_TRIANGLES, 0, 3);
   t.bind_canvas();
   t.clear({0, 0, 0});
   const GLuint program = t.quad_program(
      "uniform sampler2DArray tex; uniform float layer;\n"
      "void main() { result = texture(tex, vec3(uv, layer)); }\n");
   for (int i = 0; i < 4; i++) {
      t.tile(i, 2);
      glUniform1f(glGetUniformLocation(program, "layer"), static_cast<float>(i));
      t.rect();
   }
}

constexpr Scene table[] = {
   {"shader-varyings", Api::core, varyings},
   {"shader-control-flow", Api::core, control_flow},
   {"shader-arithmetic", Api::core, arithmetic},
   {"shader-integers", Api::core, integers},
   {"shader-derivatives", Api::core, derivatives},
   {"shader-built-ins", Api::core, built_ins},
   {"shader-clip-distance", Api::core, clip_distance},
   {"shader-very-long", Api::core, very_long},
   {"shader-many-programs", Api::core, many_programs},
   {"shader-geometry-points", Api::core, geometry_points},
   {"shader-geometry-adjacency", Api::core, geometry_adjacency},
   {"shader-geometry-layers", Api::core, geometry_layers},
};

} // namespace

std::span<const Scene> shader_scenes()
{
   return table;
}

} // namespace render
