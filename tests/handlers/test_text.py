import math
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.text import tidy, two_decimals

ANYTHING = st.text(st.characters(), max_size=300)  # surrogates and controls too


@given(ANYTHING)
def test_tidying_is_idempotent(text: str) -> None:
    assert tidy(tidy(text)) == tidy(text)


@given(ANYTHING)
def test_line_breaks_controls_and_direction_marks_are_removed(text: str) -> None:
    forbidden = {"Cc", "Cs", "Zl", "Zp"}
    assert not any(unicodedata.category(char) in forbidden for char in tidy(text))
    assert not set(tidy(text)) & set(
        "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\ufeff"
    )


def test_combining_marks_are_limited() -> None:
    assert len(tidy("Z" + "\u0316" * 150 + "a")) <= 6
    assert tidy("Vi\u1ec7t") == "Vi\u1ec7t"


@pytest.mark.parametrize(
    ("value", "written"), [(0.314, "0.31"), (-0.05, "-0.05"), (-0.001, "0.00"), (math.nan, "?")]
)
def test_cosines_have_two_decimals(value: float, written: str) -> None:
    assert two_decimals(value) == written
