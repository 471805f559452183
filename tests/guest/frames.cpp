// SPDX-License-Identifier: MIT
// Many frames, as a compositor and as a program without a window draw them, with uploads, queries
// and textures that change in every one. What the process holds must be flat after the warm-up.
//
//   guest-frames [--frames N] [--pause]     N frames in a surface (default 10,000), N/4 without one
//
// "mark NAME" on stdout tells the suite where a stretch of frames begins or ends; with --pause the
// program then waits for a line on stdin, so that QEMU's log can be looked at in between.

#include "check.hpp"
#include "sharing.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

using namespace guest;

namespace {

constexpr int width = 128, height = 96;
constexpr int warm_up = 500;
constexpr int looks = 10;
bool pausing = false;

void mark(const char *name)
{
   printf("mark %s\n", name);
   fflush(stdout);
   char line[16];
   if (pausing && !fgets(line, sizeof(line), stdin))
      pausing = false;
}

// One frame's worth of work: a vertex buffer that is given new storage, a texture that is partly
// rewritten, one that is made anew now and then, and a query whose answer is taken later.
class Scene {
public:
   Scene()
   {
      program_ = make_program(R"(#version 300 es
in vec2 position;
uniform vec2 offset;
out vec2 uv;
void main()
{
   uv = position;
   gl_Position = vec4(position * 0.5 + offset, 0.0, 1.0);
}
)",
                              R"(#version 300 es
precision mediump float;
in vec2 uv;
uniform sampler2D tex;
out vec4 result;
void main() { result = texture(tex, uv); }
)");
      glGenBuffers(1, &vertices_);
      for (GLuint &texture : textures_)
         texture = make_texture(GL_RGBA8, 32, 32);
      glGenQueries(static_cast<GLsizei>(queries_.size()), queries_.data());
      texels_.resize(32 * 32 * 4);
   }
   ~Scene()
   {
      glDeleteProgram(program_);
      glDeleteBuffers(1, &vertices_);
      glDeleteTextures(static_cast<GLsizei>(textures_.size()), textures_.data());
      glDeleteQueries(static_cast<GLsizei>(queries_.size()), queries_.data());
   }
   Scene(const Scene &) = delete;
   Scene &operator=(const Scene &) = delete;

   void draw(int frame)
   {
      const auto slot = static_cast<size_t>(frame) % textures_.size();
      const auto query = static_cast<size_t>(frame) % queries_.size();
      if (frame % 16 == 15) {
         glDeleteTextures(1, &textures_[slot]);
         textures_[slot] = make_texture(GL_RGBA8, 32, 32);
         if (frame % 32 == 31)
            std::fill(texels_.begin(), texels_.end(), static_cast<uint8_t>(frame));
         upload(slot, 0, 32);
      }
      std::fill(texels_.begin(), texels_.end(), static_cast<uint8_t>(frame % 251));
      upload(slot, frame % 24, 8);

      glViewport(0, 0, width, height);
      glClearColor(static_cast<float>(frame % 5) / 5.0f, 0.2f, 0.4f, 1.0f);
      glClear(GL_COLOR_BUFFER_BIT);
      glUseProgram(program_);
      glBindTexture(GL_TEXTURE_2D, textures_[slot]);
      const float corners[] = {0, 0, 1, 0, 0, 1, 1, 1};
      glBindBuffer(GL_ARRAY_BUFFER, vertices_);
      glBufferData(GL_ARRAY_BUFFER, sizeof(corners), corners, GL_STREAM_DRAW);
      glEnableVertexAttribArray(0);
      glVertexAttribPointer(0, 2, GL_FLOAT, GL_FALSE, 0, nullptr);
      const GLint offset = glGetUniformLocation(program_, "offset");
      if (frame >= static_cast<int>(queries_.size())) {
         GLuint seen = 0;
         glGetQueryObjectuiv(queries_[query], GL_QUERY_RESULT, &seen);
         invisible_ += !seen;
      }
      glBeginQuery(GL_ANY_SAMPLES_PASSED, queries_[query]);
      for (int i = 0; i < 4; i++) {
         glUniform2f(offset, static_cast<float>(i % 2) - 0.75f, static_cast<float>(i / 2) - 0.75f);
         glDrawArrays(GL_TRIANGLE_STRIP, 0, 4);
      }
      glEndQuery(GL_ANY_SAMPLES_PASSED);
   }

   // The pixel that shows the texel uploaded last in this frame.
   std::string look(int frame) const
   {
      // The first quad's lower left corner is at clip -0.75, -0.75, its size 0.5.
      const int row = frame % 24 + 4;
      const int x = static_cast<int>((0.25 + 0.25) / 2 * width);
      const int y = static_cast<int>((0.25 + 0.5 * (row + 0.5) / 32.0) / 2 * height);
      uint8_t pixel[4];
      glReadPixels(x, y, 1, 1, GL_RGBA, GL_UNSIGNED_BYTE, pixel);
      if (pixel[0] == frame % 251)
         return {};
      return "frame " + std::to_string(frame) + " shows " + std::to_string(pixel[0]) +
             " instead of " + std::to_string(frame % 251);
   }

   int invisible() const { return invisible_; }

private:
   void upload(size_t slot, int first, int rows)
   {
      glBindTexture(GL_TEXTURE_2D, textures_[slot]);
      glTexSubImage2D(GL_TEXTURE_2D, 0, 0, first, 32, rows, GL_RGBA, GL_UNSIGNED_BYTE,
                      texels_.data());
   }

   GLuint program_ = 0;
   GLuint vertices_ = 0;
   std::array<GLuint, 4> textures_{};
   std::array<GLuint, 4> queries_{};
   std::vector<uint8_t> texels_;
   int invisible_ = 0;
};

// Holdings at several points; flat means that no later look finds more than the first ones.
class Watch {
public:
   explicit Watch(int fd) : fd_(fd) {}
   void look() { seen_.push_back(holdings(fd_)); }
   void judge(const std::string &name) const
   {
      Holdings most = seen_.front(), last = seen_.back();
      // Buffers that wait to be used again come and go: the most of the first three is the level.
      for (size_t i = 1; i < 3; i++) {
         most.fds = std::max(most.fds, seen_[i].fds);
         most.mappings = std::max(most.mappings, seen_[i].mappings);
         most.handles = std::max(most.handles, seen_[i].handles);
      }
      Holdings later;
      for (size_t i = 3; i < seen_.size(); i++) {
         later.fds = std::max(later.fds, seen_[i].fds);
         later.mappings = std::max(later.mappings, seen_[i].mappings);
         later.handles = std::max(later.handles, seen_[i].handles);
      }
      printf("note %s: %s at last\n", name.c_str(), last.text().c_str());
      check(most.handles > 0, name + ", handles are seen",
            "the driver has a description of its own");
      check(later.fds <= most.fds, name + ", descriptors", "%d at first, %d later", most.fds,
            later.fds);
      check(later.mappings <= most.mappings + 2, name + ", mappings", "%d at first, %d later",
            most.mappings, later.mappings);
      check(later.handles <= most.handles + 2, name + ", GEM handles", "%d at first, %d later",
            most.handles, later.handles);
   }

private:
   int fd_;
   std::vector<Holdings> seen_;
};

// Draws FRAMES frames and looks ten times; END is what ends a frame.
template <typename End>
void run(const std::string &name, const Device &device, int frames, End end)
{
   Scene scene;
   Watch watch(device.fd());
   std::string wrong;
   const double began = now();
   const int step = std::max(1, (frames - warm_up) / looks);
   for (int frame = 0; frame < frames; frame++) {
      if (frame == warm_up)
         mark((name + " begin").c_str());
      scene.draw(frame);
      if (frame % 97 == 0 && wrong.empty())
         wrong = scene.look(frame);
      end(frame);
      if (frame > warm_up && (frame - warm_up) % step == 0)
         watch.look();
   }
   glFinish();
   mark((name + " end").c_str());
   printf("note %s: %d frames, %.1f a second\n", name.c_str(), frames, frames / (now() - began));
   check(wrong.empty(), name + ", pictures", "%s", wrong.c_str());
   check(scene.invisible() == 0, name + ", queries", "%d queries saw nothing", scene.invisible());
   watch.judge(name);
}

void in_surface(const Device &device, int frames)
{
   const EGLConfig config = device.config(EGL_WINDOW_BIT, GBM_FORMAT_XRGB8888);
   gbm_surface *surface = gbm_surface_create(device.gbm(), width, height, GBM_FORMAT_XRGB8888,
                                             GBM_BO_USE_RENDERING | GBM_BO_USE_SCANOUT);
   if (!config || !surface) {
      fail("surface", "there is no config or no GBM surface");
      return;
   }
   const EGLSurface window =
      eglCreatePlatformWindowSurfaceEXT(device.display(), config, surface, nullptr);
   const EGLContext context = device.context(EGL_NO_CONTEXT, config);
   device.make_current(context, window);
   const bool ages = device.has("EGL_EXT_buffer_age");
   if (!ages)
      fail("buffer age", "EGL has no EGL_EXT_buffer_age");
   std::vector<gbm_bo *> held;
   std::array<EGLint, 16> age{};
   bool constant = true;
   run("surface", device, frames, [&](int frame) {
      EGLint value = -1;
      if (ages) {
         eglQuerySurface(device.display(), window, EGL_BUFFER_AGE_EXT, &value);
         if (frame < 16)
            age[static_cast<size_t>(frame)] = value;
         else
            constant = constant && value == age[15];
      }
      if (!eglSwapBuffers(device.display(), window))
         give_up("eglSwapBuffers fails in frame %d (0x%04x)", frame, eglGetError());
      // As with page flips: the buffer that is shown stays locked until the next one is.
      if (gbm_bo *bo = gbm_surface_lock_front_buffer(surface))
         held.push_back(bo);
      else
         give_up("there is no front buffer in frame %d", frame);
      if (held.size() > 1) {
         gbm_surface_release_buffer(surface, held.front());
         held.erase(held.begin());
      }
   });
   if (ages) {
      // Contents that nobody drew have no age; later it is the number of buffers in turn.
      const bool good = age[0] == 0 && age[1] == 0 && age[15] >= 2 && age[15] <= 3 &&
                        age[14] == age[15];
      check(good && constant, "buffer age", "%d %d %d %d … %d%s", age[0], age[1], age[2], age[3],
            age[15], constant ? "" : ", and changes later");
   }
   for (gbm_bo *bo : held)
      gbm_surface_release_buffer(surface, bo);
   device.make_current(EGL_NO_CONTEXT);
   eglDestroyContext(device.display(), context);
   eglDestroySurface(device.display(), window);
   gbm_surface_destroy(surface);
}

void surfaceless(const Device &device, int frames)
{
   const EGLContext context = device.context();
   device.make_current(context);
   {
      const GLuint texture = make_texture(GL_RGBA8, width, height);
      Framebuffer target;
      target.attach_texture(texture);
      run("surfaceless", device, frames, [](int) { glFlush(); });
      glDeleteTextures(1, &texture);
   }
   device.make_current(EGL_NO_CONTEXT);
   eglDestroyContext(device.display(), context);
}

// Surfaces and contexts made and destroyed over and over.
void surfaces_come_and_go(const Device &device)
{
   const EGLConfig config = device.config(EGL_WINDOW_BIT, GBM_FORMAT_XRGB8888);
   const std::string wrong = piles_up(device.fd(), [&](int) {
      for (int i = 0; i < 20; i++) {
         gbm_surface *surface =
            gbm_surface_create(device.gbm(), width, height, GBM_FORMAT_XRGB8888,
                               GBM_BO_USE_RENDERING | GBM_BO_USE_SCANOUT);
         const EGLSurface window =
            eglCreatePlatformWindowSurfaceEXT(device.display(), config, surface, nullptr);
         const EGLContext context = device.context(EGL_NO_CONTEXT, config);
         device.make_current(context, window);
         glClear(GL_COLOR_BUFFER_BIT);
         eglSwapBuffers(device.display(), window);
         gbm_bo *bo = gbm_surface_lock_front_buffer(surface);
         gbm_surface_release_buffer(surface, bo);
         device.make_current(EGL_NO_CONTEXT);
         eglDestroyContext(device.display(), context);
         eglDestroySurface(device.display(), window);
         gbm_surface_destroy(surface);
      }
   });
   check(wrong.empty(), "surfaces come and go", "%s", wrong.c_str());
}

} // namespace

int main(int argc, char **argv)
{
   int frames = 10000;
   for (int i = 1; i < argc; i++) {
      if (!strcmp(argv[i], "--frames") && i + 1 < argc)
         frames = atoi(argv[++i]);
      else if (!strcmp(argv[i], "--pause"))
         pausing = true;
   }
   if (frames < 2 * warm_up)
      give_up("%d frames are too few", frames);
   Device device;
   in_surface(device, frames);
   surfaceless(device, std::max(frames / 4, 2 * warm_up));
   surfaces_come_and_go(device);
   return status();
}
