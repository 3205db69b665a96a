"""Layout, colours and fonts of the matrix, drawn in this process, and untrusted labels and thumbnails."""

import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from handlers.heatmap.drawing import MAX_FILE_BYTES, PANEL, best_of, colour_range, draw
from handlers.heatmap.font_coverage import UnusableFont, read_coverage
from handlers.heatmap.fonts import BUNDLED_EMOJI, BUNDLED_TEXT, CAN_SHAPE, MISSING, Typefaces
from handlers.heatmap.layout import WIDTH, lay_out, room_for_labels
from handlers.heatmap.typesetting import BLANK, ELLIPSIS, Typesetter
from handlers.heatmap.viridis import TABLE, colour, contrast, ink_on
from tests.bench.draw_matrix import LABELS, scores
from tests.bench.draw_matrix import SHAPES as PHOTOGRAPHS
from tests.handlers.photographs import photograph

LETTER = 12
"""Pixels per em in these tests: the size of labels at scale 1."""


def open_png(png: bytes) -> Image.Image:
    with Image.open(io.BytesIO(png), formats=("PNG",)) as picture:
        return picture.convert("RGB")


FACES = Typefaces(folders=())
"""The bundled fonts alone."""


def bare_setter() -> Typesetter:
    return Typesetter(FACES, LETTER)


def test_nine_images_by_25_labels_fit_into_the_chats_width_and_a_megabyte() -> None:
    pictures = [photograph(shape, seed) for seed, shape in enumerate(PHOTOGRAPHS)]
    png = draw(pictures, LABELS, scores(9, 25))
    assert open_png(png).width == WIDTH * 3
    assert len(png) <= MAX_FILE_BYTES


def test_a_file_that_is_too_large_is_drawn_at_a_smaller_scale() -> None:
    picture = [photograph((320, 240), 1)]
    large = draw(picture, LABELS[:3], scores(1, 3))
    small = draw(picture, LABELS[:3], scores(1, 3), max_file_bytes=len(large) - 1)
    assert open_png(small).width * 3 == pytest.approx(open_png(large).width * 2, abs=6)


@pytest.mark.parametrize(("pictures", "labels"), [(1, 1), (1, 25), (2, 25), (9, 25), (10, 1), (10, 25)])
def test_no_boxes_overlap_or_leave_the_figure(pictures: int, labels: int) -> None:
    sizes = [(320, 240), (10, 320), (320, 10), (1, 1)] * 3
    plan = lay_out(sizes[:pictures], [1] * labels, room_for_labels(pictures), 2)
    boxes = [
        *plan.labels,
        *plan.captions,
        *plan.thumbnails,
        plan.footnote,
        *(box for column in plan.cells for box in column),
    ]
    width, height = plan.size
    assert width <= WIDTH * 2
    for number, (left, top, right, bottom) in enumerate(boxes):
        assert 0 <= left < right <= width
        assert 0 <= top < bottom <= height
        for other in boxes[:number]:
            assert right <= other[0] or other[2] <= left or bottom <= other[1] or other[3] <= top


@given(st.integers(1, 320), st.integers(1, 320))
def test_a_thumbnail_keeps_its_aspect_ratio_below_its_column(width: int, height: int) -> None:
    plan = lay_out([(320, 200), (width, height)], [1, 1], 100, 3)
    left, top, right, bottom = plan.thumbnails[1]
    column = plan.cells[1][-1]
    assert column[0] <= left < right <= column[2]
    assert top >= column[3]
    # Within the rounding to whole pixels, and never thinner than a unit.
    drawn = (right - left, bottom - top)
    if min(drawn) > 4:
        assert drawn[0] == pytest.approx(drawn[1] * width / height, abs=1.5 + width / height)


def test_cells_have_their_cosines_colour_and_thumbnails_their_pixels() -> None:
    red = io.BytesIO()
    Image.new("RGB", (200, 100), (200, 10, 10)).save(red, "PNG")
    cosine = [[0.1, 0.2], [0.3, 0.15]]
    figure = open_png(draw([red.getvalue(), b""], ["a", "b"], cosine))
    lines, setter = [1, 1], Typesetter(Typefaces(), 36)
    label_width = -(-int(max(setter.width("a"), setter.width("b")) + 0.999) // 3)
    plan = lay_out([(200, 100), (320, 240)], lines, label_width, 3)
    assert plan.size == figure.size
    for column, row in zip(plan.cells, cosine, strict=True):
        for (left, top, _, _), value in zip(column, row, strict=True):
            assert figure.getpixel((left + 1, top + 1)) == colour((value - 0.1) / 0.2)
    left, top, right, bottom = plan.thumbnails[0]
    assert {figure.getpixel((left, top)), figure.getpixel((right - 1, bottom - 1))} == {(200, 10, 10)}
    assert figure.getpixel((right, top)) == PANEL


def test_broken_huge_and_foreign_files_are_drawn_as_crossed_boxes() -> None:
    gif, bomb = io.BytesIO(), io.BytesIO()
    Image.new("L", (20, 20)).save(gif, "GIF")
    Image.new("1", (20_000, 20_000)).save(bomb, "PNG")
    whole = photograph((320, 240), 3)
    crossed = draw([b""], ["a"], [[0.2]])
    for hostile in (
        b"",
        b"broken",
        gif.getvalue(),
        bomb.getvalue(),
        whole[:300],
        b"\x89PNG\r\n\x1a\n" + b"\xff" * 64,
    ):
        assert draw([hostile], ["a"], [[0.2]]) == crossed


@settings(max_examples=15)
@given(st.lists(st.text(st.characters(), max_size=200), min_size=1, max_size=4), st.floats())
def test_any_label_and_any_number_can_be_drawn(labels: list[str], value: float) -> None:
    figure = open_png(draw([b""], labels, [[value] * len(labels)], FACES))
    assert figure.width <= WIDTH * 3
    assert figure.height <= 3 * (250 + 46 * len(labels))


@given(st.text(st.characters(), max_size=300), st.integers(1, 3))
def test_any_label_wraps_to_lines_that_fit(label: str, lines: int) -> None:
    setter = bare_setter()
    wrapped = setter.wrap(label, 150, lines)
    assert 1 <= len(wrapped) <= lines
    # A line holds one letter at least, however wide: it is clipped when drawn.
    assert all(setter.width(line) <= 150 or len(line.rstrip(ELLIPSIS)) <= 6 for line in wrapped)


def test_long_labels_wrap_at_spaces_and_end_in_an_ellipsis() -> None:
    setter = bare_setter()
    assert setter.wrap("a photo of a cat", 70, 2) == ["a photo of", "a cat"]
    first, second = setter.wrap("a photo of a very very very old cat", 90, 2)
    assert first == "a photo of a"
    assert second.startswith("very very")
    assert second.endswith(ELLIPSIS)


def test_characters_that_no_font_has_are_boxes_and_an_empty_label_is_a_dash() -> None:
    setter = bare_setter()
    assert setter.drawable("cat \u732b\u732b") == f"cat {MISSING}{MISSING}"
    assert setter.drawable("\u202e\x00\u200d\ufe0f") == BLANK
    assert (
        setter.drawable("\U0001f408 \u05d7 \u0642 \u0416 \u00e9") == "\U0001f408 \u05d7 \u0642 \u0416 \u00e9"
    )


def test_stacked_marks_are_clipped_to_their_line() -> None:
    assert bare_setter().draw("Z" + "\u0310" * 4, 60, 14).size == (60, 14)


def test_text_from_right_to_left_begins_at_the_right() -> None:
    ink = bare_setter().draw("\u05d7\u05ea\u05d5\u05dc", 200, 14).getbbox()
    assert ink is not None
    assert ink[0] > 150
    assert ink[2] > 195


@pytest.mark.skipif(not CAN_SHAPE, reason="FriBiDi (Debian: libfribidi0) is not installed")
def test_arabic_letters_join() -> None:
    setter = bare_setter()
    apart = sum(setter.width(letter) for letter in "\u0642\u0637\u0629")
    assert setter.width("\u0642\u0637\u0629") < apart * 0.9


def test_the_bundled_fonts_cover_text_and_emoji() -> None:
    text, emoji = read_coverage(BUNDLED_TEXT), read_coverage(BUNDLED_EMOJI)
    assert all(ord(char) in text for char in "a\u00e9\u0416\u05d0\u0642\u2026\u2013" + MISSING)
    assert 0x732B not in text
    assert 0x1F408 in emoji


def test_a_damaged_font_is_skipped(tmp_path: Path) -> None:
    whole = BUNDLED_EMOJI.read_bytes()
    for number, data in enumerate((b"", b"not a font", whole[:200], whole[:4] + b"\xff" * 400)):
        (tmp_path / f"{number}.ttf").write_bytes(data)
        with pytest.raises(UnusableFont):
            read_coverage(tmp_path / f"{number}.ttf")
    assert Typefaces(folders=[tmp_path]).of("\u732b") is None


def test_a_system_font_is_used_for_characters_that_the_bundled_ones_lack(
    tmp_path: Path,
) -> None:
    system = tmp_path / "NotoEmoji.ttf"
    system.write_bytes(BUNDLED_EMOJI.read_bytes())
    faces = Typefaces(folders=[tmp_path], emoji=BUNDLED_TEXT, search_timeout_s=60)
    found = faces.of("\U0001f408")
    assert found is not None
    assert found.path == system


def test_numbers_have_enough_contrast_on_every_colour() -> None:
    # Source: WCAG 2.2, 1.4.3: 4.5 at least.
    assert min(contrast(ink_on(background), background) for background in TABLE) >= 4.5
    assert (TABLE[0], TABLE[255]) == ((68, 1, 84), (253, 231, 37))
    assert len(TABLE) == 256


def test_colours_span_the_scores_but_at_least_the_minimal_range() -> None:
    assert colour_range([[0.1, 0.3], [0.2, float("nan")]]) == (0.1, 0.3)
    assert colour_range([[0.2, 0.21]]) == pytest.approx((0.18, 0.23))
    assert colour_range([[float("nan")]]) == pytest.approx((-0.025, 0.025))


def test_the_best_label_is_the_first_of_equals() -> None:
    assert best_of([0.1, 0.3, 0.3]) == 1
    assert best_of([float("nan"), 0.1]) == 1
    assert best_of([float("nan")]) == -1


def test_pictures_keep_the_numbers_that_they_are_given() -> None:
    one_two, one_three, same = (
        draw([b"", b""], ["a"], [[0.2], [0.3]], FACES, numbers=numbers) for numbers in ((1, 2), (1, 3), None)
    )
    assert one_two == same
    assert one_two != one_three
