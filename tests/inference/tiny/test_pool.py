"""Pictures to train on show what they say they show, whatever was done to them."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from inference.tiny.pool import GRID, NOTHING, PATCH, SIDE, Pool, draw_chunk
from inference.tiny.treatments import blurred, compressed, framed, noisy, turned
from inference.tiny.views import look, names_of

Grid = npt.NDArray[Any]


@pytest.fixture(scope="module")
def pool() -> Pool:
    return draw_chunk((1, 7), 200)


def test_the_same_seed_draws_the_same_pictures(pool: Pool) -> None:
    again = draw_chunk((1, 7), 200)
    assert (again.pixels == pool.pixels).all()
    assert (again.covers == pool.covers).all()
    assert (draw_chunk((1, 8), 200).pixels != pool.pixels).any()


def test_every_patch_class_is_that_of_a_thing_that_is_there(pool: Pool) -> None:
    for classes, covers in zip(pool.classes, pool.covers, strict=True):
        assert set(covers.tolist()) - {NOTHING} <= set(classes.tolist()) - {-1}


def test_as_many_centres_as_things(pool: Pool) -> None:
    assert (pool.centres.sum(1) == (pool.classes >= 0).sum(1)).all()


def test_the_labels_of_patches_follow_the_pixels_through_turns_and_frames(pool: Pool) -> None:
    patches = pool.pixels.reshape(-1, GRID, PATCH, GRID, PATCH, 3).mean((2, 4, 5)).reshape(-1, GRID * GRID)
    assert contrast(patches, pool.covers) > 100
    assert contrast(patches, np.roll(pool.covers, 2, axis=1)) < 80, "this test cannot tell"


def test_a_mirrored_view_keeps_labels_with_their_patches(pool: Pool) -> None:
    view = look(pool, 400, np.random.default_rng(3))
    assert view.pixels.shape == (400, 3, SIDE, SIDE)
    light = (
        view.pixels.reshape(400, 3, GRID, PATCH, GRID, PATCH).mean((1, 3, 5)).reshape(400, -1).numpy() * 69
    )
    covers = view.covers.numpy()
    assert contrast(light, covers) > 100
    mirrored = covers.reshape(-1, GRID, GRID)[:, :, ::-1].reshape(covers.shape)
    assert contrast(light, mirrored) < 80, "this test cannot tell"


def contrast(patches: Grid, covers: Grid) -> float:
    """How much lighter patches [n, 64] are under white things than under black ones."""
    black, white = (patches[(covers // 3 == colour) & (covers < NOTHING)] for colour in (6, 7))
    return float(white.mean() - black.mean())


def test_names_are_read_from_classes() -> None:
    assert names_of(np.array([0, 23, -1], np.int8)) == [("red", "circle"), ("white", "triangle")]


@settings(deadline=None)
@given(st.floats(-0.3, 0.3), st.booleans(), st.integers(20, 79), st.integers(15, 44))
def test_a_turned_picture_says_where_each_point_was(radians: float, grow: bool, x: int, y: int) -> None:
    picture = Image.new("RGB", (100, 60), (0, 0, 0))
    picture.paste((255, 255, 255), (x - 1, y - 1, x + 2, y + 2))
    result, matrix = turned(picture, radians, (0, 0, 0), grow)
    bright = np.asarray(result.convert("L"), dtype=float)
    rows, columns = np.indices(bright.shape)
    middle = (bright * (columns + 0.5)).sum() / bright.sum(), (bright * (rows + 0.5)).sum() / bright.sum()
    assert (matrix @ (*middle, 1.0))[:2] == pytest.approx((x + 0.5, y + 0.5), abs=0.3)


def test_a_framed_picture_is_square_with_the_picture_in_its_middle() -> None:
    picture = Image.new("RGB", (90, 30), (255, 0, 0))
    result, matrix = framed(picture, (9, 9, 9))
    assert result.size == (90, 90)
    assert result.getpixel((45, 29)) == (9, 9, 9)
    assert result.getpixel((45, 30)) == (255, 0, 0)
    assert (matrix @ (45, 30, 1)).tolist() == [45, 0, 1]


def test_treatments_that_move_nothing_keep_the_size_and_change_the_pixels() -> None:
    picture = Image.new("RGB", (80, 60), (120, 120, 120))
    picture.paste((250, 20, 20), (20, 20, 41, 43))
    for treated in (
        compressed(picture, 60),
        blurred(picture, 0.4),
        noisy(picture, 5, np.random.default_rng(1)),
    ):
        assert treated.size == picture.size
        assert np.abs(np.asarray(treated, float) - np.asarray(picture, float)).max() > 3
