"""A score: how many of how many."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Score:
    """How many of how many were right."""

    right: int
    asked: int

    def __str__(self) -> str:
        return f"{100 * self.right / self.asked:5.1f} %" if self.asked else "      -"

    @property
    def share(self) -> float:
        """The share that was right, 0 to 1."""
        return self.right / self.asked

    @classmethod
    def of(cls, right: Sequence[bool]) -> "Score":
        """Count which were right."""
        return cls(sum(right), len(right))

    def __add__(self, other: "Score") -> "Score":
        """Count both."""
        return Score(self.right + other.right, self.asked + other.asked)
