"""Child process that draws one matrix; `handlers.heatmap.render` starts it.

It reads a frame of JSON (`labels`, `cosine`, `numbers`) and a frame for each thumbnail, and writes a PNG.
"""

import json
import sys

from handlers.heatmap.drawing import draw
from inference.sandbox.child import answer_once


def answer(frames: list[bytes]) -> bytes:
    """Draw the matrix that the frames describe."""
    table = json.loads(frames[0])
    return draw(frames[1:], table["labels"], table["cosine"], numbers=table["numbers"])


if __name__ == "__main__":
    sys.exit(answer_once(answer))
