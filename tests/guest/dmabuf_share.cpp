// SPDX-License-Identifier: MIT
// Two processes share buffers through dma-bufs: what one draws, the other sees, exactly.
//
// The parent makes buffers and draws into them. The child, with a file description of its own,
// imports them in every way there is, looks at the pixels, and draws its half.

#include "check.hpp"
#include "sharing.hpp"

#include <cstdio>
#include <cstring>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <libdrm/drm_fourcc.h>
#include <xf86drm.h>

using namespace guest;

namespace {

constexpr int width = 64, height = 48;
constexpr Area left_half{0, 0, width / 2, height};
constexpr Area right_half{width / 2, 0, width / 2, height};

enum class Task : int { draw, sample_yuv, twice, same_handle, count };

struct Order {
   Task task = Task::draw;
   Way way = Way::egl;
   Layout layout;
   uint32_t seed = 0;
   int levels = 6;
   int channels = 4;
   Pixel yuv_as_rgb = {};
};

struct Answer {
   char wrong[300] = "";
   Holdings held;
};

// --- the child ----------------------------------------------------------------------------------

std::string draw_half(const Device &device, const Order &order, const std::vector<Fd> &fds)
{
   Import imported = import_dmabuf(device, order.layout, fds, order.way);
   if (!imported.image)
      return "it cannot be imported";
   const GLuint texture = texture_of(imported.image);
   if (const GLenum error = glGetError())
      return "no texture can be made of it (error " + std::to_string(error) + ")";
   const Pattern first(order.seed, order.levels), second(order.seed + 1, order.levels);
   const Channels channels{order.channels};
   std::string wrong;
   {
      // Sampled: through a sampler view of the imported storage.
      Shower shower(GL_TEXTURE_2D);
      Framebuffer canvas;
      const GLuint shown = make_texture(GL_RGBA8, width, height);
      canvas.attach_texture(shown);
      glViewport(0, 0, width, height);
      shower.show(texture);
      wrong = compare(read_pixels(width, height), width, {0, 0, width, height}, first, channels);
      glDeleteTextures(1, &shown);
      if (!wrong.empty())
         wrong = "sampled, " + wrong;
   }
   if (wrong.empty()) {
      Framebuffer target;
      if (!target.attach_texture(texture))
         wrong = "it cannot be drawn to";
      else
         wrong = compare(read_pixels(width, height), width, {0, 0, width, height}, first, channels);
      if (wrong.empty())
         paint(second, right_half);
   }
   glDeleteTextures(1, &texture);
   glFinish();
   return wrong;
}

std::string sample_yuv(const Device &device, const Order &order, const std::vector<Fd> &fds)
{
   Import imported = import_dmabuf(device, order.layout, fds, order.way);
   if (!imported.image)
      return "it cannot be imported";
   const GLuint texture = texture_of(imported.image, GL_TEXTURE_EXTERNAL_OES);
   if (const GLenum error = glGetError())
      return "no texture can be made of it (error " + std::to_string(error) + ")";
   Shower shower(GL_TEXTURE_EXTERNAL_OES);
   Framebuffer canvas;
   const GLuint shown = make_texture(GL_RGBA8, width, height);
   canvas.attach_texture(shown);
   glViewport(0, 0, width, height);
   shower.show(texture);
   const auto pixels = read_pixels(width, height);
   glDeleteTextures(1, &shown);
   glDeleteTextures(1, &texture);
   for (const Pixel &p : pixels) {
      for (size_t i = 0; i < 3; i++) {
         // The matrix is of limited precision, and so is the conversion of its coefficients.
         if (abs(p[i] - order.yuv_as_rgb[i]) > 3)
            return "it shows (" + std::to_string(p[0]) + ' ' + std::to_string(p[1]) + ' ' +
                   std::to_string(p[2]) + ") instead of (" + std::to_string(order.yuv_as_rgb[0]) +
                   ' ' + std::to_string(order.yuv_as_rgb[1]) + ' ' +
                   std::to_string(order.yuv_as_rgb[2]) + ')';
      }
   }
   return {};
}

// The same dma-buf imported twice is one buffer, closed once: when both are gone.
std::string import_twice(const Device &device, const Order &order, const std::vector<Fd> &fds)
{
   Import first = import_dmabuf(device, order.layout, fds, Way::gbm);
   Import second = import_dmabuf(device, order.layout, fds, Way::gbm);
   if (!first.image || !second.image)
      return "it cannot be imported";
   const uint32_t handle = first.buffer.handle();
   if (second.buffer.handle() != handle)
      return "the imports have the handles " + std::to_string(handle) + " and " +
             std::to_string(second.buffer.handle());
   if (!resource_of(device.fd(), handle))
      return "its handle is not one of the description";
   first = {};
   drain();
   if (!resource_of(device.fd(), handle))
      return "destroying one import closed the other's handle";
   const GLuint texture = texture_of(second.image);
   std::string wrong;
   {
      Framebuffer target;
      if (!target.attach_texture(texture))
         return "the second import cannot be drawn to";
      wrong = compare(read_pixels(width, height), width, {0, 0, width, height},
                      Pattern(order.seed, order.levels), {order.channels});
   }
   glDeleteTextures(1, &texture);
   if (!wrong.empty())
      return "after one is destroyed, " + wrong;
   second = {};
   drain();
   if (resource_of(device.fd(), handle))
      return "handle " + std::to_string(handle) + " is open after both imports are destroyed";
   return {};
}

// A description that came from the parent has the parent's handles.
std::string same_handle(const std::vector<Fd> &fds, const Order &order)
{
   if (fds.size() != 2)
      return "the descriptors did not come";
   uint32_t handle = 0;
   if (drmPrimeFDToHandle(fds[0].get(), fds[1].get(), &handle))
      return "the kernel refuses the dma-buf";
   if (handle != order.seed)
      return "the handle is " + std::to_string(handle) + ", the parent's " +
             std::to_string(order.seed);
   return {};
}

[[noreturn]] void serve(int socket)
{
   int result = 0;
   {
      Device device;
      device.make_current(device.context());
      Order order;
      std::vector<Fd> fds;
      while (receive_message(socket, &order, sizeof(order), &fds)) {
         std::string wrong;
         switch (order.task) {
         case Task::draw: wrong = draw_half(device, order, fds); break;
         case Task::sample_yuv: wrong = sample_yuv(device, order, fds); break;
         case Task::twice: wrong = import_twice(device, order, fds); break;
         case Task::same_handle: wrong = same_handle(fds, order); break;
         case Task::count: break;
         }
         fds.clear();
         while (glGetError())
            ;
         Answer answer;
         snprintf(answer.wrong, sizeof(answer.wrong), "%s", wrong.c_str());
         if (order.task == Task::count) {
            drain();
            answer.held = holdings(device.fd());
         }
         if (!send_message(socket, &answer, sizeof(answer))) {
            result = 1;
            break;
         }
      }
   }
   _exit(result);
}

// --- the parent ---------------------------------------------------------------------------------

struct Format {
   uint32_t fourcc;
   const char *name;
   int channels;
   int levels;
};
constexpr Format formats[] = {
   {GBM_FORMAT_XRGB8888, "XRGB8888", 3, 6}, {GBM_FORMAT_ARGB8888, "ARGB8888", 4, 6},
   {GBM_FORMAT_ABGR8888, "ABGR8888", 4, 6}, {GBM_FORMAT_RGB565, "RGB565", 3, 2},
   {GBM_FORMAT_R8, "R8", 1, 6},             {GBM_FORMAT_GR88, "GR88", 2, 6},
};

class Parent {
public:
   Parent(int socket, pid_t child) : socket_(socket), child_(child)
   {
      context_ = device_.context();
      device_.make_current(context_);
   }

   void run();
   void finish();

private:
   Answer ask(const Order &order, const std::vector<Fd> &fds = {});
   void share(const std::string &name, const Format &format, const Image &image,
              const Layout &layout, const std::vector<Fd> &fds);
   void buffers();
   void textures();
   void yuv();
   void twice();
   void inherited();
   void modifiers();

   int socket_;
   pid_t child_;
   Device device_;
   EGLContext context_;
   uint32_t seed_ = 100;
   bool quiet_ = false; // a round that only looks for leaks
};

Answer Parent::ask(const Order &order, const std::vector<Fd> &fds)
{
   std::vector<int> plain;
   for (const Fd &fd : fds)
      plain.push_back(fd.get());
   Answer answer;
   if (!send_message(socket_, &order, sizeof(order), plain) ||
       !receive_message(socket_, &answer, sizeof(answer)))
      snprintf(answer.wrong, sizeof(answer.wrong), "the other process is gone");
   return answer;
}

void Parent::share(const std::string &name, const Format &format, const Image &image,
                   const Layout &layout, const std::vector<Fd> &fds)
{
   const Channels channels{format.channels};
   const auto modifier = some_modifier(device_, layout.fourcc);
   const GLuint renderbuffer = renderbuffer_of(image);
   for (const Way way : {Way::egl, Way::egl_modifier, Way::gbm, Way::gbm_modifier}) {
      const std::string full = name + ", " + name_of(way);
      Order order{Task::draw, way, layout, seed_, format.levels, format.channels, {}};
      seed_ += 2;
      if (way == Way::egl_modifier || way == Way::gbm_modifier) {
         if (layout.modifier == DRM_FORMAT_MOD_INVALID && !modifier)
            continue; // modifiers() says so
         if (layout.modifier == DRM_FORMAT_MOD_INVALID)
            order.layout.modifier = *modifier;
      }
      Framebuffer target;
      if (!target.attach_renderbuffer(renderbuffer)) {
         fail(full, "the buffer cannot be drawn to");
         break;
      }
      paint(Pattern(order.seed, format.levels), {0, 0, width, height});
      glFinish();
      const Answer answer = ask(order, fds);
      if (answer.wrong[0]) {
         fail(full, "in the other process, %s", answer.wrong);
         continue;
      }
      const auto pixels = read_pixels(width, height);
      std::string wrong =
         compare(pixels, width, left_half, Pattern(order.seed, format.levels), channels);
      if (wrong.empty())
         wrong = compare(pixels, width, right_half, Pattern(order.seed + 1, format.levels),
                         channels);
      if (!wrong.empty())
         fail(full, "back here, %s", wrong.c_str());
      else if (!quiet_)
         ok(full);
   }
   glDeleteRenderbuffers(1, &renderbuffer);
}

void Parent::buffers()
{
   for (const Format &format : formats) {
      const std::string name = std::string("buffer ") + format.name;
      Buffer buffer(gbm_bo_create(device_.gbm(), width, height, format.fourcc,
                                  GBM_BO_USE_RENDERING));
      if (!buffer) {
         if (!quiet_)
            skip(name, "GBM makes no such buffer");
         continue;
      }
      const uint32_t handle = buffer.handle();
      Layout layout;
      std::vector<Fd> fds;
      Image image = image_of_buffer(device_, buffer.get());
      if (!describe(buffer.get(), layout, fds) || !image) {
         fail(name, "it cannot be exported");
         continue;
      }
      share(name, format, image, layout, fds);
      image.reset();
      buffer.reset();
      fds.clear();
      drain();
      if (resource_of(device_.fd(), handle))
         fail(name, "handle %u is open after all is destroyed", handle);
      else if (!quiet_)
         ok(name + ", closed");
   }
}

void Parent::textures()
{
   if (!device_.has("EGL_MESA_image_dma_buf_export")) {
      fail("texture", "EGL_MESA_image_dma_buf_export is missing");
      return;
   }
   const GLuint texture = make_texture(GL_RGBA8, width, height);
   {
      // Something is in it before it is exported, and must stay.
      Framebuffer target;
      target.attach_texture(texture);
      paint(Pattern(7), {0, 0, width, height});
   }
   Image image = image_of_texture(device_, context_, texture);
   Layout layout;
   std::vector<Fd> fds;
   layout.width = width;
   layout.height = height;
   if (!image || !describe(device_, image, layout, fds)) {
      fail("texture", "it cannot be exported");
   } else {
      {
         Framebuffer target;
         target.attach_texture(texture);
         const std::string wrong = compare(read_pixels(width, height), width,
                                           {0, 0, width, height}, Pattern(7));
         if (!wrong.empty())
            fail("texture, exported", "%s", wrong.c_str());
         else if (!quiet_)
            ok("texture, exported");
      }
      share("texture", {layout.fourcc, "", 4, 6}, image, layout, fds);
      // The texture, not the image, was drawn to by nobody here: it must show what the others drew.
      Framebuffer target;
      target.attach_texture(texture);
      const std::string wrong = compare(read_pixels(width, height), width, {0, 0, 8, 8},
                                        Pattern(7));
      if (wrong.empty())
         fail("texture, seen", "the texture still shows what was in it at first");
      else if (!quiet_)
         ok("texture, seen");
   }
   glDeleteTextures(1, &texture);
}

// NV12 in two buffers: luminance in one, both colour differences in the other.
void Parent::yuv()
{
   Buffer luma(gbm_bo_create(device_.gbm(), width, height, GBM_FORMAT_R8, GBM_BO_USE_RENDERING));
   Buffer chroma(gbm_bo_create(device_.gbm(), width / 2, height / 2, GBM_FORMAT_GR88,
                               GBM_BO_USE_RENDERING));
   if (!luma || !chroma) {
      if (!quiet_)
         skip("NV12", "GBM makes no R8 and GR88 buffers");
      return;
   }
   Layout layout, second;
   std::vector<Fd> fds, more;
   if (!describe(luma.get(), layout, fds) || !describe(chroma.get(), second, more)) {
      fail("NV12", "the planes cannot be exported");
      return;
   }
   layout.fourcc = DRM_FORMAT_NV12;
   layout.planes = 2;
   layout.strides[1] = second.strides[0];
   layout.offsets[1] = second.offsets[0];
   fds.push_back(std::move(more[0]));
   struct Colour {
      Pixel yuv, rgb; // BT.601, narrow range: what the extension says is the default
   };
   for (const Colour &colour : {Colour{{81, 90, 240, 0}, {254, 0, 0, 0}},
                                Colour{{145, 54, 34, 0}, {0, 255, 1, 0}},
                                Colour{{126, 128, 128, 0}, {128, 128, 128, 0}}}) {
      for (int plane = 0; plane < 2; plane++) {
         const Image image = image_of_buffer(device_, plane ? chroma.get() : luma.get());
         const GLuint renderbuffer = renderbuffer_of(image);
         {
            Framebuffer target;
            if (!target.attach_renderbuffer(renderbuffer))
               fail("NV12", "plane %d cannot be drawn to", plane);
            const Pixel &c = colour.yuv;
            glClearColor(c[plane ? 1 : 0] / 255.0f, c[2] / 255.0f, 0, 1);
            glClear(GL_COLOR_BUFFER_BIT);
         }
         glDeleteRenderbuffers(1, &renderbuffer);
      }
      glFinish();
      const Answer answer = ask({Task::sample_yuv, Way::egl, layout, 0, 0, 0, colour.rgb}, fds);
      const std::string name = "NV12 of luminance " + std::to_string(colour.yuv[0]);
      if (answer.wrong[0])
         fail(name, "in the other process, %s", answer.wrong);
      else if (!quiet_)
         ok(name);
   }
}

void Parent::twice()
{
   Buffer buffer(gbm_bo_create(device_.gbm(), width, height, GBM_FORMAT_ARGB8888,
                               GBM_BO_USE_RENDERING));
   Layout layout;
   std::vector<Fd> fds;
   if (!buffer || !describe(buffer.get(), layout, fds)) {
      fail("imported twice", "there is no buffer to export");
      return;
   }
   const Image image = image_of_buffer(device_, buffer.get());
   const GLuint renderbuffer = renderbuffer_of(image);
   {
      Framebuffer target;
      target.attach_renderbuffer(renderbuffer);
      paint(Pattern(seed_), {0, 0, width, height});
      glFinish();
   }
   glDeleteRenderbuffers(1, &renderbuffer);
   const Answer answer = ask({Task::twice, Way::gbm, layout, seed_, 6, 4, {}}, fds);
   if (answer.wrong[0])
      fail("imported twice", "%s", answer.wrong);
   else if (!quiet_)
      ok("imported twice");
   // Where it was made, an import is the buffer itself.
   Import own = import_dmabuf(device_, layout, fds, Way::gbm);
   if (!own.buffer || own.buffer.handle() != buffer.handle())
      fail("imported where it was made", "the import is another buffer");
   else if (!quiet_)
      ok("imported where it was made");
   own = {};
   drain();
   if (!resource_of(device_.fd(), buffer.handle()))
      fail("import destroyed where it was made", "the buffer's handle is closed");
   else if (!quiet_)
      ok("import destroyed where it was made");
}

void Parent::inherited()
{
   Buffer buffer(gbm_bo_create(device_.gbm(), width, height, GBM_FORMAT_ARGB8888,
                               GBM_BO_USE_RENDERING));
   std::vector<Fd> fds;
   fds.emplace_back(dup(device_.fd()));
   fds.emplace_back(buffer ? gbm_bo_get_fd(buffer.get()) : -1);
   if (!fds[1]) {
      fail("description passed on", "there is no buffer to export");
      return;
   }
   Order order{Task::same_handle, Way::gbm, {}, buffer.handle(), 0, 0, {}};
   const Answer answer = ask(order, fds);
   check(!answer.wrong[0], "description passed on", "%s", answer.wrong);
}

// A driver may know of no modifiers; but what it lists, it must take (see share()).
void Parent::modifiers()
{
   for (const Format &format : formats) {
      Buffer buffer(gbm_bo_create(device_.gbm(), width, height, format.fourcc,
                                  GBM_BO_USE_RENDERING));
      if (buffer && !some_modifier(device_, format.fourcc) &&
          gbm_bo_get_modifier(buffer.get()) == DRM_FORMAT_MOD_INVALID)
         skip(std::string("import of ") + format.name + " with a modifier",
              "the driver lists none and gives its buffer none");
   }
}

void Parent::run()
{
   // What a first round leaves (shaders, caches) stays; after that nothing more may.
   buffers();
   textures();
   yuv();
   twice();
   inherited();
   modifiers();
   quiet_ = true;
   Holdings before[2], after[2];
   for (int round = 0; round < 3; round++) {
      buffers();
      textures();
      twice();
      drain();
      auto &held = round == 0 ? before : after;
      held[0] = holdings(device_.fd());
      held[1] = ask({Task::count, Way::egl, {}, 0, 0, 0, {}}).held;
   }
   for (int i = 0; i < 2; i++) {
      const bool flat = after[i].fds == before[i].fds && after[i].handles <= before[i].handles &&
                        after[i].mappings <= before[i].mappings + 2;
      check(flat, i ? "nothing is left where it was imported" : "nothing is left where it was made",
            "%s at first, %s then", before[i].text().c_str(), after[i].text().c_str());
   }
}

void Parent::finish()
{
   shutdown(socket_, SHUT_WR);
   int result = 0;
   waitpid(child_, &result, 0);
   check(result == 0, "the other process ends well", "its status is 0x%x",
         static_cast<unsigned>(result));
}

} // namespace

int main()
{
   int sockets[2];
   if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets))
      give_up("no sockets");
   const pid_t child = fork();
   if (child == 0) {
      close(sockets[0]);
      serve(sockets[1]);
   }
   close(sockets[1]);
   Parent parent(sockets[0], child);
   parent.run();
   parent.finish();
   return status();
}
