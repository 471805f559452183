// SPDX-License-Identifier: MIT
// What the tests of the winsys have in common.
#pragma once

#include <dirent.h>
#include <gtest/gtest.h>
#include <memory>
#include <string>

#include "fake_vtest_server.hpp"
#include "gallium/winsys/virgl/vtest/vtest.hpp"
#include "protocol/enums.hpp"

namespace virgl::test {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

inline vtest::Options test_options()
{
   vtest::Options o;
   o.socket_path = "fake";
   o.client_name = "test";
   // Long for a busy machine, short for a person.
   o.handshake_timeout = 5s;
   o.timeouts = {10s, 5s};
   return o;
}

// One winsys on one fake server.
struct Pair {
   explicit Pair(FakeOptions fake = {}, vtest::Options options = test_options())
       : server(std::move(fake))
   {
      ws = vtest::connect_fd(server.connect(), options);
      if (ws)
         server.clear();
   }

   FakeVtestServer server;
   std::unique_ptr<Winsys> ws;
};

using Streams = std::vector<std::vector<uint32_t>>;

// The submissions that the server got.
inline Streams streams_of(Pair &p)
{
   Streams found;
   for (const Message &m : p.server.messages()) {
      if (m.command == submit_cmd)
         found.push_back(m.dwords);
   }
   return found;
}

inline FakeOptions fake_version(uint32_t version)
{
   FakeOptions o;
   o.newest_version = version;
   return o;
}

inline vtest::Options offer(uint32_t version)
{
   vtest::Options o = test_options();
   o.max_version = version;
   return o;
}

inline ResourceDesc buffer_desc(uint32_t bytes, uint32_t bind = proto::bind::vertex_buffer)
{
   ResourceDesc d;
   d.target = 0;
   d.format = proto::Format::R8_UNORM;
   d.bind = bind;
   d.width = bytes;
   d.size = bytes;
   return d;
}

inline ResourceDesc texture_desc(uint32_t width, uint32_t height, uint32_t layers = 1,
                                 uint32_t levels = 1)
{
   ResourceDesc d;
   d.target = layers > 1 ? 7 : 2;
   d.format = proto::Format::B8G8R8A8_UNORM;
   d.bind = proto::bind::sampler_view;
   d.width = width;
   d.height = height;
   d.array_size = layers;
   d.last_level = levels - 1;
   d.block = {1, 1, 4};
   for (uint32_t l = 0; l < levels; l++)
      d.size += std::max(width >> l, 1u) * std::max(height >> l, 1u) * layers * 4;
   return d;
}

inline size_t open_fds()
{
   size_t n = 0;
   DIR *d = opendir("/proc/self/fd");
   while (d && readdir(d))
      n++;
   closedir(d);
   return n;
}

// What is printed on stderr while it lives.
class StderrCapture {
public:
   StderrCapture() { testing::internal::CaptureStderr(); }
   ~StderrCapture()
   {
      if (!taken_)
         testing::internal::GetCapturedStderr();
   }
   std::string take()
   {
      taken_ = true;
      return testing::internal::GetCapturedStderr();
   }

private:
   bool taken_ = false;
};

// Exactly one line, ours.
inline void expect_one_line(const std::string &text, const std::string &part)
{
   EXPECT_EQ(text.rfind("verglas: ", 0), 0u) << text;
   EXPECT_EQ(text.find('\n'), text.size() - 1) << text;
   EXPECT_NE(text.find(part), std::string::npos) << text;
}

// A display target in plain memory.
class MemoryTarget final : public DisplayTarget {
public:
   MemoryTarget(uint32_t stride, uint32_t height) : stride_(stride), pixels(stride * height) {}
   std::byte *map(uint32_t &stride) override
   {
      stride = stride_;
      mapped++;
      return refuse ? nullptr : pixels.data();
   }
   void unmap() override { unmapped++; }

private:
   uint32_t stride_;

public:
   std::vector<std::byte> pixels;
   unsigned mapped = 0, unmapped = 0;
   bool refuse = false;
};

} // namespace virgl::test
