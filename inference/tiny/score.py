"""A score: the number of right answers among all."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Score:
    """The number of right answers, and of all."""

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
        """Return the score of a list of right and wrong answers."""
        return cls(sum(right), len(right))

    def __add__(self, other: "Score") -> "Score":
        """Return the sum of both scores."""
        return Score(self.right + other.right, self.asked + other.asked)
