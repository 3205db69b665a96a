"""The pool of training pictures, drawn beforehand: drawing one takes as long as a training step on it.

The pool is the same for the same seed and size, however many processes draw it.
"""

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from tqdm import tqdm

from inference.tiny.drawing import draw
from inference.tiny.scene import COLOURS, MAX_THINGS, SHAPES, Scene, Thing, sample
from inference.tiny.treatments import Matrix, mistreated

SIDE = 64
"""The side of the pictures that the models see, in pixels."""

PATCH = 8
"""The side of a patch of theirs, in pixels."""

GRID = SIDE // PATCH
"""Patches to a side."""

NOTHING = len(COLOURS) * len(SHAPES)
"""The class of a patch with no thing in it; those before are `colour * 3 + shape`."""

_CHUNK = 500  # pictures drawn from one seed
_POINTS = 3  # to each side of a patch, where it is looked at


@dataclass(frozen=True)
class Pool:
    """n pictures with their contents.

    Attributes:
        pixels: uint8 [n, 64, 64, 3], RGB.
        classes: int8 [n, 3], `colour * 3 + shape` of each thing, -1 where there are fewer.
        covers: int8 [n, 64], for each patch the class of the thing that covers most of it, or `NOTHING`.
        centres: int8 [n, 64], for each patch how many things have their centre in it.
    """

    pixels: npt.NDArray[np.uint8]
    classes: npt.NDArray[np.int8]
    covers: npt.NDArray[np.int8]
    centres: npt.NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.pixels)


def class_of(thing: Thing) -> int:
    """Return the index of a thing's label among the 24."""
    return COLOURS.index(thing.colour) * len(SHAPES) + SHAPES.index(thing.shape)


def fill_pool(folder: Path, count: int, seed: int, workers: int) -> Pool:
    """Draw a pool, or open the one that is there.

    Args:
        folder: where it is kept; several GB.
        count: how many pictures, rounded up to 500.
        seed: where chance comes from.
        workers: how many processes draw.
    """
    chunks = -(-count // _CHUNK)
    folder.mkdir(parents=True, exist_ok=True)
    names = [folder / f"{seed}-{chunks}-{part}.npy" for part in ("pixels", "classes", "covers", "centres")]
    if not names[-1].exists():
        _draw_all(names, chunks, seed, workers)
    return Pool(*(np.load(name, mmap_mode="r") for name in names))


def _draw_all(names: list[Path], chunks: int, seed: int, workers: int) -> None:
    shapes = ((SIDE, SIDE, 3), (MAX_THINGS,), (GRID * GRID,), (GRID * GRID,))
    kinds = (np.uint8, np.int8, np.int8, np.int8)
    drafts = [name.with_suffix(".draft.npy") for name in names]
    parts = [
        np.lib.format.open_memmap(draft, mode="w+", dtype=kind, shape=(chunks * _CHUNK, *shape))
        for draft, shape, kind in zip(drafts, shapes, kinds, strict=True)
    ]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as executor:
        drawn = executor.map(draw_chunk, ((seed, chunk) for chunk in range(chunks)))
        for chunk, pool in enumerate(tqdm(drawn, total=chunks, desc="drawing", mininterval=10)):
            rows = slice(chunk * _CHUNK, (chunk + 1) * _CHUNK)
            for part, new in zip(parts, (pool.pixels, pool.classes, pool.covers, pool.centres), strict=True):
                part[rows] = new
    for part, draft, name in zip(parts, drafts, names, strict=True):
        part.flush()
        draft.rename(name)


def draw_chunk(seeds: tuple[int, int], count: int = _CHUNK) -> Pool:
    """Draw the pictures of one seed (a pair of numbers)."""
    rng = np.random.default_rng(seeds)
    rows = [_example(rng) for _ in range(count)]
    return Pool(*(np.stack(column) for column in zip(*rows, strict=True)))


def _example(rng: np.random.Generator) -> tuple[npt.NDArray[np.generic], ...]:
    scene = sample(rng)
    size = int(
        rng.choice((48, 56, 64, 80, 96, 128, 160, 224), p=(0.1, 0.08, 0.17, 0.15, 0.2, 0.15, 0.1, 0.05))
    )
    picture, matrix = mistreated(draw(scene, size), rng)
    unit = size / max(scene.width, scene.height)
    to_scene = np.diag((1 / unit, 1 / unit, 1.0)) @ matrix @ np.diag((*picture.size, 1.0))
    seen = picture.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    classes = np.full(MAX_THINGS, -1, np.int8)
    classes[: len(scene.things)] = [class_of(thing) for thing in scene.things]
    return np.asarray(seen), classes, _covers(scene, to_scene), _centres(scene, to_scene)


def _covers(scene: Scene, to_scene: Matrix) -> npt.NDArray[np.int8]:
    inside = [
        _covered(thing, _LATTICE @ to_scene[:2].T).reshape(GRID * GRID, -1).sum(1) for thing in scene.things
    ]
    most = np.array(inside)
    classes = np.array([class_of(thing) for thing in scene.things], np.int8)
    return np.where(most.max(0) > 0, classes[most.argmax(0)], np.int8(NOTHING))


def _covered(thing: Thing, points: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Return whether each of the points [n, 2] is in a thing."""
    offsets = (points - thing.centre) / thing.radius
    if not thing.corners:
        return np.asarray((offsets**2).sum(1) <= 1)
    corners = np.array(thing.corners)
    sides = np.roll(corners, -1, axis=0) - corners
    normals = np.stack((sides[:, 1], -sides[:, 0]))  # outward, as corners go clockwise with y down
    return np.asarray((offsets @ normals <= (corners * normals.T).sum(1)).all(1))


def _centres(scene: Scene, to_scene: Matrix) -> npt.NDArray[np.int8]:
    centres = np.array([(*thing.centre, 1.0) for thing in scene.things])
    cells = np.clip((centres @ np.linalg.inv(to_scene).T)[:, :2] * GRID, 0, GRID - 1).astype(int)
    counts = np.zeros(GRID * GRID, np.int8)
    np.add.at(counts, cells[:, 1] * GRID + cells[:, 0], 1)
    return counts


def _lattice() -> npt.NDArray[np.float64]:
    """Points of the unit square, patch by patch in rows: [64 * 9, 3], the last of each being 1."""
    steps = (np.arange(GRID)[:, None] + (np.arange(_POINTS) + 0.5) / _POINTS) / GRID
    y, x = np.broadcast_arrays(steps[:, None, :, None], steps[None, :, None, :])
    return np.stack((x.ravel(), y.ravel(), np.ones(x.size)), axis=1)


_LATTICE = _lattice()
