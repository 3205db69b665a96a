"""The same world drawn by others: three painters that share no line with ours, and never served training."""

import colorsys
import math
import random
from collections.abc import Callable

from PIL import Image, ImageDraw, ImageFilter

Names = list[tuple[str, str]]
Painted = tuple[Names, Image.Image]

_SHAPES = ("circle", "square", "triangle")
_PURE = {
    "red": "#ff0000",
    "green": "#008000",
    "blue": "#0000ff",
    "yellow": "#ffff00",
    "purple": "#800080",
    "orange": "#ffa500",
    "black": "#000000",
    "white": "#ffffff",
}
_SOFT = {  # hue in degrees, saturation, value
    "red": (2, 0.85, 0.88),
    "green": (125, 0.7, 0.66),
    "blue": (218, 0.8, 0.85),
    "yellow": (54, 0.85, 0.95),
    "purple": (280, 0.65, 0.68),
    "orange": (30, 0.9, 0.96),
    "black": (0, 0.0, 0.08),
    "white": (0, 0.0, 0.97),
}


def plain(seed: int, count: int) -> Painted:
    """Aliased, upright, in pure CSS colours on one grey, 256 by 256."""
    chance = random.Random(seed)
    grey = chance.choice((96, 128, 150, 180))
    picture = Image.new("RGB", (256, 256), (grey, grey, grey))
    pen = ImageDraw.Draw(picture)
    names: Names = []
    for x, y, r in _spots(chance, count, 256, (22, 44)):
        colour, shape = chance.choice(list(_PURE)), chance.choice(_SHAPES)
        if shape == "circle":
            pen.ellipse((x - r, y - r, x + r, y + r), fill=_PURE[colour])
        elif shape == "square":
            pen.rectangle((x - r, y - r, x + r, y + r), fill=_PURE[colour])
        else:
            pen.polygon([(x, y - r), (x - r, y + r), (x + r, y + r)], fill=_PURE[colour])
        names.append((colour, shape))
    return names, picture


def soft(seed: int, count: int) -> Painted:
    """Softer colours, each thing in a column of its own, 640 by 480, turned a little, shrunk."""
    chance = random.Random(seed)
    ground = tuple(chance.randint(105, 175) + chance.randint(-10, 10) for _ in range(3))
    middle = sum(ground) // 3
    picture = Image.new("RGB", (1280, 960), tuple((level + middle) // 2 for level in ground))
    pen = ImageDraw.Draw(picture)
    names: Names = []
    width = 1280 // count
    for column in range(count):
        r = chance.randint(90, min(200, width // 2 - 10))
        x = chance.randint(column * width + r, (column + 1) * width - r)
        y = chance.randint(r, 960 - r)
        colour, shape = chance.choice(list(_SOFT)), chance.choice(_SHAPES)
        hue, saturation, value = _SOFT[colour]
        paint = tuple(round(255 * part) for part in colorsys.hsv_to_rgb(hue / 360, saturation, value))
        turn = chance.uniform(-0.2, 0.2)
        if shape == "circle":
            pen.ellipse((x - r, y - r, x + r, y + r), fill=paint)
        else:
            sides = 4 if shape == "square" else 3
            start = turn - math.pi / 2 + (math.pi / 4 if sides == 4 else 0)
            angles = [start + 2 * math.pi * side / sides for side in range(sides)]
            pen.polygon([(x + r * math.cos(a), y + r * math.sin(a)) for a in angles], fill=paint)
        names.append((colour, shape))
    return names, picture.resize((640, 480), Image.Resampling.LANCZOS)


def grainy(seed: int, count: int) -> Painted:
    """Things of 8 to 15 on a canvas of 64, four times enlarged, on noise, blurred a little."""
    chance = random.Random(seed)
    grey = chance.randint(90, 170)
    noise = Image.effect_noise((256, 256), chance.randint(5, 20)).point(lambda level: level - 128 + grey)
    picture = Image.merge("RGB", (noise, noise, noise))
    pen = ImageDraw.Draw(picture)
    names: Names = []
    for x, y, r in _spots(chance, count, 256, (32, 60 if count < 3 else 46)):
        colour, shape = chance.choice(list(_PURE)), chance.choice(_SHAPES)
        turn = chance.uniform(-0.13, 0.13)
        if shape == "circle":
            pen.ellipse((x - r, y - r, x + r, y + r), fill=_PURE[colour])
        elif shape == "square":
            pen.regular_polygon((x, y, r), 4, rotation=math.degrees(turn), fill=_PURE[colour])
        else:
            pen.regular_polygon((x, y, r), 3, rotation=math.degrees(turn), fill=_PURE[colour])
        names.append((colour, shape))
    return names, picture.filter(ImageFilter.GaussianBlur(0.8))


HANDS: dict[str, Callable[[int, int], Painted]] = {"plain": plain, "soft": soft, "grainy": grainy}


def _spots(
    chance: random.Random, count: int, side: int, radii: tuple[int, int]
) -> list[tuple[int, int, int]]:
    spots: list[tuple[int, int, int]] = []
    while len(spots) < count:
        r = chance.randint(*radii)
        x, y = chance.randint(r + 2, side - r - 2), chance.randint(r + 2, side - r - 2)
        if all(max(abs(x - a), abs(y - b)) > r + c + 2 for a, b, c in spots):
            spots.append((x, y, r))
    return spots
