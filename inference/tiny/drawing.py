"""Scenes as pictures: exact edges at any size."""

import numpy as np
from PIL import Image, ImageDraw

from inference.tiny.scene import Ground, Rgb, Scene, Thing

_FINE = 4  # subpixels to each side of a pixel: 17 shades of coverage
_GROUND_SIDE = 512  # a ground is drawn no larger, and enlarged: 4096 px of noise cost a second


def draw(scene: Scene, size: int) -> Image.Image:
    """Draw a scene.

    Args:
        scene: what to draw.
        size: the picture's long side, in pixels, at least 16.

    Returns:
        An RGB picture of the canvas's proportions.
    """
    unit = size / max(scene.width, scene.height)
    width, height = max(1, round(scene.width * unit)), max(1, round(scene.height * unit))
    picture = _ground(scene.ground, width, height, unit)
    for thing in scene.things:
        if thing.edge is None:
            _paint(picture, thing, thing.rgb, unit, 1.0, scene.smooth)
        else:
            _paint(picture, thing, thing.edge, unit, 1.0, scene.smooth)
            _paint(picture, thing, thing.rgb, unit, 1 - thing.edge_width / thing.radius, scene.smooth)
    return picture


def _ground(ground: Ground, width: int, height: int, unit: float) -> Image.Image:
    if ground.slope == (0.0, 0.0) and not ground.grain:
        return Image.new("RGB", (width, height), ground.rgb)
    scale = min(1.0, _GROUND_SIDE / max(width, height))
    across, down = max(1, round(width * scale)), max(1, round(height * scale))
    x = (np.arange(across, dtype=np.float32) - across / 2) * (ground.slope[0] / (unit * scale))
    y = (np.arange(down, dtype=np.float32) - down / 2) * (ground.slope[1] / (unit * scale))
    levels = (y[:, None] + x[None, :])[:, :, None] + np.array(ground.rgb, dtype=np.float32)
    if ground.grain:
        rng = np.random.default_rng(ground.seed)
        levels = levels + rng.standard_normal((down, across, 1), dtype=np.float32) * np.float32(ground.grain)
    picture = Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8), "RGB")
    return picture if scale == 1.0 else picture.resize((width, height), Image.Resampling.BILINEAR)


def _paint(picture: Image.Image, thing: Thing, rgb: Rgb, unit: float, shrink: float, smooth: bool) -> None:
    left, top, right, bottom = thing.box
    x, y = int(left * unit) - 1, int(top * unit) - 1
    width, height = int(right * unit) + 2 - x, int(bottom * unit) + 2 - y
    fine = _FINE if smooth else 1
    mask = Image.new("L", (width * fine, height * fine), 0)
    pen = ImageDraw.Draw(mask)
    middle = ((thing.centre[0] * unit - x) * fine, (thing.centre[1] * unit - y) * fine)
    radius = thing.radius * unit * shrink * fine
    if thing.corners:
        # Pillow's coordinates name a pixel's middle, ours its corner: half a pixel apart.
        pen.polygon(
            [(middle[0] + radius * a - 0.5, middle[1] + radius * b - 0.5) for a, b in thing.corners], fill=255
        )
    else:
        pen.circle((middle[0] - 0.5, middle[1] - 0.5), radius, fill=255)
    picture.paste(rgb, (x, y), mask.reduce(fine) if smooth else mask)
