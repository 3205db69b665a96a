"""The matrix drawn in a real child process, and the child's limits."""

import asyncio
import dataclasses
import io
import subprocess
import sys

import pytest
from PIL import Image

from handlers.heatmap.render import LIMITS, MatrixNotDrawn, draw_matrix
from inference.schema import MAX_LABELS, MAX_PICTURES
from tests.handlers.photographs import photograph

BROKEN = b"\x89PNG\r\n\x1a\nbroken"


async def test_a_matrix_is_drawn_as_a_png() -> None:
    png = await draw_matrix(
        [photograph((320, 240), 1), BROKEN], ["a cat", "\u202e\ud800\x00"], [[0.3, 0.1]] * 2
    )
    with Image.open(io.BytesIO(png), formats=("PNG",)) as picture:
        picture.load()
        assert picture.mode == "RGB"
        assert picture.width > 500


async def test_concurrent_matrices_are_all_drawn() -> None:
    tables = [[[0.1 * number]] for number in range(3)]
    drawn = await asyncio.gather(*(draw_matrix([b""], ["a cat"], table) for table in tables))
    assert len(set(drawn)) == 3


async def test_a_drawing_that_takes_too_long_is_killed() -> None:
    with pytest.raises(MatrixNotDrawn):
        await draw_matrix([b""], ["a cat"], [[0.3]], dataclasses.replace(LIMITS, seconds=0.01))


async def test_a_drawing_that_takes_too_much_memory_fails() -> None:
    with pytest.raises(MatrixNotDrawn):
        await draw_matrix([b""], ["a cat"] * 25, [[0.3] * 25], dataclasses.replace(LIMITS, memory=2**20))


async def test_a_thumbnail_that_is_too_large_is_drawn_as_missing() -> None:
    red = io.BytesIO()
    Image.new("RGB", (32, 32), "red").save(red, "PNG")
    thumbnail = red.getvalue()
    drawn = await draw_matrix([thumbnail], ["a"], [[0.3]], max_thumbnail_bytes=len(thumbnail) - 1)
    assert drawn == await draw_matrix([b""], ["a"], [[0.3]])


async def test_a_child_process_that_fails_is_reported_as_such() -> None:
    with pytest.raises(MatrixNotDrawn):
        await draw_matrix([b""], ["a"], [[0.3]], program=("-c", "raise SystemExit(1)"))


@pytest.mark.parametrize(
    ("pictures", "labels", "rows", "columns"),
    [
        (0, 1, 0, 1),
        (MAX_PICTURES + 1, 1, MAX_PICTURES + 1, 1),
        (1, 0, 1, 0),
        (1, MAX_LABELS + 1, 1, MAX_LABELS + 1),
        (2, 3, 3, 2),
    ],
)
async def test_a_table_of_another_shape_is_refused(
    pictures: int, labels: int, rows: int, columns: int
) -> None:
    with pytest.raises(ValueError, match="not"):
        await draw_matrix([b""] * pictures, ["a"] * labels, [[0.1] * columns] * rows)


def test_the_bots_process_imports_neither_pillow_nor_matplotlib() -> None:
    imports = "import sys, handlers.heatmap.render, handlers.matching.scores"
    script = f"{imports}; print({{'PIL', 'matplotlib'}} & set(sys.modules))"
    said = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert said.stdout.strip() == "set()"
