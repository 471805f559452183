// SPDX-License-Identifier: MIT
// X's own drawing and the Render extension, scene by scene, into images.
//
//   guest-x-render FOLDER     writes FOLDER/SCENE.pam for each scene
//
// The suite runs it on the guest's Xorg, where glamor makes GL of it, and on an Xvfb, where fb and
// pixman do it in software, and compares. rendercheck asks for single pixels and for Render only.

#include "check.hpp"
#include "x_scene.hpp"

#include <X11/extensions/XShm.h>

#include <cmath>
#include <cstring>
#include <sys/ipc.h>
#include <sys/shm.h>

using namespace guest;

namespace {

constexpr int size = Scene::size;

// --- the core protocol --------------------------------------------------------------------------

constexpr int raster_operations[] = {GXxor, GXand, GXor, GXinvert, GXcopyInverted, GXnand, GXequiv,
                                     GXset};

// One after the other, with nothing plain in between.
void operations(Scene &s)
{
   s.noise(0, 0, size, size);
   for (int round = 0; round < 4; round++) {
      for (int i = 0; i < 8; i++) {
         XSetFunction(s.display(), s.gc(), raster_operations[(i + round) % 8]);
         s.colour(0x35c763 * static_cast<unsigned>(i + 1) & 0xffffff);
         XFillRectangle(s.display(), s.target(), s.gc(), i * 32 + 2, round * 64 + 4, 28, 56);
      }
   }
   XSetFunction(s.display(), s.gc(), GXcopy);
}

void fills(Scene &s)
{
   const GC gc = s.gc();
   for (int i = 0; i < 40; i++) {
      s.colour(s.random() & 0xffffff);
      XFillRectangle(s.display(), s.target(), gc, s.random(230), s.random(100), 1 + s.random(40),
                     1 + s.random(30));
   }
   // Raster operations, each one after a plain fill, and plane masks.
   for (int i = 0; i < 8; i++) {
      XSetFunction(s.display(), gc, raster_operations[i]);
      s.colour(0x33cc66 * static_cast<unsigned>(i + 1) & 0xffffff);
      XFillRectangle(s.display(), s.target(), gc, i * 32, 60, 28, 60);
      XSetFunction(s.display(), gc, GXcopy);
      XFillRectangle(s.display(), s.target(), gc, i * 32, 124, 28, 2);
   }
   XSetFunction(s.display(), gc, GXcopy);
   XSetPlaneMask(s.display(), gc, 0x00ff0f);
   s.colour(0xffffff);
   XFillRectangle(s.display(), s.target(), gc, 20, 20, 200, 20);
   XSetPlaneMask(s.display(), gc, AllPlanes);
   // Tiles and stipples, with an origin.
   const Pixmap tile = s.noise_pixmap(16, 16);
   XSetTile(s.display(), gc, tile);
   XSetTSOrigin(s.display(), gc, 5, 3);
   XSetFillStyle(s.display(), gc, FillTiled);
   XFillRectangle(s.display(), s.target(), gc, 8, 130, 112, 50);
   static const char bits[] = {0x11, 0x22, 0x44, static_cast<char>(0x88), 0x55,
                               static_cast<char>(0xaa), 0x0f, static_cast<char>(0xf0)};
   const Pixmap stipple = XCreateBitmapFromData(s.display(), s.target(), bits, 8, 8);
   XSetStipple(s.display(), gc, stipple);
   s.colour(0xff8000);
   XSetFillStyle(s.display(), gc, FillStippled);
   XFillRectangle(s.display(), s.target(), gc, 130, 130, 55, 50);
   XSetBackground(s.display(), gc, 0x004080);
   XSetFillStyle(s.display(), gc, FillOpaqueStippled);
   XFillRectangle(s.display(), s.target(), gc, 190, 130, 55, 50);
   XSetFillStyle(s.display(), gc, FillSolid);
   // Polygons that overlap themselves, by both rules.
   for (int i = 0; i < 2; i++) {
      XPoint star[5];
      for (int k = 0; k < 5; k++) {
         const double angle = k * 4 * M_PI / 5 + 0.3;
         star[k] = {static_cast<short>(50 + i * 80 + 32 * std::sin(angle)),
                    static_cast<short>(217 - 32 * std::cos(angle))};
      }
      XSetFillRule(s.display(), gc, i ? WindingRule : EvenOddRule);
      s.colour(i ? 0x00ff80 : 0xffff00);
      XFillPolygon(s.display(), s.target(), gc, star, 5, Complex, CoordModeOrigin);
   }
   s.colour(0x8080ff);
   XFillArc(s.display(), s.target(), gc, 190, 190, 60, 50, 30 * 64, 260 * 64);
   XFreePixmap(s.display(), tile);
   XFreePixmap(s.display(), stipple);
}

void points_and_rectangles(Scene &s)
{
   std::vector<XPoint> points;
   for (int i = 0; i < 400; i++)
      points.push_back(
         {static_cast<short>(s.random(size)), static_cast<short>(s.random(size / 2))});
   s.colour(0xffffff);
   XDrawPoints(s.display(), s.target(), s.gc(), points.data(), static_cast<int>(points.size()),
               CoordModeOrigin);
   for (int i = 0; i < 12; i++) {
      s.colour(s.random() & 0xffffff);
      XDrawRectangle(s.display(), s.target(), s.gc(), 4 + i * 10, 130 + i * 5, 200 - i * 18,
                     100 - i * 8);
   }
   for (int i = 0; i < size; i += 5) {
      s.colour(static_cast<unsigned>(i) << 8 | 0x40);
      XDrawLine(s.display(), s.target(), s.gc(), 0, i, 12, i);
      XDrawLine(s.display(), s.target(), s.gc(), 220 + i / 8, 140, 220 + i / 8, 140 + i / 3);
   }
}

void lines(Scene &s)
{
   for (int i = 0; i < 64; i++) {
      const double angle = i * M_PI / 32;
      s.colour(0xffffff - static_cast<unsigned>(i) * 0x020304);
      XDrawLine(s.display(), s.target(), s.gc(), 64, 64, static_cast<int>(64 + 58 * cos(angle)),
                static_cast<int>(64 + 58 * sin(angle)));
   }
   static constexpr int caps[] = {CapButt, CapRound, CapProjecting};
   static constexpr int joins[] = {JoinMiter, JoinRound, JoinBevel};
   for (int i = 0; i < 3; i++) {
      XPoint path[4] = {{static_cast<short>(140 + i * 38), 20},
                        {static_cast<short>(165 + i * 38), 50},
                        {static_cast<short>(138 + i * 38), 80},
                        {static_cast<short>(160 + i * 38), 110}};
      XSetLineAttributes(s.display(), s.gc(), 7, LineSolid, caps[i], joins[i]);
      s.colour(0xff4000 << i);
      XDrawLines(s.display(), s.target(), s.gc(), path, 4, CoordModeOrigin);
   }
   const char dashes[] = {7, 3, 2, 3};
   XSetDashes(s.display(), s.gc(), 1, dashes, 4);
   for (int i = 0; i < 4; i++) {
      XSetLineAttributes(s.display(), s.gc(), i < 2 ? 0 : 4, i % 2 ? LineDoubleDash : LineOnOffDash,
                         CapButt, JoinMiter);
      s.colour(0x00ffc0);
      XSetBackground(s.display(), s.gc(), 0x602020);
      XDrawLine(s.display(), s.target(), s.gc(), 10, 140 + i * 14, 246, 146 + i * 14);
   }
   XSetLineAttributes(s.display(), s.gc(), 0, LineSolid, CapButt, JoinMiter);
   s.colour(0xff00ff);
   XDrawArc(s.display(), s.target(), s.gc(), 20, 200, 90, 50, 0, 360 * 64);
   XSetLineAttributes(s.display(), s.gc(), 5, LineSolid, CapButt, JoinMiter);
   XDrawArc(s.display(), s.target(), s.gc(), 130, 200, 100, 48, 20 * 64, 200 * 64);
}

void copies(Scene &s)
{
   s.noise(0, 0, 96, 96);
   const GC gc = s.gc();
   XCopyArea(s.display(), s.target(), s.target(), gc, 0, 0, 96, 96, 120, 10);
   // Overlapping, in each direction.
   static constexpr int steps[][2] = {{9, 0}, {-7, 0}, {0, 11}, {0, -5}, {6, 8}, {-4, -9}, {5, -7}};
   for (const auto &step : steps)
      XCopyArea(s.display(), s.target(), s.target(), gc, 130, 20, 70, 70, 130 + step[0],
                20 + step[1]);
   // By way of another pixmap, partly outside of both.
   const Pixmap other = XCreatePixmap(s.display(), s.target(), 100, 100, 24);
   XSetForeground(s.display(), gc, 0x203040);
   XFillRectangle(s.display(), other, gc, 0, 0, 100, 100);
   XCopyArea(s.display(), s.target(), other, gc, 40, 40, 80, 80, 10, -5);
   XCopyArea(s.display(), other, s.target(), gc, -20, -20, 130, 130, 5, 120);
   XSetFunction(s.display(), gc, GXxor);
   XCopyArea(s.display(), other, s.target(), gc, 0, 0, 60, 60, 150, 150);
   XSetFunction(s.display(), gc, GXcopy);
   // One plane as a stencil, and a bitmap.
   XSetForeground(s.display(), gc, 0xffff00);
   XSetBackground(s.display(), gc, 0x0000ff);
   XCopyPlane(s.display(), s.target(), s.target(), gc, 0, 0, 60, 40, 180, 210, 1 << 20);
   XFreePixmap(s.display(), other);
}

void images(Scene &s)
{
   // Pixels put and got must be the same, whole and in part.
   std::vector<uint32_t> pixels(size * size);
   for (uint32_t &p : pixels)
      p = s.random() & 0xffffff;
   XImage *image = s.image(pixels.data(), size, size);
   XPutImage(s.display(), s.target(), s.gc(), image, 0, 0, 0, 0, size, size);
   const auto compare = [&](const char *name, XImage *got, int x0, int y0) {
      int wrong = got ? 0 : 1;
      for (int y = 0; got && y < got->height; y++)
         for (int x = 0; x < got->width; x++)
            wrong += (XGetPixel(got, x, y) & 0xffffff) !=
                     pixels[static_cast<size_t>((y + y0) * size + x + x0)];
      check(wrong == 0, name, "%d pixels are others", wrong);
   };
   XImage *got = XGetImage(s.display(), s.target(), 0, 0, size, size, AllPlanes, ZPixmap);
   compare("images, put and got", got, 0, 0);
   if (got)
      XDestroyImage(got);
   got = XGetImage(s.display(), s.target(), 37, 91, 55, 33, AllPlanes, ZPixmap);
   compare("images, a part got", got, 37, 91);
   if (got)
      XDestroyImage(got);
   // A part put over what was drawn in between.
   s.colour(0xff0000);
   XFillRectangle(s.display(), s.target(), s.gc(), 20, 20, 100, 100);
   XPutImage(s.display(), s.target(), s.gc(), image, 30, 30, 30, 30, 50, 40);
   got = XGetImage(s.display(), s.target(), 30, 30, 50, 40, AllPlanes, ZPixmap);
   compare("images, put over a fill", got, 30, 30);
   if (got)
      XDestroyImage(got);
   image->data = nullptr;
   XDestroyImage(image);

   // The same through shared memory.
   if (!XShmQueryExtension(s.display())) {
      skip("images, shared memory", "the server has no MIT-SHM");
      return;
   }
   XShmSegmentInfo segment{};
   XImage *shared = XShmCreateImage(s.display(), DefaultVisual(s.display(), 0), 24, ZPixmap,
                                    nullptr, &segment, 64, 64);
   segment.shmid = shmget(IPC_PRIVATE, static_cast<size_t>(shared->bytes_per_line) * 64,
                          IPC_CREAT | 0600);
   segment.shmaddr = shared->data = static_cast<char *>(shmat(segment.shmid, nullptr, 0));
   XShmAttach(s.display(), &segment);
   XSync(s.display(), False);
   shmctl(segment.shmid, IPC_RMID, nullptr);
   for (int y = 0; y < 64; y++)
      for (int x = 0; x < 64; x++)
         XPutPixel(shared, x, y, pixels[static_cast<size_t>(y * size + x)]);
   XShmPutImage(s.display(), s.target(), s.gc(), shared, 0, 0, 150, 150, 64, 64, False);
   XSync(s.display(), False);
   memset(shared->data, 0, static_cast<size_t>(shared->bytes_per_line) * 64);
   XShmGetImage(s.display(), s.target(), shared, 150, 150, AllPlanes);
   compare("images, shared memory", shared, 0, 0);
   XShmDetach(s.display(), &segment);
   XDestroyImage(shared);
   shmdt(segment.shmaddr);
}

void clipping(Scene &s)
{
   const GC gc = s.gc();
   XRectangle holes[] = {{10, 10, 60, 40}, {80, 20, 30, 90}, {20, 70, 50, 50}, {130, 5, 3, 120}};
   XSetClipRectangles(s.display(), gc, 4, 6, holes, 4, Unsorted);
   s.colour(0x30a0ff);
   XFillRectangle(s.display(), s.target(), gc, 0, 0, 140, 140);
   s.colour(0xffc000);
   XFillArc(s.display(), s.target(), gc, 20, 20, 100, 100, 0, 360 * 64);
   // A bitmap as the clip, for fills and copies.
   const Pixmap mask = XCreatePixmap(s.display(), s.target(), 100, 100, 1);
   const GC bits = XCreateGC(s.display(), mask, 0, nullptr);
   XFillRectangle(s.display(), mask, bits, 0, 0, 100, 100);
   XSetForeground(s.display(), bits, 1);
   XFillArc(s.display(), mask, bits, 5, 5, 90, 60, 0, 360 * 64);
   XFillRectangle(s.display(), mask, bits, 40, 50, 20, 50);
   XSetClipOrigin(s.display(), gc, 150, 10);
   XSetClipMask(s.display(), gc, mask);
   s.colour(0x40ff40);
   XFillRectangle(s.display(), s.target(), gc, 140, 0, 116, 116);
   XSetClipOrigin(s.display(), gc, 20, 145);
   XCopyArea(s.display(), s.target(), s.target(), gc, 0, 0, 120, 120, 15, 140);
   XSetClipMask(s.display(), gc, None);
   // Windows clip what is below them; a pixmap shows the result.
   XRectangle none[1];
   XSetClipRectangles(s.display(), gc, 0, 0, none, 0, Unsorted);
   s.colour(0xff0000);
   XFillRectangle(s.display(), s.target(), gc, 0, 0, size, size);
   XSetClipMask(s.display(), gc, None);
   s.colour(0xc0c0c0);
   XFillRectangle(s.display(), s.target(), gc, 180, 180, 40, 40);
   XFreeGC(s.display(), bits);
   XFreePixmap(s.display(), mask);
}

void text(Scene &s)
{
   const Font font = XLoadFont(s.display(), "fixed");
   XSetFont(s.display(), s.gc(), font);
   static const char words[] = "The five boxing wizards jump quickly. 0123456789";
   for (int i = 0; i < 8; i++) {
      s.colour(0xffffff - static_cast<unsigned>(i) * 0x1c0a05);
      if (i % 2) {
         XSetBackground(s.display(), s.gc(), 0x202060);
         XDrawImageString(s.display(), s.target(), s.gc(), 3 + i, 20 + i * 28, words, 40);
      } else {
         XDrawString(s.display(), s.target(), s.gc(), 3 + i, 20 + i * 28, words, 40);
      }
   }
   XUnloadFont(s.display(), font);
}

// --- Render -------------------------------------------------------------------------------------

constexpr int all_operators[] = {
   PictOpClear, PictOpSrc, PictOpDst, PictOpOver, PictOpOverReverse, PictOpIn, PictOpInReverse,
   PictOpOut, PictOpOutReverse, PictOpAtop, PictOpAtopReverse, PictOpXor, PictOpAdd,
   PictOpSaturate};

// Each operator in a cell, on a ground whose alpha changes from above to below.
void operators(Scene &s, int kind)
{
   const Picture target = s.picture();
   for (int y = 0; y < size; y += 16)
      s.fill(target, 0, y, size, 16, 0.2 + 0.003 * y, 0.9 - 0.003 * y, 0.4, 0.05 + y / 270.0);
   const Picture source = s.noise_picture(56, 56, kind == 0);
   const Picture mask = s.ramp_mask(56, 56, kind == 2);
   for (int i = 0; i < 14; i++)
      XRenderComposite(s.display(), all_operators[i], source, kind ? mask : None, target, 0, 0, 0,
                       0, 4 + i % 4 * 63, 4 + i / 4 * 63, 56, 56);
   XRenderFreePicture(s.display(), source);
   XRenderFreePicture(s.display(), mask);
}

void composite(Scene &s)
{
   operators(s, 0);
}

void composite_mask(Scene &s)
{
   operators(s, 1);
}

void composite_component_alpha(Scene &s)
{
   operators(s, 2);
}

void solid_fills(Scene &s)
{
   for (int i = 0; i < 60; i++)
      s.fill(s.picture(), s.random(220), s.random(220), 8 + s.random(60), 8 + s.random(60),
             s.random(11) / 10.0, s.random(11) / 10.0, s.random(11) / 10.0, s.random(11) / 10.0,
             all_operators[1 + i % 13]);
}

void repeats(Scene &s)
{
   static constexpr int modes[] = {RepeatNone, RepeatNormal, RepeatPad, RepeatReflect};
   for (int i = 0; i < 4; i++) {
      const Picture source = s.noise_picture(23, 17, true);
      XRenderPictureAttributes attributes{};
      attributes.repeat = modes[i];
      XRenderChangePicture(s.display(), source, CPRepeat, &attributes);
      XRenderComposite(s.display(), PictOpOver, source, None, s.picture(), -20, -20, 0, 0,
                       i % 2 * 128 + 4, i / 2 * 128 + 4, 120, 120);
      XRenderFreePicture(s.display(), source);
   }
}

XFixed fixed(double v)
{
   return XDoubleToFixed(v);
}

void gradients(Scene &s)
{
   XFixed stops[] = {fixed(0), fixed(0.3), fixed(0.7), fixed(1)};
   XRenderColor colours[] = {{0xffff, 0, 0, 0xffff}, {0, 0x8000, 0, 0x8000}, {0, 0, 0xffff, 0xffff},
                             {0xc000, 0xc000, 0, 0xc000}};
   static constexpr int modes[] = {RepeatNone, RepeatNormal, RepeatPad, RepeatReflect};
   for (int i = 0; i < 8; i++) {
      Picture source;
      if (i < 4) {
         XLinearGradient linear{{fixed(10), fixed(5)}, {fixed(50), fixed(40)}};
         source = XRenderCreateLinearGradient(s.display(), &linear, stops, colours, 4);
      } else {
         XRadialGradient radial{{fixed(24), fixed(28), fixed(4)},
                                {fixed(30), fixed(60), fixed(28)}};
         source = XRenderCreateRadialGradient(s.display(), &radial, stops, colours, 4);
      }
      XRenderPictureAttributes attributes{};
      attributes.repeat = modes[i % 4];
      XRenderChangePicture(s.display(), source, CPRepeat, &attributes);
      XRenderComposite(s.display(), PictOpOver, source, None, s.picture(), 0, 0, 0, 0, i % 4 * 64,
                       i / 4 * 128, 60, 124);
      XRenderFreePicture(s.display(), source);
   }
}

void transforms(Scene &s, const char *filter)
{
   for (int i = 0; i < 4; i++) {
      const Picture source = s.smooth_picture(64, 64);
      const double angle = i * 0.35, scale = i % 2 ? 0.6 : 1.7;
      XTransform matrix{};
      matrix.matrix[0][0] = fixed(cos(angle) * scale);
      matrix.matrix[0][1] = fixed(-sin(angle) * scale);
      matrix.matrix[0][2] = fixed(5.25);
      matrix.matrix[1][0] = fixed(sin(angle) * scale);
      matrix.matrix[1][1] = fixed(cos(angle) * scale);
      matrix.matrix[1][2] = fixed(-3.5);
      matrix.matrix[2][2] = fixed(1);
      XRenderSetPictureTransform(s.display(), source, &matrix);
      XRenderSetPictureFilter(s.display(), source, filter, nullptr, 0);
      XRenderPictureAttributes attributes{};
      attributes.repeat = i < 2 ? RepeatPad : RepeatReflect;
      XRenderChangePicture(s.display(), source, CPRepeat, &attributes);
      XRenderComposite(s.display(), PictOpSrc, source, None, s.picture(), 0, 0, 0, 0,
                       i % 2 * 128 + 2, i / 2 * 128 + 2, 124, 124);
      XRenderFreePicture(s.display(), source);
   }
}

void transforms_nearest(Scene &s)
{
   transforms(s, FilterNearest);
}

void transforms_bilinear(Scene &s)
{
   transforms(s, FilterBilinear);
}

void glyphs(Scene &s)
{
   XRenderPictFormat *format = XRenderFindStandardFormat(s.display(), PictStandardA8);
   const GlyphSet set = XRenderCreateGlyphSet(s.display(), format);
   constexpr int glyph_size = 12;
   for (unsigned long id = 1; id <= 26; id++) {
      // Rings of different width and softness, which no two ids share.
      char bitmap[glyph_size * glyph_size];
      for (int y = 0; y < glyph_size; y++) {
         for (int x = 0; x < glyph_size; x++) {
            const double distance = std::hypot(x - 5.5, y - 5.5);
            const double edge = std::abs(distance - 1 - static_cast<double>(id % 5));
            bitmap[y * glyph_size + x] =
               static_cast<char>(std::max(0.0, 255 - edge * (60 + 4.0 * static_cast<double>(id))));
         }
      }
      XGlyphInfo info{glyph_size, glyph_size, 0, glyph_size, 11, 0};
      const Glyph glyph = id;
      XRenderAddGlyphs(s.display(), set, &glyph, &info, 1, bitmap, sizeof(bitmap));
   }
   char string[20];
   for (int line = 0; line < 16; line++) {
      for (int i = 0; i < 20; i++)
         string[i] = static_cast<char>(1 + (line * 7 + i * 3) % 26);
      const Picture source = s.solid(0.06 * line, 1 - 0.06 * line, 0.5, 0.4 + 0.04 * line);
      XRenderCompositeString8(s.display(), line % 3 == 2 ? PictOpAdd : PictOpOver, source,
                              s.picture(), line % 2 ? format : nullptr, set, 0, 0, 6 + line,
                              15 + line * 15, string, 20);
      XRenderFreePicture(s.display(), source);
   }
   XRenderFreeGlyphSet(s.display(), set);
}

void trapezoids(Scene &s)
{
   XRenderPictFormat *format = XRenderFindStandardFormat(s.display(), PictStandardA8);
   for (int i = 0; i < 12; i++) {
      const double x = 10 + i % 4 * 62, y = 8 + i / 4 * 82.25;
      const Picture source = s.solid(0.08 * i, 0.5, 1 - 0.08 * i, 0.9);
      XTrapezoid shape{fixed(y), fixed(y + 60.5),
                       {{fixed(x + i), fixed(y)}, {fixed(x + 4), fixed(y + 60.5)}},
                       {{fixed(x + 30), fixed(y)}, {fixed(x + 50 - 2 * i), fixed(y + 60.5)}}};
      XRenderCompositeTrapezoids(s.display(), PictOpOver, source, s.picture(), format, 0, 0, &shape,
                                 1);
      XTriangle corner{{fixed(x + 20), fixed(y + 40)}, {fixed(x + 55), fixed(y + 20)},
                       {fixed(x + 45), fixed(y + 75)}};
      XRenderCompositeTriangles(s.display(), PictOpOver, source, s.picture(), format, 0, 0, &corner,
                                1);
      XRenderFreePicture(s.display(), source);
   }
}

void render_clipping(Scene &s)
{
   XRectangle holes[] = {
      {10, 10, 100, 60}, {60, 40, 30, 150}, {140, 20, 90, 90}, {130, 140, 100, 7}};
   XRenderSetPictureClipRectangles(s.display(), s.picture(), 3, 2, holes, 4);
   const Picture source = s.noise_picture(200, 200, true);
   const Picture mask = s.ramp_mask(200, 200, false);
   XRenderComposite(s.display(), PictOpOver, source, None, s.picture(), 0, 0, 0, 0, 5, 5, 190, 190);
   XRenderComposite(s.display(), PictOpOver, source, mask, s.picture(), 0, 0, 0, 0, 60, 20, 190,
                    190);
   s.fill(s.picture(), 0, 100, size, 60, 1, 1, 0, 0.5, PictOpOver);
   XRenderFreePicture(s.display(), source);
   XRenderFreePicture(s.display(), mask);
}

constexpr struct {
   const char *name;
   int depth;
   void (*draw)(Scene &);
} scenes[] = {
   {"fills", 24, fills},
   {"raster-operations", 24, operations},
   {"points", 24, points_and_rectangles},
   {"lines", 24, lines},
   {"copies", 24, copies},
   {"images", 24, images},
   {"clipping", 24, clipping},
   {"text", 24, text},
   {"composite", 32, composite},
   {"composite-mask", 32, composite_mask},
   {"composite-component-alpha", 32, composite_component_alpha},
   {"solid-fills", 32, solid_fills},
   {"repeats", 32, repeats},
   {"gradients", 32, gradients},
   {"transforms-nearest", 32, transforms_nearest},
   {"transforms-bilinear", 32, transforms_bilinear},
   {"glyphs", 32, glyphs},
   {"trapezoids", 32, trapezoids},
   {"render-clipping", 32, render_clipping},
};

} // namespace

int main(int argc, char **argv)
{
   if (argc != 2)
      give_up("usage: guest-x-render FOLDER");
   Display *display = XOpenDisplay(nullptr);
   if (!display)
      give_up("there is no X server");
   for (const auto &each : scenes) {
      Scene scene(display, each.depth);
      each.draw(scene);
      const std::string error = scene.finish(std::string(argv[1]) + '/' + each.name + ".pam");
      check(error.empty(), std::string("scene ") + each.name, "%s", error.c_str());
   }
   XCloseDisplay(display);
   return status();
}
