"""Draw a similarity matrix of nine synthetic photographs by 25 labels, for inspection.

python -m tests.bench.draw_matrix OUT.png
"""

import asyncio
import random
import sys
import time
from pathlib import Path

from handlers.heatmap.render import draw_matrix
from tests.handlers.photographs import photograph

SHAPES = [
    (320, 213),
    (213, 320),
    (320, 320),
    (320, 180),
    (240, 320),
    (320, 107),
    (120, 320),
    (320, 240),
    (200, 150),
]
LABELS = [
    "a photo of a golden retriever in the snow",
    "a cat",
    "two people riding bicycles along the beach",
    "a red double-decker bus",
    "a bowl of ramen with an egg",
    "a mountain lake at sunrise",
    "an aerial view of a city at night",
    "a close-up of a bee on a flower",
    "a screenshot of a terminal",
    "a hand-drawn diagram",
    "a child blowing out birthday candles",
    "an empty subway platform",
    "a vintage motorcycle",
    "a bookshelf full of old paperbacks",
    "a lighthouse in a storm",
    "a football match",
    "a plate of pancakes with blueberries and maple syrup",
    "a desert road",
    "a snowman wearing a hat",
    "a concert crowd with raised hands",
    "an astronaut",
    "a black-and-white portrait",
    "a wooden cabin in the woods",
    "a receipt",
    "a hot-air balloon over a green valley",
]


def scores(pictures: int, labels: int) -> list[list[float]]:
    """Return random scores in CLIP's usual range, with one matching label for each image."""
    rng = random.Random(7)
    rows = [[rng.gauss(0.19, 0.025) for _ in range(labels)] for _ in range(pictures)]
    for number, row in enumerate(rows):
        row[(number * 7 + 2) % labels] = rng.uniform(0.27, 0.33)
    return rows


def main(out: str) -> None:
    """Draw the matrix, and print its size and the time it took."""
    pictures = [photograph(shape, seed) for seed, shape in enumerate(SHAPES)]
    begun = time.perf_counter()
    png = asyncio.run(draw_matrix(pictures, LABELS, scores(len(pictures), len(LABELS))))
    Path(out).write_bytes(png)
    print(f"{out}: {len(png) / 1000:.0f} kB in {time.perf_counter() - begun:.2f} s")


if __name__ == "__main__":
    main(*sys.argv[1:])
