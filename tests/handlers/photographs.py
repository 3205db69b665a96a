"""Synthetic photographs (sky, hills, light and grain) that compress like real ones."""

import io
import random

from PIL import Image, ImageChops, ImageDraw, ImageFilter


def photograph(size: tuple[int, int], seed: int) -> bytes:
    """Draw a random landscape.

    Args:
        size: Width and height in pixels.
        seed: The same seed draws the same image.

    Returns:
        A JPEG file.
    """
    rng = random.Random(seed)
    image = _sky(size, rng)
    _hills(image, rng)
    grain = Image.effect_noise(size, 24).convert("RGB")
    image = ImageChops.overlay(image.filter(ImageFilter.GaussianBlur(0.7)), grain)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=85)
    return file.getvalue()


def _sky(size: tuple[int, int], rng: random.Random) -> Image.Image:
    top, bottom = (tuple(rng.randrange(40, 256) for _ in range(3)) for _ in range(2))
    ramp = Image.linear_gradient("L").resize(size)
    image = Image.composite(Image.new("RGB", size, bottom), Image.new("RGB", size, top), ramp)
    x, y, radius = rng.randrange(size[0]), rng.randrange(size[1] // 2), min(size) // 8
    ImageDraw.Draw(image).ellipse((x - radius, y - radius, x + radius, y + radius), fill=(255, 240, 200))
    return image


def _hills(image: Image.Image, rng: random.Random) -> None:
    width, height = image.size
    pen = ImageDraw.Draw(image)
    for layer in range(4):
        level = height * (0.4 + 0.15 * layer)
        shade = tuple(rng.randrange(20, 200 - 40 * layer) for _ in range(3))
        heights = [level + rng.uniform(-0.12, 0.12) * height for _ in range(7)]
        ridge = [(width * step / 6, at) for step, at in enumerate(heights)]
        pen.polygon([*ridge, (width, height), (0, height)], fill=shade)
