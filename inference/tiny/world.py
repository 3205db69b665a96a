"""The tiny world's public names: scenes, drawings, captions, and questions with answers. Free of torch."""

from inference.tiny.drawing import draw
from inference.tiny.grammar import KINDS, LABELS, Question, ask, caption, caption_of, label_of, names_of
from inference.tiny.scene import COLOURS, MAX_THINGS, PALETTE, SHAPES, Ground, Scene, Thing, sample

__all__ = [
    "COLOURS",
    "KINDS",
    "LABELS",
    "MAX_THINGS",
    "PALETTE",
    "SHAPES",
    "Ground",
    "Question",
    "Scene",
    "Thing",
    "ask",
    "caption",
    "caption_of",
    "draw",
    "label_of",
    "names_of",
    "sample",
]
