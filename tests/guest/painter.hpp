// SPDX-License-Identifier: MIT
// Drawing and checking of patterns that come out the same in every format.
#pragma once

#include <epoxy/egl.h>
#include <epoxy/gl.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace guest {

using Pixel = std::array<uint8_t, 4>; // red, green, blue, alpha

struct Area {
   int x = 0, y = 0, width = 0, height = 0;
};

// A picture of cells of 8 × 8 pixels, each of one colour. A SEED makes another picture; LEVELS is
// how many values a channel takes: two come out of every format unchanged.
class Pattern {
public:
   explicit Pattern(uint32_t seed, int levels = 6) : seed_(seed), levels_(levels) {}
   Pixel at(int x, int y) const;

private:
   uint32_t seed_;
   int levels_;
};

// Which channels a format keeps. What is not kept reads as 0, or as 255 for alpha.
struct Channels {
   int count = 4;
   Pixel seen(Pixel p) const;
};

// Draw the part of a pattern that is in AREA into the framebuffer that is bound.
void paint(const Pattern &pattern, Area area);

// What the bound framebuffer has, rows from below.
std::vector<Pixel> read_pixels(int width, int height);

// "" when AREA of PIXELS (WIDTH wide) shows the pattern, else the first pixel that is wrong.
std::string compare(const std::vector<Pixel> &pixels, int width, Area area, const Pattern &pattern,
                    Channels channels = {}, int tolerance = 0);

// A framebuffer with one texture or renderbuffer, bound; deleted with the object.
class Framebuffer {
public:
   Framebuffer();
   ~Framebuffer();
   Framebuffer(const Framebuffer &) = delete;
   Framebuffer &operator=(const Framebuffer &) = delete;
   bool attach_texture(GLuint texture);
   bool attach_renderbuffer(GLuint renderbuffer);

private:
   GLuint name_ = 0;
};

GLuint make_texture(GLenum internal, int width, int height); // nearest, clamped, bound
GLuint make_program(const char *vertex, const char *fragment); // gives up when it does not link

// Shows a texture, texel by pixel, in the viewport.
class Shower {
public:
   explicit Shower(GLenum target); // GL_TEXTURE_2D or GL_TEXTURE_EXTERNAL_OES
   ~Shower();
   Shower(const Shower &) = delete;
   Shower &operator=(const Shower &) = delete;
   void show(GLuint texture) const;

private:
   GLenum target_;
   GLuint program_ = 0;
};

// Work that keeps the host busy for a time that can be measured.
class Labour {
public:
   Labour(); // finds out how much takes about a third of a second
   ~Labour();
   Labour(const Labour &) = delete;
   Labour &operator=(const Labour &) = delete;
   void begin() const; // draws into a texture of its own; leaves framebuffer 0 bound
   double seconds() const { return seconds_; }

private:
   GLuint program_ = 0;
   GLuint texture_ = 0;
   GLuint framebuffer_ = 0;
   int rounds_ = 64;
   double seconds_ = 0;
};

} // namespace guest
