"""The tensor cache's limits in bytes and age."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from inference.models.tensor_cache import TensorCache


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_what_was_put_is_found() -> None:
    kept = TensorCache(100)
    kept.put("a", torch.arange(4.0))
    found = kept.get("a")
    assert found is not None
    assert found.tolist() == [0, 1, 2, 3]
    assert kept.get("b") is None


def test_a_kept_row_does_not_hold_its_batch() -> None:
    kept = TensorCache(100)
    kept.put("a", torch.zeros(1000, 4)[0])
    found = kept.get("a")
    assert found is not None
    assert found.untyped_storage().nbytes() == 16


def test_the_least_recently_used_goes_first() -> None:
    kept = TensorCache(32)
    kept.put("a", torch.zeros(4))
    kept.put("b", torch.zeros(4))
    kept.get("a")
    kept.put("c", torch.zeros(4))
    assert kept.get("b") is None
    assert kept.get("a") is not None
    assert kept.get("c") is not None


def test_nothing_stays_longer_than_its_time_however_often_it_is_used() -> None:
    clock = Clock()
    kept = TensorCache(100, max_age_s=10, clock=clock)
    kept.put("a", torch.zeros(4))
    clock.now = 9.9
    assert kept.get("a") is not None
    clock.now = 10
    assert kept.get("a") is None
    assert kept.bytes == 0


def test_with_no_room_nothing_is_kept() -> None:
    kept = TensorCache(0)
    kept.put("a", torch.zeros(4))
    assert kept.get("a") is None


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 12)), max_size=40))
def test_its_bytes_never_exceed_the_bound_and_are_what_it_holds(puts: list[tuple[int, int]]) -> None:
    kept = TensorCache(64)
    for key, length in puts:
        kept.put(key, torch.zeros(length))
        held = [found for one in range(6) if (found := kept.get(one)) is not None]
        assert kept.bytes == sum(found.nbytes for found in held)
        assert kept.bytes <= 64
