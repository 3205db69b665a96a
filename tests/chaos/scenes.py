"""Pictures of two things, with what is right to say of them, from 20 kB to 5 MB."""

import io
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from inference.engines import Engine
from inference.models.loading import load
from inference.schema import Answer, Answered, Caption, Captioned, Picture
from inference.settings import WorkerSettings
from tests.e2e.scenes import COLORS, SHAPES, Thing, caption, draw

MIN_BYTES, MAX_BYTES = 20_000, 5_000_000
POOL_SEED = 7
GRAIN = 3
"""Levels of noise: a PNG gets about `BYTES_PER_PIXEL` by it, and no answer changes."""
BYTES_PER_PIXEL = 1.3


@dataclass(frozen=True)
class Scene:
    """A picture, and what is right to say of it.

    Attributes:
        name: Its file's name.
        data: A PNG.
        caption: Its caption.
        question: A question about it.
        answer: The answer to that.
    """

    name: str
    data: bytes
    caption: str
    question: str
    answer: str


def pool(count: int) -> list[Scene]:
    """Draw scenes with different captions, of which the tiny models say what is right when asked alone.

    The same for each run, with sizes that are spread evenly on a logarithmic scale.
    """
    chance = random.Random(POOL_SEED)
    settings = WorkerSettings(_env_file=None, models="tiny", device="cpu")
    captioner, answerer = load("caption", settings), load("answer", settings)
    found: dict[str, Scene] = {}
    while len(found) < count:
        size = MIN_BYTES * (MAX_BYTES / MIN_BYTES) ** (len(found) / max(1, count - 1))
        scene = _draw(chance, f"scene-{len(found)}.png", size)
        if scene.caption not in found and _is_understood(scene, captioner, answerer):
            found[scene.caption] = scene
    return list(found.values())


def _draw(chance: random.Random, name: str, size: float) -> Scene:
    colors, shapes = chance.sample(list(COLORS), 2), chance.sample(SHAPES, 2)
    things = [
        Thing(color, shape, x, chance.uniform(0.3, 0.7), chance.uniform(0.15, 0.2))
        for color, shape, x in zip(colors, shapes, (0.27, 0.73), strict=True)
    ]
    side = round(math.sqrt(size / BYTES_PER_PIXEL))
    drawn = np.asarray(Image.open(io.BytesIO(draw(things, side))), dtype=np.int16)
    noise = np.random.default_rng(chance.randrange(2**32)).integers(-GRAIN // 2, GRAIN // 2 + 1, drawn.shape)
    buffer = io.BytesIO()
    Image.fromarray(np.clip(drawn + noise, 0, 255).astype(np.uint8)).save(buffer, "PNG", compress_level=1)
    return Scene(name, buffer.getvalue(), caption(things), f"what color is the {shapes[0]}?", colors[0])


def _is_understood(scene: Scene, captioner: Engine, answerer: Engine) -> bool:
    picture = Image.open(io.BytesIO(scene.data))
    picture.thumbnail((1536, 1536))
    stored = Picture.of("guild:1", scene.data)
    said = _outcome(captioner, Caption(picture=stored), picture)
    answered = _outcome(answerer, Answer(picture=stored, question=scene.question), picture)
    return (said, answered) == (scene.caption, scene.answer)


def _outcome(engine: Engine, request: Caption | Answer, picture: Image.Image) -> str:
    (outcome,) = engine.forward([engine.prepare(request, [picture])])
    assert isinstance(outcome, Captioned | Answered)
    return outcome.text


def sizes(scenes: Sequence[Scene]) -> tuple[int, int]:
    """Return the bytes of the smallest and of the largest picture."""
    return min(len(each.data) for each in scenes), max(len(each.data) for each in scenes)
