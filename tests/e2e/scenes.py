"""The tiny world drawn by another program: plain ImageDraw, nothing of `inference.tiny`.

What it draws and calls it follows the words of the world alone: 1 to 3 circles, squares and triangles in
eight colours on a muted grey, named in the order of the colours, then of the shapes.
"""

import io
import random
from dataclasses import dataclass

from PIL import Image, ImageDraw

COLORS = {
    "red": (220, 40, 40),
    "green": (40, 160, 60),
    "blue": (40, 80, 220),
    "yellow": (240, 220, 50),
    "purple": (140, 50, 170),
    "orange": (245, 140, 30),
    "black": (20, 20, 20),
    "white": (250, 250, 250),
}
SHAPES = ("circle", "square", "triangle")
NUMBERS = ("", "", "two", "three")


@dataclass(frozen=True)
class Thing:
    """One object, in units of the canvas's width."""

    color: str
    shape: str
    x: float
    y: float
    radius: float


def caption(things: list[Thing]) -> str:
    """Name the things as the world does."""
    kinds = [(color, shape) for color in COLORS for shape in SHAPES]
    counts = {kind: sum((thing.color, thing.shape) == kind for thing in things) for kind in kinds}
    parts = []
    for (color, shape), count in counts.items():
        if count == 1:
            parts.append(f"{'an' if color[0] in 'aeiou' else 'a'} {color} {shape}")
        elif count:
            parts.append(f"{NUMBERS[count]} {color} {shape}s")
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def scene(chance: random.Random, count: int) -> list[Thing]:
    """Place `count` things that do not touch."""
    things: list[Thing] = []
    while len(things) < count:
        radius = chance.uniform(0.12, 0.2)
        new = Thing(
            chance.choice(list(COLORS)),
            chance.choice(SHAPES),
            chance.uniform(radius + 0.02, 0.98 - radius),
            chance.uniform(radius + 0.02, 0.98 - radius),
            radius,
        )
        if all(
            (new.x - old.x) ** 2 + (new.y - old.y) ** 2 > (1.3 * (new.radius + old.radius)) ** 2
            for old in things
        ):
            things.append(new)
    return things


def draw(things: list[Thing], size: int = 320, kind: str = "PNG") -> bytes:
    """Draw things on a grey canvas of `size` pixels a side and return the file's bytes."""
    picture = Image.new("RGB", (size, size), (128, 126, 130))
    pen = ImageDraw.Draw(picture)
    for thing in things:
        x, y, r = thing.x * size, thing.y * size, thing.radius * size
        if thing.shape == "circle":
            pen.ellipse((x - r, y - r, x + r, y + r), fill=COLORS[thing.color])
        elif thing.shape == "square":
            pen.rectangle((x - 0.8 * r, y - 0.8 * r, x + 0.8 * r, y + 0.8 * r), fill=COLORS[thing.color])
        else:
            pen.polygon(
                [(x, y - r), (x - 0.9 * r, y + 0.7 * r), (x + 0.9 * r, y + 0.7 * r)], fill=COLORS[thing.color]
            )
    buffer = io.BytesIO()
    picture.save(buffer, kind)
    return buffer.getvalue()
