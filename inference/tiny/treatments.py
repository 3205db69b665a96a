"""Augmentations of training pictures: rotation, framing, blur, compression, noise.

The geometric ones also say where each point of their result was before, so that what lay there stays known.
"""

import io

import numpy as np
import numpy.typing as npt
from PIL import Image

Matrix = npt.NDArray[np.float64]
"""A 3 by 3 matrix from (x, y, 1) in the result to (x, y, 1) in the original, in pixels."""

Fill = tuple[int, int, int]


def turned(picture: Image.Image, radians: float, fill: Fill, grow: bool) -> tuple[Image.Image, Matrix]:
    """Turn a picture around its middle.

    Args:
        picture: an RGB picture.
        radians: by how much, clockwise.
        fill: the colour of the corners that come free.
        grow: whether the canvas grows so that nothing is cut off.
    """
    cos, sin = np.cos(radians), np.sin(radians)
    width, height = picture.size
    if grow:
        across, down = abs(width * cos) + abs(height * sin), abs(width * sin) + abs(height * cos)
    else:
        across, down = float(width), float(height)
    size = round(across), round(down)
    matrix = np.array([[cos, sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, 1.0]])
    matrix[:2, 2] = np.array((width / 2, height / 2)) - matrix[:2, :2] @ (size[0] / 2, size[1] / 2)
    coefficients = tuple(matrix[:2].ravel())
    result = picture.transform(
        size, Image.Transform.AFFINE, coefficients, Image.Resampling.BICUBIC, fillcolor=fill
    )
    return result, matrix


def framed(picture: Image.Image, fill: Fill) -> tuple[Image.Image, Matrix]:
    """Set a picture in the middle of a square as large as its long side."""
    side = max(picture.size)
    left, top = (side - picture.width) // 2, (side - picture.height) // 2
    result = Image.new("RGB", (side, side), fill)
    result.paste(picture, (left, top))
    return result, np.array([[1.0, 0.0, -left], [0.0, 1.0, -top], [0.0, 0.0, 1.0]])


def compressed(picture: Image.Image, quality: int) -> Image.Image:
    """Send a picture through JPEG of that quality, 1 to 95."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def blurred(picture: Image.Image, factor: float) -> Image.Image:
    """Shrink a picture by a factor from 0 to 1, and enlarge it again."""
    small = max(16, round(picture.width * factor)), max(16, round(picture.height * factor))
    return picture.resize(small, Image.Resampling.BILINEAR).resize(picture.size, Image.Resampling.BICUBIC)


def noisy(picture: Image.Image, sigma: float, rng: np.random.Generator) -> Image.Image:
    """Add noise of that standard deviation, in levels of 255, to each channel of each pixel."""
    levels = np.asarray(picture, dtype=np.float32)
    levels = levels + rng.standard_normal(levels.shape, dtype=np.float32) * np.float32(sigma)
    return Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8), "RGB")


def mistreated(picture: Image.Image, rng: np.random.Generator) -> tuple[Image.Image, Matrix]:
    """Apply none or some of the augmentations at random."""
    matrix = np.eye(3)
    if rng.random() < 0.15:
        picture, matrix = turned(
            picture, float(rng.uniform(-0.2, 0.2)), _fill(picture, rng), rng.random() < 0.5
        )
    if rng.random() < 0.06:
        picture, framing = framed(picture, _fill(picture, rng))
        matrix = matrix @ framing
    if rng.random() < 0.12:
        picture = blurred(picture, float(rng.uniform(48, 64)) / max(64, *picture.size))
    if rng.random() < 0.1:
        picture = noisy(picture, float(rng.uniform(1, 10)), rng)
    if rng.random() < 0.3:
        picture = compressed(picture, int(rng.integers(60, 96)))
    return picture, matrix


def _fill(picture: Image.Image, rng: np.random.Generator) -> Fill:
    """Return the colour of a new border: mostly the picture's corner's, else black, white, or a grey."""
    kind = rng.random()
    if kind < 0.5:
        return picture.getpixel((0, 0))  # type: ignore[return-value]
    level = 0 if kind < 0.7 else 255 if kind < 0.85 else int(rng.integers(256))
    return level, level, level
