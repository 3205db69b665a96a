"""Scenes keep to the world's rules, and a seed always gives the same one."""

import subprocess
import sys

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops

from inference.tiny import world
from inference.tiny.scene import COLOURS, SHAPES, Ground, Scene, Thing, apart, inside, sample
from inference.tiny.world import draw

SEEDS = st.integers(0, 2**32 - 1)
COUNTS = st.integers(1, 3)


@settings(deadline=None)
@given(SEEDS, COUNTS)
def test_the_same_seed_gives_the_same_scene_and_picture(seed: int, count: int) -> None:
    one, other = (sample(np.random.default_rng(seed), count) for _ in range(2))
    assert one == other
    assert ImageChops.difference(draw(one, 64), draw(other, 64)).getbbox() is None


@settings(deadline=None)
@given(SEEDS, COUNTS)
def test_a_scene_has_the_things_asked_for_inside_and_apart(seed: int, count: int) -> None:
    scene = sample(np.random.default_rng(seed), count)
    assert len(scene.things) == count
    for place, thing in enumerate(scene.things):
        assert thing.colour in COLOURS
        assert thing.shape in SHAPES
        assert inside(thing, scene.width, scene.height, 0)
        assert all(apart(thing, other, 0) for other in scene.things[:place])


@settings(deadline=None)
@given(SEEDS, COUNTS)
def test_no_pixel_belongs_to_two_things(seed: int, count: int) -> None:
    scene = sample(np.random.default_rng(seed), count)
    masks = [_mask(scene, thing) for thing in scene.things]
    assert (np.sum(masks, axis=0) <= 1).all()
    assert all(mask.sum() > 15 for mask in masks)


def _mask(scene: Scene, thing: Thing) -> npt.NDArray[np.bool_]:
    """Where a thing is, at 128 px: drawn alone in white on black."""
    alone = Thing(thing.shape, "white", (255, 255, 255), thing.centre, thing.radius, thing.corners)
    picture = draw(Scene((alone,), Ground((0, 0, 0)), scene.width, scene.height, smooth=False), 128)
    return np.asarray(np.asarray(picture)[:, :, 0] > 0)


def test_all_shapes_colours_and_counts_come_up() -> None:
    rng = np.random.default_rng(1)
    scenes = [sample(rng) for _ in range(400)]
    things = [thing for scene in scenes for thing in scene.things]
    assert {(thing.colour, thing.shape) for thing in things} == {(c, s) for c in COLOURS for s in SHAPES}
    assert {len(scene.things) for scene in scenes} == {1, 2, 3}
    assert min(thing.radius for thing in things) < 0.1
    assert max(thing.radius for thing in things) > 0.3


@settings(deadline=None)
@given(SEEDS)
def test_things_stand_out_from_their_ground(seed: int) -> None:
    scene = sample(np.random.default_rng(seed))
    for thing in scene.things:
        assert np.abs(np.subtract(thing.rgb, scene.ground.rgb)).sum() >= 100


@pytest.mark.parametrize("size", [48, 97, 1024, 4096])
def test_a_picture_is_as_large_as_asked_at_any_size(size: int) -> None:
    scene = Scene((_thing("circle"),), Ground((120, 120, 120), grain=5), width=4 / 3)
    picture = draw(scene, size)
    assert picture.size == (size, round(size * 3 / 4))
    assert picture.mode == "RGB"


@pytest.mark.parametrize(
    ("shape", "share"), [("circle", np.pi / 4), ("square", 0.5), ("triangle", 3**0.5 * 3 / 16)]
)
def test_shapes_are_drawn_to_measure(shape: str, share: float) -> None:
    """Each covers its share of the box around its circle: geometry, not the eye, is the judge."""
    picture = draw(Scene((_thing(shape),), Ground((0, 0, 0))), 400)
    covered = np.asarray(picture)[:, :, 0].sum() / 255 / (400 * 0.6) ** 2
    assert covered == pytest.approx(share, abs=0.004)


def test_size_changes_nothing_but_size() -> None:
    scene = sample(np.random.default_rng(3), 2)
    small = draw(scene, 64)
    shrunk = draw(scene, 1024).resize(small.size, Image.Resampling.BOX)
    difference = np.abs(np.asarray(small, dtype=int) - np.asarray(shrunk, dtype=int))
    assert difference.mean() < 4


def test_an_outline_lies_within_its_thing() -> None:
    bare = _thing("square")
    edged = Thing("square", "white", bare.rgb, bare.centre, bare.radius, bare.corners, (9, 9, 9), 0.05)
    ground = Ground((128, 128, 128))
    touched = ImageChops.difference(draw(Scene((edged,), ground), 200), draw(Scene((bare,), ground), 200))
    box = touched.getbbox()
    assert box is not None
    left, top, right, bottom = (200 * edge for edge in bare.box)
    assert left - 2 <= box[0] < box[2] <= right + 2
    assert top - 2 <= box[1] < box[3] <= bottom + 2


def _thing(shape: str) -> Thing:
    half = 3**0.5 / 2
    corners = {
        "circle": (),
        "square": tuple((x * 0.5**0.5, y * 0.5**0.5) for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))),
        "triangle": ((0.0, -1.0), (half, 0.5), (-half, 0.5)),
    }[shape]
    return Thing(shape, "white", (255, 255, 255), (0.5, 0.5), 0.3, corners)


def test_the_world_needs_neither_torch_nor_transformers() -> None:
    code = "import inference.tiny.world, sys; print(sorted({'torch', 'transformers'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert set(world.__all__) <= set(dir(world))
