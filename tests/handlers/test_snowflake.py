import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.snowflake import EPOCH, id_at, moment_of


@given(st.floats(EPOCH, EPOCH + 2e9))
def test_an_id_has_its_moment_to_the_millisecond(moment: float) -> None:
    assert moment_of(id_at(moment)) == pytest.approx(moment, abs=0.0011)


def test_the_smallest_id_of_a_moment_sorts_by_time() -> None:
    assert id_at(EPOCH - 1) == id_at(EPOCH) == 0
    assert id_at(EPOCH + 1) < id_at(EPOCH + 1.01)
