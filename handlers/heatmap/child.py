"""The process that draws: `handlers.heatmap.render` starts it, asks it once, and it ends.

The question is a frame of JSON (`labels`, `cosine`) and then one frame for each thumbnail; the answer is a
PNG.
"""

import json
import sys

from handlers.heatmap.drawing import draw
from inference.sandbox.child import answer_once


def answer(frames: list[bytes]) -> bytes:
    """Draw the matrix that the frames describe."""
    told = json.loads(frames[0])
    return draw(frames[1:], told["labels"], told["cosine"])


if __name__ == "__main__":
    sys.exit(answer_once(answer))
