# SPDX-License-Identifier: MIT
"""What must be seen in pictures of the guest's screen."""


class Picture:
    """A screenshot; areas are given in parts of its width and height."""

    def __init__(self, path):
        # Here, so that other suites run without it (Debian package python3-pil).
        from PIL import Image  # pylint: disable=import-outside-toplevel
        with Image.open(path) as image:
            self._image = image.convert('RGB')
        self.width, self.height = self._image.size

    def cut(self, left, top, right, bottom):
        """The pixels of an area, in pixels."""
        return list(self._image.crop((left, top, right, bottom)).getdata())

    def part(self, left, top, right, bottom):
        """The same, in parts of the whole."""
        return self.cut(int(left * self.width), int(top * self.height),
                        int(right * self.width), int(bottom * self.height))


def red(p):
    return p[0] > 90 and p[0] > 2 * p[1] and p[0] > 2 * p[2]


def green(p):
    return p[1] > 90 and p[1] > 2 * p[0] and p[1] > 1.5 * p[2]


def blue(p):
    return p[2] > 90 and p[2] > 2 * p[0] and p[2] > 2 * p[1]


def dark(p):
    return max(p) < 16


def share(pixels, condition):
    return sum(map(condition, pixels)) / max(1, len(pixels))


def gears(pixels_of):
    """None, or what is wrong with glxgears' picture; PIXELS_OF(left, top, right, bottom) in parts
    of its window. The red gear is below on the left, the blue above it, the green on the right."""
    for name, condition, area, least in (('red', red, (0.05, 0.4, 0.5, 0.95), 0.2),
                                         ('green', green, (0.5, 0.5, 0.95, 0.95), 0.15),
                                         ('blue', blue, (0.05, 0.05, 0.5, 0.45), 0.15),
                                         ('black', dark, (0.6, 0.02, 0.98, 0.3), 0.9)):
        found = share(pixels_of(*area), condition)
        if found < least:
            return f'only {found:.0%} of its place is {name}'
    return None


def quarters(picture, colours, tolerance=2):
    """None, or which quarter of the picture is not of its colour, in reading order."""
    for index, colour in enumerate(colours):
        left, top = index % 2 * 0.5, index // 2 * 0.5
        pixels = picture.part(left + 0.3, top + 0.3, left + 0.45, top + 0.45)
        for p in pixels:
            if max(abs(a - b) for a, b in zip(p, colour)) > tolerance:
                return f'quarter {index + 1} shows {p} instead of {colour}'
    return None


def cube(picture):
    """None, or what is wrong with kmscube's picture: a smoothly shaded cube on grey."""
    for corner in ((0, 0, 0.06, 0.06), (0.94, 0.94, 1, 1)):
        pixels = picture.part(*corner)
        if any(max(p) - min(p) > 2 or not 118 <= p[0] <= 137 for p in pixels):
            return f'a corner shows {pixels[0]} instead of grey'
    middle = picture.part(0.4, 0.4, 0.6, 0.6)
    if len(set(middle)) < 200:
        return f'the middle has only {len(set(middle))} colours'
    if share(middle, lambda p: max(p) - min(p) <= 2) > 0.3:
        return 'the middle is grey'
    return None


def self_test():
    """Pictures that are wrong must be found so: the names of those that are not."""
    def gears_with(changes):
        # By the upper edge of the area that is looked at.
        shown = {0.4: (200, 20, 5), 0.5: (0, 200, 50), 0.05: (50, 50, 250), 0.02: (0, 0, 0),
                 **changes}
        return gears(lambda left, top, right, bottom: [shown[top]] * 100)

    class Plain:
        """A picture of one colour with another one in the middle."""
        def __init__(self, ground, middle):
            self.ground, self.middle = ground, middle

        def part(self, left, top, right, bottom):
            if left < 0.5 < right:
                return self.middle
            return [self.ground] * 50

    shades = [(i, 255 - i, 40) for i in range(256)] * 2
    cases = {
        'gears': gears_with({}) is None,
        'no red gear': gears_with({0.4: (0, 0, 0)}) is not None,
        'gears upside down': gears_with({0.4: (50, 50, 250), 0.05: (200, 20, 5)}) is not None,
        'gears on white': gears_with({0.02: (255, 255, 255)}) is not None,
        'quarters': quarters(Plain((255, 0, 0), []), [(255, 0, 0)] * 4) is None,
        'wrong quarters': quarters(Plain((255, 0, 0), []), [(0, 255, 0)] * 4) is not None,
        'cube': cube(Plain((128, 128, 128), shades)) is None,
        'no cube': cube(Plain((128, 128, 128), [(128, 128, 128)] * 500)) is not None,
        'cube on black': cube(Plain((0, 0, 0), shades)) is not None,
    }
    return [name for name, good in cases.items() if not good]
