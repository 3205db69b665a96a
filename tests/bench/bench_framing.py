"""How to show CLIP a picture that is no square: what scores best with the tiny model.

python -m tests.bench.bench_framing

One object somewhere in a picture of each shape, and the 24 labels; a hit is the right label first.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import cast

import numpy as np
import torch
from PIL import Image, ImageOps

from inference.models.clip import ClipMatcher
from inference.models.loading import load
from inference.models.tiling import tiles
from inference.schema import Match, Picture
from inference.settings import WorkerSettings
from inference.tiny.world import LABELS, Scene, draw, label_of, sample

SCENES = 100
LONG_SIDE = 512
ASPECTS = (1.0, 4 / 3, 16 / 9, 2.5, 4.0)


def cropped(picture: Image.Image) -> list[Image.Image]:
    """Take the middle square, as CLIP's own processor does."""
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    return [picture.crop((left, top, left + side, top + side))]


def padded(picture: Image.Image, colour: tuple[int, int, int]) -> list[Image.Image]:
    """Put a picture in the middle of a square as long as its longer side."""
    return [ImageOps.pad(picture, (LONG_SIDE, LONG_SIDE), color=colour)]


FRAMINGS: dict[str, Callable[[Image.Image], list[Image.Image]]] = {
    "cropped (CLIP's own)": cropped,
    "squeezed": lambda picture: [picture.resize((LONG_SIDE, LONG_SIDE), Image.Resampling.BICUBIC)],
    "padded, mean colour": lambda picture: padded(picture, (123, 117, 104)),
    "padded, white": lambda picture: padded(picture, (255, 255, 255)),
    "tiles, the nearest": tiles,
}


def scene_of(rng: np.random.Generator, aspect: float) -> Scene:
    """Place one object anywhere on a canvas of a shape, lying or standing."""
    scene = sample(rng, 1)
    (thing,) = scene.things
    width, height = (aspect, 1.0) if rng.random() < 0.5 else (1.0, aspect)
    x, y = (float(rng.uniform(thing.radius, side - thing.radius)) for side in (width, height))
    return replace(scene, things=(replace(thing, centre=(x, y)),), width=width, height=height)


def best(engine: ClipMatcher, framed: list[Image.Image]) -> str:
    """Name the label that a picture's frames score highest."""
    names = tuple(Picture.of("guild:1", frame.tobytes()) for frame in framed)
    (matched,) = engine.forward([engine.prepare(Match(pictures=names, labels=LABELS), framed)])
    return LABELS[int(torch.tensor(matched.cosine).max(dim=0).values.argmax())]


def main() -> None:
    """Print the table: hits in per cent, a row a framing, a column a shape."""
    settings = WorkerSettings(models="tiny", device="cpu")
    engine = cast("ClipMatcher", load("match", settings))
    print(f"{'':<24}" + "".join(f"{aspect:>8.2f}" for aspect in ASPECTS))
    for name, framing in FRAMINGS.items():
        hits = []
        for aspect in ASPECTS:
            rng = np.random.default_rng(11)  # the same scenes for every framing
            scenes = [scene_of(rng, aspect) for _ in range(SCENES)]
            right = [
                best(engine, framing(draw(scene, LONG_SIDE))) == label_of(*_names(scene)) for scene in scenes
            ]
            hits.append(100 * sum(right) / SCENES)
        print(f"{name:<24}" + "".join(f"{share:>8.1f}" for share in hits))


def _names(scene: Scene) -> tuple[str, str]:
    (thing,) = scene.things
    return thing.colour, thing.shape


if __name__ == "__main__":
    main()
