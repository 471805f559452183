// SPDX-License-Identifier: MIT
// A library to preload into a program of the guest: counts the ioctls that it sends to DRM devices,
// in all and frame by frame, and how much of the kernel it holds (descriptors, mappings, handles).
//
// VERGLAS_IOCTLS=PREFIX makes it write PREFIX.PID.json, for each process that used a device: twice a
// second while frames come, at exit, and when SIGTERM ends the program. Verglas and any other driver
// are counted alike, since libdrm and drivers reach the kernel through libc's ioctl().
//
// A frame goes from one glXSwapBuffers or eglSwapBuffers to the next; in a program that calls neither
// by name, from one page flip to the next.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <drm.h>
#include <virtgpu_drm.h>

#define KINDS 256 // an ioctl's number within its type
#define PATTERNS 96
#define SAMPLES 256
#define FDS 1024
#define FILES 16
#define HANDLES 65536
#define NS 1000000000ull

static const char *const names[KINDS] = {
   [0x00] = "VERSION",           [0x01] = "GET_UNIQUE",         [0x02] = "GET_MAGIC",
   [0x07] = "SET_VERSION",       [0x09] = "GEM_CLOSE",          [0x0a] = "GEM_FLINK",
   [0x0b] = "GEM_OPEN",          [0x0c] = "GET_CAP",            [0x0d] = "SET_CLIENT_CAP",
   [0x11] = "AUTH_MAGIC",        [0x1e] = "SET_MASTER",         [0x1f] = "DROP_MASTER",
   [0x2d] = "PRIME_HANDLE_TO_FD", [0x2e] = "PRIME_FD_TO_HANDLE", [0x3a] = "WAIT_VBLANK",
   [0x3b] = "CRTC_GET_SEQUENCE", [0x3c] = "CRTC_QUEUE_SEQUENCE",
   [0x41] = "MAP",               [0x42] = "EXECBUFFER",         [0x43] = "GETPARAM",
   [0x44] = "RESOURCE_CREATE",   [0x45] = "RESOURCE_INFO",      [0x46] = "TRANSFER_FROM_HOST",
   [0x47] = "TRANSFER_TO_HOST",  [0x48] = "WAIT",               [0x49] = "GET_CAPS",
   [0x4a] = "RESOURCE_CREATE_BLOB", [0x4b] = "CONTEXT_INIT",
   [0xa0] = "MODE_GETRESOURCES", [0xa1] = "MODE_GETCRTC",       [0xa2] = "MODE_SETCRTC",
   [0xa3] = "MODE_CURSOR",       [0xa6] = "MODE_GETENCODER",    [0xa7] = "MODE_GETCONNECTOR",
   [0xaa] = "MODE_GETPROPERTY",  [0xab] = "MODE_SETPROPERTY",   [0xac] = "MODE_GETPROPBLOB",
   [0xad] = "MODE_GETFB",        [0xae] = "MODE_ADDFB",         [0xaf] = "MODE_RMFB",
   [0xb0] = "MODE_PAGE_FLIP",    [0xb1] = "MODE_DIRTYFB",       [0xb2] = "MODE_CREATE_DUMB",
   [0xb3] = "MODE_MAP_DUMB",     [0xb4] = "MODE_DESTROY_DUMB",  [0xb5] = "MODE_GETPLANERESOURCES",
   [0xb6] = "MODE_GETPLANE",     [0xb7] = "MODE_SETPLANE",      [0xb8] = "MODE_ADDFB2",
   [0xb9] = "MODE_OBJ_GETPROPERTIES", [0xba] = "MODE_OBJ_SETPROPERTY", [0xbb] = "MODE_CURSOR2",
   [0xbc] = "MODE_ATOMIC",       [0xbd] = "MODE_CREATEPROPBLOB", [0xbe] = "MODE_DESTROYPROPBLOB",
   [0xbf] = "SYNCOBJ_CREATE",    [0xc0] = "SYNCOBJ_DESTROY",    [0xc1] = "SYNCOBJ_HANDLE_TO_FD",
   [0xc2] = "SYNCOBJ_FD_TO_HANDLE", [0xc3] = "SYNCOBJ_WAIT",    [0xc4] = "SYNCOBJ_RESET",
   [0xc5] = "SYNCOBJ_SIGNAL",
};

struct counter {
   atomic_uint_least64_t calls, failed, ns;
};

// What a frame asked for, and in which frames that was so. What was asked for only before some frame
// was a warm-up.
struct pattern {
   uint64_t frames, first, last;
   uint16_t calls[KINDS];
};

struct sample {
   uint64_t frame;
   unsigned fds, maps, device_maps, handles;
};

// Descriptors of one open file share its handles.
struct file {
   unsigned fds;
   uint8_t handles[HANDLES / 8];
};

static struct counter counters[KINDS];
static uint64_t at_last_frame[KINDS];
static struct pattern patterns[PATTERNS];
static struct sample samples[SAMPLES];
static struct file files[FILES];
static uint8_t file_of_fd[FDS]; // its place in files, plus 1
static unsigned pattern_count, sample_count;
static uint64_t frame_count, frames_not_sorted, sample_interval = 50;
static uint64_t last_write, first_frame_time, last_frame_time;
static bool swaps_seen;
static atomic_bool used;
static const char *prefix;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static uint64_t now(void)
{
   struct timespec time;
   clock_gettime(CLOCK_MONOTONIC, &time);
   return time.tv_sec * NS + time.tv_nsec;
}

// Handles

static struct file *file_of(int fd)
{
   if (fd < 0 || fd >= FDS)
      return NULL;
   if (file_of_fd[fd])
      return &files[file_of_fd[fd] - 1];
   const pid_t self = getpid();
   for (int other = 0; other < FDS; other++) {
      if (file_of_fd[other] && syscall(SYS_kcmp, self, self, KCMP_FILE, fd, other) == 0) {
         file_of_fd[fd] = file_of_fd[other];
         files[file_of_fd[fd] - 1].fds++;
         return &files[file_of_fd[fd] - 1];
      }
   }
   for (unsigned i = 0; i < FILES; i++) {
      if (!files[i].fds) {
         files[i].fds = 1;
         memset(files[i].handles, 0, sizeof(files[i].handles));
         file_of_fd[fd] = i + 1;
         return &files[i];
      }
   }
   return NULL;
}

static void note_handle(int fd, uint32_t handle, bool held)
{
   pthread_mutex_lock(&lock);
   struct file *file = file_of(fd);
   if (file && handle < HANDLES) {
      if (held)
         file->handles[handle / 8] |= 1u << handle % 8;
      else
         file->handles[handle / 8] &= ~(1u << handle % 8);
   }
   pthread_mutex_unlock(&lock);
}

static void note_handles(int fd, unsigned long request, const void *data)
{
   // RESOURCE_CREATE_BLOB is newer than libdrm 2.4.114. In the kernel's virtgpu_drm.h the handle is
   // its third word.
   if (_IOC_NR(request) == 0x4a && _IOC_SIZE(request) >= 12)
      note_handle(fd, ((const uint32_t *)data)[2], true);

   switch (request) {
   case DRM_IOCTL_VIRTGPU_RESOURCE_CREATE:
      note_handle(fd, ((const struct drm_virtgpu_resource_create *)data)->bo_handle, true);
      break;
   case DRM_IOCTL_PRIME_FD_TO_HANDLE:
      note_handle(fd, ((const struct drm_prime_handle *)data)->handle, true);
      break;
   case DRM_IOCTL_GEM_OPEN:
      note_handle(fd, ((const struct drm_gem_open *)data)->handle, true);
      break;
   case DRM_IOCTL_MODE_CREATE_DUMB:
      note_handle(fd, ((const struct drm_mode_create_dumb *)data)->handle, true);
      break;
   case DRM_IOCTL_GEM_CLOSE:
      note_handle(fd, ((const struct drm_gem_close *)data)->handle, false);
      break;
   case DRM_IOCTL_MODE_DESTROY_DUMB:
      note_handle(fd, ((const struct drm_mode_destroy_dumb *)data)->handle, false);
      break;
   }
}

// Samples and the report. All of these want the lock.

static unsigned count_lines(const char *path, const char *with)
{
   // Not stdio on the file itself: this must not disturb what is counted by allocating.
   static char text[1 << 16];
   unsigned lines = 0;
   const int fd = open(path, O_RDONLY | O_CLOEXEC);
   if (fd < 0)
      return 0;
   size_t kept = 0;
   ssize_t more;
   while ((more = read(fd, text + kept, sizeof(text) - 1 - kept)) > 0) {
      size_t length = kept + more;
      char *line = text, *end;
      text[length] = 0;
      while ((end = memchr(line, '\n', text + length - line))) {
         *end = 0;
         lines += !with || strstr(line, with);
         line = end + 1;
      }
      kept = text + length - line;
      memmove(text, line, kept);
   }
   syscall(SYS_close, fd);
   return lines;
}

static void take_sample(void)
{
   if (sample_count == SAMPLES) {
      // Every other one is enough for a long run.
      for (unsigned i = 0; i < SAMPLES / 2; i++)
         samples[i] = samples[2 * i];
      sample_count = SAMPLES / 2;
      sample_interval *= 2;
   }
   struct sample *sample = &samples[sample_count++];
   memset(sample, 0, sizeof(*sample));
   sample->frame = frame_count;
   sample->maps = count_lines("/proc/self/maps", NULL);
   sample->device_maps = count_lines("/proc/self/maps", "/dev/dri/");
   for (int fd = 0; fd < FDS; fd++)
      sample->fds += fcntl(fd, F_GETFD) >= 0;
   for (unsigned i = 0; i < FILES; i++) {
      for (unsigned byte = 0; files[i].fds && byte < HANDLES / 8; byte++)
         sample->handles += __builtin_popcount(files[i].handles[byte]);
   }
}

static void print_name(FILE *f, int kind)
{
   if (names[kind])
      fprintf(f, "\"%s\"", names[kind]);
   else
      fprintf(f, "\"0x%02x\"", kind);
}

static void print_report(FILE *f)
{
   const char *comma = "";
   fprintf(f, "{\"program\": \"%s\", \"pid\": %d, \"frames\": %llu, \"seconds\": %.3f,\n",
           program_invocation_short_name, getpid(), (unsigned long long)frame_count,
           (last_frame_time - first_frame_time) / 1e9);
   fprintf(f, " \"frames_not_sorted\": %llu,\n \"ioctls\": {",
           (unsigned long long)frames_not_sorted);
   for (int kind = 0; kind < KINDS; kind++) {
      const struct counter *counter = &counters[kind];
      if (!counter->calls)
         continue;
      fprintf(f, "%s\n  ", comma);
      print_name(f, kind);
      fprintf(f, ": {\"calls\": %llu, \"failed\": %llu, \"ns\": %llu}",
              (unsigned long long)counter->calls, (unsigned long long)counter->failed,
              (unsigned long long)counter->ns);
      comma = ",";
   }
   fprintf(f, "},\n \"patterns\": [");
   for (unsigned i = 0; i < pattern_count; i++) {
      const struct pattern *pattern = &patterns[i];
      fprintf(f, "%s\n  {\"frames\": %llu, \"first\": %llu, \"last\": %llu, \"ioctls\": {",
              i ? "," : "", (unsigned long long)pattern->frames,
              (unsigned long long)pattern->first, (unsigned long long)pattern->last);
      comma = "";
      for (int kind = 0; kind < KINDS; kind++) {
         if (!pattern->calls[kind])
            continue;
         fprintf(f, "%s", comma);
         print_name(f, kind);
         fprintf(f, ": %u", pattern->calls[kind]);
         comma = ", ";
      }
      fprintf(f, "}}");
   }
   fprintf(f, "],\n \"samples\": [");
   for (unsigned i = 0; i < sample_count; i++) {
      const struct sample *sample = &samples[i];
      fprintf(f, "%s\n  {\"frame\": %llu, \"fds\": %u, \"maps\": %u, \"device_maps\": %u, "
                 "\"handles\": %u}",
              i ? "," : "", (unsigned long long)sample->frame, sample->fds, sample->maps,
              sample->device_maps, sample->handles);
   }
   fprintf(f, "]}\n");
}

static void write_report(void)
{
   char path[4096], partial[4096 + 8];
   if (!prefix || !used)
      return;
   snprintf(path, sizeof(path), "%s.%d.json", prefix, getpid());
   snprintf(partial, sizeof(partial), "%s.part", path);
   FILE *f = fopen(partial, "we");
   if (!f)
      return;
   print_report(f);
   if (fclose(f) == 0)
      rename(partial, path);
   last_write = now();
}

static void end_frame(void)
{
   static uint16_t calls[KINDS];
   pthread_mutex_lock(&lock);
   last_frame_time = now();
   if (!frame_count)
      first_frame_time = last_frame_time;
   for (int kind = 0; kind < KINDS; kind++) {
      const uint64_t total = counters[kind].calls;
      calls[kind] = total - at_last_frame[kind];
      at_last_frame[kind] = total;
   }
   unsigned i = 0;
   while (i < pattern_count && memcmp(patterns[i].calls, calls, sizeof(calls)) != 0)
      i++;
   if (i == PATTERNS) {
      frames_not_sorted++;
   } else {
      struct pattern *pattern = &patterns[i];
      if (i == pattern_count) {
         memcpy(pattern->calls, calls, sizeof(calls));
         pattern->first = frame_count;
         pattern_count++;
      }
      pattern->frames++;
      pattern->last = frame_count;
   }
   frame_count++;
   if (frame_count % sample_interval == 0)
      take_sample();
   if (last_frame_time - last_write > NS / 2)
      write_report();
   pthread_mutex_unlock(&lock);
}

// What is put before the real functions

int ioctl(int fd, unsigned long request, ...)
{
   va_list arguments;
   va_start(arguments, request);
   void *data = va_arg(arguments, void *);
   va_end(arguments);
   if (!prefix || _IOC_TYPE(request) != DRM_IOCTL_BASE)
      return syscall(SYS_ioctl, fd, request, data);

   struct counter *counter = &counters[_IOC_NR(request)];
   const uint64_t before = now();
   const int result = syscall(SYS_ioctl, fd, request, data);
   const int error = errno;
   counter->ns += now() - before;
   counter->calls++;
   used = true;
   if (result != 0)
      counter->failed++;
   else
      note_handles(fd, request, data);
   if (!swaps_seen && result == 0 &&
       (_IOC_NR(request) == _IOC_NR(DRM_IOCTL_MODE_PAGE_FLIP) ||
        (request == DRM_IOCTL_MODE_ATOMIC &&
         !(((const struct drm_mode_atomic *)data)->flags & DRM_MODE_ATOMIC_TEST_ONLY))))
      end_frame();
   errno = error;
   return result;
}

int close(int fd)
{
   if (prefix && fd >= 0 && fd < FDS && file_of_fd[fd]) {
      pthread_mutex_lock(&lock);
      if (file_of_fd[fd])
         files[file_of_fd[fd] - 1].fds--;
      file_of_fd[fd] = 0;
      pthread_mutex_unlock(&lock);
   }
   return syscall(SYS_close, fd);
}

static void *next_function(const char *name)
{
   void *function = dlsym(RTLD_NEXT, name);
   if (!function) {
      fprintf(stderr, "verglas: ioctl counter: there is no %s\n", name);
      abort();
   }
   return function;
}

static void swap(void)
{
   swaps_seen = true;
   if (prefix)
      end_frame();
}

void glXSwapBuffers(void *display, unsigned long drawable)
{
   static void (*real)(void *, unsigned long);
   if (!real)
      *(void **)&real = next_function("glXSwapBuffers");
   real(display, drawable);
   swap();
}

unsigned eglSwapBuffers(void *display, void *surface)
{
   static unsigned (*real)(void *, void *);
   if (!real)
      *(void **)&real = next_function("eglSwapBuffers");
   const unsigned result = real(display, surface);
   swap();
   return result;
}

// Beginning and end

static void write_at_end(void)
{
   // A signal may have come while the lock is held, by this thread even.
   const bool locked = pthread_mutex_trylock(&lock) == 0;
   take_sample();
   write_report();
   if (locked)
      pthread_mutex_unlock(&lock);
}

static void on_signal(int number)
{
   write_at_end();
   signal(number, SIG_DFL);
   raise(number);
}

static void after_fork(void)
{
   // The child starts anew. It has the descriptors, but who can tell what it will close.
   pthread_mutex_init(&lock, NULL);
   memset(counters, 0, sizeof(counters));
   memset(at_last_frame, 0, sizeof(at_last_frame));
   pattern_count = sample_count = 0;
   frame_count = frames_not_sorted = 0;
   used = swaps_seen = false;
}

__attribute__((constructor)) static void begin(void)
{
   prefix = getenv("VERGLAS_IOCTLS");
   if (!prefix)
      return;
   last_write = now();
   pthread_atfork(NULL, NULL, after_fork);
   struct sigaction old;
   if (sigaction(SIGTERM, NULL, &old) == 0 && old.sa_handler == SIG_DFL)
      signal(SIGTERM, on_signal);
}

__attribute__((destructor)) static void finish(void)
{
   if (prefix && used)
      write_at_end();
}
