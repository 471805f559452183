// SPDX-License-Identifier: MIT
// verglas-render: draw test scenes and write what came out.
//
//   verglas-render --list              names of all scenes
//   verglas-render NAME FOLDER         draw one scene: FOLDER/NAME.pam and FOLDER/NAME.txt
//
// Exit status: 0 drawn; 1 the scene found something wrong; 2 no context could be made.

#include "scene.hpp"
#include "window.hpp"

#include <cstdio>
#include <cstring>

namespace render {
namespace {

std::vector<Scene> all_scenes()
{
   std::vector<Scene> out;
   for (const auto table :
        {draw_scenes(), vertex_scenes(), clamp_scenes(), slot_scenes(), clear_scenes(), blit_scenes(), copy_scenes(),
         shader_scenes(), shader_input_scenes(), texture_scenes(), sampler_scenes(),
         format_scenes(), framebuffer_scenes(), state_scenes(), raster_scenes(), query_scenes(),
         raster_position_scenes(), polygon_scenes(),
         traffic_scenes(),
         feedback_scenes(), buffer_scenes(), coherent_scenes(), transfer_scenes(), sync_scenes(),
         legacy_scenes(),
         gles_scenes(), present_scenes(), extension_scenes()})
      out.insert(out.end(), table.begin(), table.end());
   return out;
}

// libepoxy looks at a display to know whether EGL has a function: of this one it cannot know.
EGLDisplay open_display(EGLenum platform, void *native)
{
   const auto get = reinterpret_cast<PFNEGLGETPLATFORMDISPLAYEXTPROC>(
      eglGetProcAddress("eglGetPlatformDisplayEXT"));
   return get ? get(platform, native, nullptr) : EGL_NO_DISPLAY;
}

EGLContext make_context(EGLDisplay display, EGLConfig config, Api api)
{
   const bool es = api == Api::es2 || api == Api::es3;
   eglBindAPI(es ? EGL_OPENGL_ES_API : EGL_OPENGL_API);
   std::vector<EGLint> attributes;
   switch (api) {
   case Api::core:
      attributes = {EGL_CONTEXT_MAJOR_VERSION, 3, EGL_CONTEXT_MINOR_VERSION, 3,
                    EGL_CONTEXT_OPENGL_PROFILE_MASK, EGL_CONTEXT_OPENGL_CORE_PROFILE_BIT};
      break;
   case Api::compat:
      break; // no version asked for: the best compatibility context
   case Api::es2:
      attributes = {EGL_CONTEXT_MAJOR_VERSION, 2};
      break;
   case Api::es3:
      attributes = {EGL_CONTEXT_MAJOR_VERSION, 3};
      break;
   }
   attributes.push_back(EGL_NONE);
   return eglCreateContext(display, config, EGL_NO_CONTEXT, attributes.data());
}

bool write_results(const Test &test, const std::vector<uint8_t> &pixels, const std::string &base)
{
   FILE *image = fopen((base + ".pam").c_str(), "wb");
   if (!image)
      return false;
   fprintf(image, "P7\nWIDTH %d\nHEIGHT %d\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n",
           Test::size, Test::size);
   for (int y = Test::size - 1; y >= 0; y--) // GL counts rows from below
      fwrite(&pixels[size_t{Test::size} * 4 * y], 4, Test::size, image);
   bool ok = fclose(image) == 0;
   FILE *text = fopen((base + ".txt").c_str(), "w");
   if (!text)
      return false;
   fprintf(text, "vendor %s\n", reinterpret_cast<const char *>(glGetString(GL_VENDOR)));
   for (const std::string &line : test.values())
      fprintf(text, "value %s\n", line.c_str());
   for (const std::string &line : test.failures())
      fprintf(text, "failure %s\n", line.c_str());
   return fclose(text) == 0 && ok;
}

int draw(const Scene &scene, const char *folder)
{
   const bool windowed = scene.surface == Surface::window;
   Window window;
   if (windowed && !window.open(Test::size, Test::size)) {
      fprintf(stderr, "verglas-render: cannot open a window\n");
      return 2;
   }
   EGLDisplay display = open_display(windowed ? EGL_PLATFORM_X11_KHR : EGL_PLATFORM_SURFACELESS_MESA,
                                     windowed ? window.connection() : EGL_DEFAULT_DISPLAY);
   if (display == EGL_NO_DISPLAY || !eglInitialize(display, nullptr, nullptr)) {
      fprintf(stderr, "verglas-render: no EGL display (0x%04x)\n", eglGetError());
      return 2;
   }
   const bool es = scene.api == Api::es2 || scene.api == Api::es3;
   // Only windows and pbuffers need the buffers of a config; a canvas brings its own.
   const EGLint config_attributes[] = {EGL_SURFACE_TYPE,
                                       windowed ? EGL_WINDOW_BIT : EGL_PBUFFER_BIT,
                                       EGL_RENDERABLE_TYPE,
                                       es ? EGL_OPENGL_ES2_BIT : EGL_OPENGL_BIT,
                                       EGL_RED_SIZE, 8, EGL_GREEN_SIZE, 8, EGL_BLUE_SIZE, 8,
                                       EGL_ALPHA_SIZE, windowed ? 0 : 8,
                                       EGL_DEPTH_SIZE, 24, EGL_STENCIL_SIZE, 8, EGL_NONE};
   EGLConfig config = nullptr;
   EGLint count = 0;
   if (!eglChooseConfig(display, config_attributes, &config, 1, &count) || count < 1) {
      fprintf(stderr, "verglas-render: no EGL config\n");
      return 2;
   }
   EGLContext context = make_context(display, config, scene.api);
   if (context == EGL_NO_CONTEXT) {
      fprintf(stderr, "verglas-render: no context (0x%04x)\n", eglGetError());
      return 2;
   }
   EGLSurface surface = EGL_NO_SURFACE;
   if (windowed) {
      surface = eglCreateWindowSurface(display, config, window.handle(), nullptr);
   } else if (scene.surface == Surface::pbuffer) {
      const EGLint attributes[] = {EGL_WIDTH, Test::size, EGL_HEIGHT, Test::size, EGL_NONE};
      surface = eglCreatePbufferSurface(display, config, attributes);
   }
   if (!eglMakeCurrent(display, surface, surface, context)) {
      fprintf(stderr, "verglas-render: context cannot be made current (0x%04x)\n", eglGetError());
      return 2;
   }
   bool ok = false;
   {
      Test test(scene.api, scene.surface, display, config, context, surface);
      scene.draw(test);
      const std::vector<uint8_t> pixels = windowed ? window.pixels() : test.read_canvas();
      for (GLenum error; (error = glGetError()) != GL_NO_ERROR;) {
         test.fail("GL error 0x%04x", error);
         if (test.failures().size() > 8)
            break;
      }
      if (pixels.size() != size_t{Test::size} * Test::size * 4)
         test.fail("the image has %zu bytes", pixels.size());
      else if (!write_results(test, pixels, std::string(folder) + "/" + scene.name))
         test.fail("cannot write to %s", folder);
      ok = test.failures().empty();
      for (const std::string &line : test.failures())
         fprintf(stderr, "verglas-render: %s: %s\n", scene.name, line.c_str());
   }
   eglMakeCurrent(display, EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT);
   if (surface != EGL_NO_SURFACE)
      eglDestroySurface(display, surface);
   eglDestroyContext(display, context);
   eglTerminate(display);
   return ok ? 0 : 1;
}

} // namespace
} // namespace render

int main(int argc, char **argv)
{
   const std::vector<render::Scene> scenes = render::all_scenes();
   if (argc == 2 && strcmp(argv[1], "--list") == 0) {
      for (const render::Scene &scene : scenes)
         printf("%s\n", scene.name);
      return 0;
   }
   if (argc == 3) {
      for (const render::Scene &scene : scenes) {
         if (strcmp(scene.name, argv[1]) == 0)
            return render::draw(scene, argv[2]);
      }
      fprintf(stderr, "verglas-render: no scene named %s\n", argv[1]);
      return 2;
   }
   fprintf(stderr, "usage: verglas-render --list | NAME FOLDER\n");
   return 2;
}
