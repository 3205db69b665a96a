"""Media types from first bytes: real files made by Pillow, and bytes that only pretend."""

import io
import subprocess
import sys

import pillow_heif
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from inference.images import formats

pillow_heif.register_heif_opener()


def saved(kind: str, **options: object) -> bytes:
    """Save a small picture as Pillow's `kind`."""
    out = io.BytesIO()
    Image.new("RGB", (20, 10), "red").save(out, kind, **options)
    return out.getvalue()


def apng() -> bytes:
    """Save an animated PNG of two frames."""
    return saved("PNG", save_all=True, append_images=[Image.new("RGB", (20, 10), "blue")])


FILES = {
    "image/png": saved("PNG"),
    "image/apng": apng(),
    "image/jpeg": saved("JPEG"),
    "image/gif": saved("GIF"),
    "image/webp": saved("WEBP"),
    "image/bmp": saved("BMP"),
    "image/tiff": saved("TIFF"),
    "image/avif": saved("AVIF"),
    "image/heic": saved("HEIF"),
}


@pytest.mark.parametrize("kind", FILES)
def test_a_real_file_is_known_by_its_first_bytes(kind: str) -> None:
    assert formats.sniff(FILES[kind]) == kind


@pytest.mark.parametrize("kind", FILES)
def test_the_head_says_what_the_whole_file_says(kind: str) -> None:
    assert formats.sniff(FILES[kind][: formats.HEAD] + bytes(100_000)) == kind


@pytest.mark.parametrize("kind", FILES)
def test_every_media_type_names_the_decoder_that_opens_it(kind: str) -> None:
    with Image.open(io.BytesIO(FILES[kind]), formats=[formats.PILLOW[kind]]) as picture:
        assert picture.size == (20, 10)


def box(major: bytes, *compatible: bytes) -> bytes:
    """Make an ISO media file's first box."""
    body = b"ftyp" + major + bytes(4) + b"".join(compatible)
    return (len(body) + 4).to_bytes(4) + body


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (box(b"avis", b"avis"), "image/avif"),
        (box(b"mif1", b"miaf", b"avif"), "image/avif"),
        (box(b"mif1", b"miaf", b"heic"), "image/heic"),
        (box(b"hevc"), "image/heic"),
        (box(b"msf1", b"iso8"), "image/heif"),
        (box(b"isom", b"heic"), None),
        (box(b"mp42", b"mp41"), None),
        (box(b"mif1") + b"avif", "image/heif"),
        (b"MM\x00*\x00\x00\x00\x08", "image/tiff"),
        (b"II+\x00\x08\x00\x00\x00", "image/tiff"),
        (b"", None),
        (b"BM is how this text starts, and it goes on", None),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", None),
        (b"GIF88a" + bytes(50), None),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", None),
        (b"%PDF-1.7", None),
        (b"\x89PNG\r\n\x1a", None),
    ],
)
def test_what_a_file_starts_like_and_what_it_does_not(data: bytes, kind: str | None) -> None:
    assert formats.sniff(data) == kind


def test_an_animation_after_the_pixels_makes_no_apng() -> None:
    plain = FILES["image/png"]
    assert formats.sniff(plain + b"\x00\x00\x00\x00acTL") == "image/png"


@given(st.sampled_from([b"", *FILES.values()]), st.integers(0, 64), st.binary(max_size=200))
def test_any_bytes_get_an_answer_from_the_table(start: bytes, kept: int, rest: bytes) -> None:
    kind = formats.sniff(start[:kept] + rest)
    assert kind is None or kind in formats.PILLOW


def test_it_knows_neither_pillow_nor_torch() -> None:
    code = "import sys, inference.images.formats; print({'PIL', 'torch', 'numpy'} & set(sys.modules))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "set()"
