# SPDX-License-Identifier: MIT
"""Images of the render suite: read, compare within a tolerance, show what differs."""

import struct
import zlib


class Image:
    """RGBA8 pixels, rows from above."""

    def __init__(self, width, height, pixels):
        self.width, self.height, self.pixels = width, height, pixels

    @classmethod
    def read_pam(cls, path):
        with open(path, 'rb') as f:
            data = f.read()
        head, _, pixels = data.partition(b'ENDHDR\n')
        fields = dict(line.split(None, 1) for line in head.decode('ascii').splitlines()
                      if len(line.split(None, 1)) == 2)
        width, height = int(fields['WIDTH']), int(fields['HEIGHT'])
        if fields['DEPTH'] != '4' or len(pixels) != width * height * 4:
            raise ValueError(f'{path} is not an RGBA image of {width}x{height}')
        return cls(width, height, pixels)

    def write_png(self, path):
        def chunk(kind, body):
            return (struct.pack('>I', len(body)) + kind + body
                    + struct.pack('>I', zlib.crc32(kind + body)))
        stride = self.width * 4
        rows = b''.join(b'\0' + self.pixels[y * stride:(y + 1) * stride]
                        for y in range(self.height))
        with open(path, 'wb') as f:
            f.write(b'\x89PNG\r\n\x1a\n'
                    + chunk(b'IHDR', struct.pack('>IIBBBBB', self.width, self.height, 8, 6, 0, 0, 0))
                    + chunk(b'IDAT', zlib.compress(rows, 6)) + chunk(b'IEND', b''))

    def shades(self):
        """How many different pixels there are, up to 8: an empty picture has one."""
        seen = set()
        for i in range(0, len(self.pixels), 4):
            seen.add(self.pixels[i:i + 4])
            if len(seen) == 8:
                break
        return len(seen)


class Difference:
    """Of two images: the share of pixels off by more than a tolerance, and the worst channel."""

    def __init__(self, got, wanted, tolerance):
        self.same_size = (got.width, got.height) == (wanted.width, wanted.height)
        self.worst, self.wrong, self.first = 0, 0, None
        self.total = wanted.width * wanted.height
        self._picture = bytearray()
        if not self.same_size or got.pixels == wanted.pixels:
            return
        a, b = got.pixels, wanted.pixels
        for i in range(0, len(b), 4):
            if a[i:i + 4] == b[i:i + 4]:
                self._picture += b'\0\0\0\xff'
                continue
            deltas = [abs(a[i + k] - b[i + k]) for k in range(4)]
            worst = max(deltas)
            self.worst = max(self.worst, worst)
            if worst > tolerance:
                self.wrong += 1
                if self.first is None:
                    pixel = i // 4
                    self.first = (pixel % wanted.width, pixel // wanted.width,
                                  tuple(a[i:i + 4]), tuple(b[i:i + 4]))
            # Alpha alone may differ: show it as white.
            shown = deltas[:3] if any(deltas[:3]) else [deltas[3]] * 3
            self._picture += bytes(min(255, 48 + 4 * d) if d else 0 for d in shown) + b'\xff'

    def picture(self, width, height):
        return Image(width, height, bytes(self._picture)) if self._picture else None

    def reason(self, share):
        """None when the images agree well enough, else what is wrong, in a line."""
        if not self.same_size:
            return 'the images are not of one size'
        if self.wrong <= share * self.total:
            return None
        x, y, got, wanted = self.first
        return (f'{self.wrong} of {self.total} pixels differ (worst channel by {self.worst}), '
                f'first at {x},{y}: {got} instead of {wanted}')
