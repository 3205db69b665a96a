"""Image files of every type through a real decoder process, and the cost of hostile ones."""

import asyncio
import os
import signal
import struct
import subprocess
import sys
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from inference.errors import BrokenPicture, NotAPicture, PictureError, PictureTooLarge, PictureTooSlow
from inference.images.decoder_pool import DecoderPool, DecoderUnavailable, is_cut_off
from inference.images.decoding import webp_canvas
from tests.inference.image_files import bomb, chunk, decoder_pool, encode, halves, near, plain
from tests.inference.process_probes import alive, environment, halt, has_input, limits, until

RED, BLUE, WHITE, BLACK = (255, 0, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def decoder() -> AsyncIterator[DecoderPool]:
    async with decoder_pool() as opened:
        yield opened


pytestmark = pytest.mark.asyncio(loop_scope="module")

LOSSLESS: dict[str, dict[str, Any]] = {
    "PNG": {},
    "GIF": {},
    "BMP": {},
    "TIFF": {},
    "WEBP": {"lossless": True},
}
LOSSY: dict[str, dict[str, Any]] = {kind: {"quality": 95} for kind in ("JPEG", "WEBP", "AVIF", "HEIF")}


@pytest.mark.parametrize("kind", LOSSLESS)
async def test_lossless_kinds_come_out_as_they_went_in(decoder: DecoderPool, kind: str) -> None:
    picture = halves()
    found = await decoder.decode(encode(picture, kind, **LOSSLESS[kind]))
    assert (found.mode, found.size, found.tobytes()) == ("RGB", picture.size, picture.tobytes())


@pytest.mark.parametrize("kind", LOSSY)
async def test_lossy_kinds_come_out_nearly_so(decoder: DecoderPool, kind: str) -> None:
    found = await decoder.decode(encode(halves(size=(64, 32)), kind, **LOSSY[kind]))
    assert (found.mode, found.size) == ("RGB", (64, 32))
    assert near(found.getpixel((8, 16)), RED, 12)
    assert near(found.getpixel((56, 16)), BLUE, 12)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
async def test_of_an_animation_the_first_frame_is_taken(decoder: DecoderPool, kind: str) -> None:
    data = encode(plain("red"), kind, save_all=True, append_images=[plain("blue")], duration=50)
    assert near((await decoder.decode(data)).getpixel((20, 10)), RED, 8)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
async def test_16_bits_of_grey_are_scaled_and_not_clipped(decoder: DecoderPool, kind: str) -> None:
    ramp = Image.frombytes("I;16", (256, 1), b"".join(struct.pack("<H", 257 * x) for x in range(256)))
    found = await decoder.decode(encode(ramp, kind))
    assert [found.getpixel((x, 0)) for x in range(256)] == [(x, x, x) for x in range(256)]


async def test_16_bits_of_colour_are_scaled_and_not_clipped(decoder: DecoderPool) -> None:
    row = b"\0" + struct.pack("!6H", 65535, 0x8000, 0, 0, 0x4000, 65535)
    header = struct.pack("!IIBBBBB", 2, 1, 16, 2, 0, 0, 0)
    data = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(row))
        + chunk(b"IEND", b"")
    )
    found = await decoder.decode(data)
    assert [found.getpixel((x, 0)) for x in range(2)] == [(255, 128, 0), (0, 64, 255)]


@pytest.mark.parametrize(
    ("values", "greys"),
    [((0.0, 0.5, 1.0), (0, 128, 255)), ((0.0, 51.0, 255.0), (0, 51, 255)), ((-1.0, 0.0, 1.0), (0, 128, 255))],
)
async def test_floats_become_greys(
    decoder: DecoderPool, values: tuple[float, ...], greys: tuple[int, ...]
) -> None:
    picture = Image.frombytes("F", (3, 1), struct.pack("<3f", *values))
    found = await decoder.decode(encode(picture, "TIFF"))
    assert [found.getpixel((x, 0)) for x in range(3)] == [(grey,) * 3 for grey in greys]


async def test_floats_that_are_no_numbers_are_refused(decoder: DecoderPool) -> None:
    picture = Image.frombytes("F", (2, 1), struct.pack("<2f", float("inf"), 1.0))
    with pytest.raises(BrokenPicture):
        await decoder.decode(encode(picture, "TIFF"))


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
async def test_cmyk_comes_out_in_its_colours(decoder: DecoderPool, kind: str) -> None:
    found = await decoder.decode(encode(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), kind))
    assert near(found.getpixel((8, 8)), RED, 8)


@pytest.mark.parametrize("mode", ["P", "L", "1", "LA", "PA"])
async def test_palettes_and_greys_come_out_as_rgb(decoder: DecoderPool, mode: str) -> None:
    data = encode(plain("white").convert(mode), "TIFF" if mode == "PA" else "PNG")
    found = await decoder.decode(data)
    assert (found.mode, found.getpixel((1, 1))) == ("RGB", WHITE)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "GIF", "AVIF", "HEIF"])
async def test_what_is_transparent_stands_on_white(decoder: DecoderPool, kind: str) -> None:
    picture = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    picture.paste((255, 0, 0, 255), (0, 0, 64, 32))
    found = await decoder.decode(encode(picture, kind))
    assert near(found.getpixel((32, 8)), RED, 12)
    assert near(found.getpixel((32, 56)), WHITE, 12)


async def test_half_transparent_red_is_pink_on_white(decoder: DecoderPool) -> None:
    found = await decoder.decode(encode(Image.new("RGBA", (4, 4), (255, 0, 0, 128)), "PNG"))
    assert near(found.getpixel((1, 1)), (255, 127, 127), 1)


async def test_a_palette_with_transparency_stands_on_white(decoder: DecoderPool) -> None:
    picture = Image.new("P", (4, 4), 1)
    picture.putpalette([0, 0, 0, 255, 0, 0])
    picture.putpixel((0, 0), 0)
    found = await decoder.decode(encode(picture, "PNG", transparency=0))
    assert (found.getpixel((0, 0)), found.getpixel((1, 1))) == (WHITE, RED)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF", "HEIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
async def test_a_picture_comes_out_upright(decoder: DecoderPool, kind: str, orientation: int) -> None:
    """Whatever way up it is stored, the red corner is where a viewer shows it."""
    upright = plain("blue", (64, 32))
    upright.paste("red", (0, 0, 32, 16))
    stored = _stored(upright, orientation)
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = await decoder.decode(encode(stored, kind, exif=exif.tobytes(), **LOSSY.get(kind, {})))
    assert found.size == (64, 32)
    corners = [found.getpixel(at) for at in ((8, 6), (56, 6), (8, 26), (56, 26))]
    assert [near(corner, RED, 30) for corner in corners] == [True, False, False, False]


def _stored(upright: Image.Image, orientation: int) -> Image.Image:
    """Turn a picture as a camera stores it under that Exif orientation."""
    back = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    return upright.transpose(back[orientation]) if orientation in back else upright


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((1536, 100), (1536, 100)),
        ((1537, 1537), (1536, 1536)),
        ((4000, 1000), (1536, 384)),
        ((9000, 1), (1536, 1)),
    ],
)
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
async def test_the_long_side_is_1536_at_most(
    decoder: DecoderPool, kind: str, size: tuple[int, int], expected: tuple[int, int]
) -> None:
    found = await decoder.decode(encode(halves(size=size), kind))
    assert found.size == expected
    if expected[1] > 1:
        assert near(found.getpixel((10, expected[1] // 2)), RED, 8)


async def test_a_large_picture_on_its_side_is_made_small_and_upright(decoder: DecoderPool) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    found = await decoder.decode(encode(plain("red", (8000, 2000)), "JPEG", exif=exif))
    assert found.size == (384, 1536)


async def test_a_bomb_is_refused_by_its_header(decoder: DecoderPool) -> None:
    with pytest.raises(PictureTooLarge) as caught:
        await decoder.decode(bomb(100_000, 10_000))
    assert caught.value.detail == {"limit": 64_000_000, "value": 1_000_000_000, "unit": "pixels"}


@pytest.mark.parametrize(
    "header",
    [
        b"VP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + b"\xfe\x3f\0" * 2,
        b"VP8L" + struct.pack("<I", 20) + b"\x2f" + struct.pack("<I", 0x3FFE | 0x3FFE << 14),
        b"VP8 " + struct.pack("<I", 20) + b"\x10\0\0\x9d\x01\x2a" + struct.pack("<HH", 0x3FFF, 0x3FFF),
    ],
)
async def test_a_webp_is_refused_before_its_canvas_is_made(decoder: DecoderPool, header: bytes) -> None:
    with pytest.raises(PictureTooLarge) as caught:
        await decoder.decode(b"RIFF" + struct.pack("<I", 60) + b"WEBP" + header + bytes(40))
    assert caught.value.detail["value"] == 0x3FFF**2


@pytest.mark.parametrize("lossless", [True, False])
async def test_a_webps_header_holds_its_size(lossless: bool) -> None:
    assert webp_canvas(encode(plain(size=(321, 123)), "WEBP", lossless=lossless)) == (321, 123)
    animated = encode(plain(size=(33, 22)), "WEBP", save_all=True, append_images=[plain("blue", (33, 22))])
    assert webp_canvas(animated) == (33, 22)


async def test_as_many_pixels_as_are_allowed_are_allowed() -> None:
    async with decoder_pool(picture_pixels=800) as small:
        assert (await small.decode(encode(plain(size=(40, 20)), "PNG"))).size == (40, 20)
        with pytest.raises(PictureTooLarge):
            await small.decode(encode(plain(size=(40, 21)), "PNG"))


NOISE = Image.effect_noise((160, 160), 80).convert("RGB")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "AVIF", "HEIF"])
@pytest.mark.parametrize("kept", [0.1, 0.4])
async def test_less_than_half_a_file_is_a_broken_picture(
    decoder: DecoderPool, kind: str, kept: float
) -> None:
    data = encode(NOISE, kind)
    with pytest.raises(BrokenPicture):
        await decoder.decode(data[: int(len(data) * kept)])


async def test_a_file_that_is_cut_off_comes_out_marked_as_such(decoder: DecoderPool) -> None:
    data = encode(NOISE, "PNG")
    assert is_cut_off(await decoder.decode(data[: len(data) * 3 // 4]))
    assert not is_cut_off(await decoder.decode(data))


async def test_a_text_that_was_renamed_is_no_picture(decoder: DecoderPool) -> None:
    with pytest.raises(NotAPicture, match="PNG, JPEG, WebP"):
        await decoder.decode(b"Dear diary, today I renamed this file to holiday.png\n" * 20)


@pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n\x1a\n", b"<svg/>", b"%!PS-Adobe-3.0 EPSF-3.0\n"])
async def test_what_is_no_picture_is_refused(decoder: DecoderPool, data: bytes) -> None:
    with pytest.raises(PictureError):
        await decoder.decode(data)


STARTS = [encode(NOISE.resize((24, 24)), kind) for kind in (*LOSSLESS, "JPEG", "AVIF", "HEIF")]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    start=st.sampled_from(STARTS), at=st.integers(0, 2000), junk=st.binary(max_size=60), kept=st.booleans()
)
async def test_whatever_the_bytes_there_is_a_picture_or_a_refusal(
    decoder: DecoderPool, start: bytes, at: int, junk: bytes, kept: bool
) -> None:
    """Bytes are flipped in real files of each type. Only a real crash may end the child."""
    data = start[:at] + junk + (start[at + len(junk) :] if kept else b"")
    try:
        found = await decoder.decode(data)
    except PictureError:
        return
    assert found.mode == "RGB"
    assert max(found.size) <= 1536


@given(data=st.binary(max_size=300))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_random_bytes_are_refused(decoder: DecoderPool, data: bytes) -> None:
    with pytest.raises(PictureError):
        await decoder.decode(data)


async def test_a_child_is_kept_and_used_again(decoder: DecoderPool) -> None:
    before = decoder.pids
    await decoder.decode(encode(plain(), "PNG"))
    with pytest.raises(BrokenPicture):
        await decoder.decode(encode(NOISE, "PNG")[:400])
    assert decoder.pids == before


async def test_a_child_that_is_killed_costs_nothing_once() -> None:
    async with decoder_pool() as one:
        await one.decode(encode(plain(), "PNG"))
        (pid,) = one.pids
        await halt(pid)
        decoding = asyncio.create_task(one.decode(encode(plain("blue"), "PNG")))
        await until(lambda: has_input(pid))
        os.kill(pid, signal.SIGKILL)
        assert near((await decoding).getpixel((0, 0)), BLUE)
        assert one.pids != [pid]


async def test_a_picture_whose_decoders_are_all_killed_is_given_up() -> None:
    async with decoder_pool() as one:
        await one.decode(encode(plain(), "PNG"))
        decoding = asyncio.create_task(
            one.decode(encode(NOISE.resize((3000, 3000)), "PNG", compress_level=1))
        )
        killed = set[int]()
        while not decoding.done():
            for pid in set(one.pids) - killed:
                os.kill(pid, signal.SIGKILL)
                killed.add(pid)
            await asyncio.sleep(0)
        with pytest.raises((PictureTooSlow, DecoderUnavailable)):
            await decoding
        assert near((await one.decode(encode(plain("blue"), "PNG"))).getpixel((0, 0)), BLUE)


@pytest.mark.parametrize("crash", [signal.SIGSEGV, signal.SIGABRT])
async def test_a_crash_costs_one_picture(crash: signal.Signals) -> None:
    async with decoder_pool() as one:
        await one.decode(encode(plain(), "PNG"))
        (pid,) = one.pids
        await halt(pid)
        decoding = asyncio.create_task(one.decode(encode(plain(), "PNG")))
        await until(lambda: has_input(pid))
        os.kill(pid, crash)
        os.kill(pid, signal.SIGCONT)
        with pytest.raises(BrokenPicture):
            await decoding
        await one.decode(encode(plain(), "PNG"))


async def test_a_child_that_died_idle_costs_nothing() -> None:
    async with decoder_pool() as one:
        await one.decode(encode(plain(), "PNG"))
        (pid,) = one.pids
        os.kill(pid, signal.SIGKILL)
        await until(lambda: not alive(pid))
        assert (await one.decode(encode(plain(), "PNG"))).size == (40, 20)


async def test_a_decoder_that_hangs_is_replaced() -> None:
    async with decoder_pool(picture_decode_seconds=0.5) as one:
        # With a limit as short as this one, a loaded machine may be too slow for an honest picture as well.
        while not await _decodes(one):
            pass
        (pid,) = one.pids
        await halt(pid)
        with pytest.raises(PictureTooSlow, match=r"0\.5 s"):
            await one.decode(encode(plain(), "PNG"))
        while not await _decodes(one):
            pass
        assert not alive(pid)


async def _decodes(decoder: DecoderPool) -> bool:
    try:
        await decoder.decode(encode(plain(), "PNG"))
    except PictureTooSlow:
        return False
    return True


async def test_a_picture_that_needs_too_much_memory_costs_itself() -> None:
    async with decoder_pool(picture_memory_bytes=2**28) as one:
        with pytest.raises(PictureTooSlow):
            await one.decode(encode(Image.new("L", (8000, 7000)), "PNG", compress_level=1))
        assert (await one.decode(encode(plain(), "PNG"))).size == (40, 20)


async def test_the_largest_picture_that_is_allowed_fits_the_default_memory() -> None:
    data = encode(Image.new("LA", (8000, 8000), (0, 0)), "PNG", compress_level=1)
    # The default is 20 s; a machine that runs other tests beside this one may need more.
    async with decoder_pool(picture_decode_seconds=120) as patient:
        assert (await patient.decode(data)).getpixel((700, 700)) == WHITE


async def test_a_decode_that_is_cancelled_leaves_no_answer_behind() -> None:
    async with decoder_pool() as one:
        await one.decode(encode(plain(), "PNG"))
        (pid,) = one.pids
        await halt(pid)
        decoding = asyncio.create_task(one.decode(encode(plain("red"), "PNG")))
        await until(lambda: has_input(pid))
        decoding.cancel()
        with pytest.raises(asyncio.CancelledError):
            await decoding
        assert (await one.decode(encode(plain("blue"), "PNG"))).getpixel((0, 0)) == BLUE


async def test_pictures_are_decoded_side_by_side() -> None:
    async with decoder_pool(children=2) as two:
        colours = ["red", "blue", "lime", "white"] * 3
        found = await asyncio.gather(*(two.decode(encode(plain(colour), "PNG")) for colour in colours))
        assert [picture.getpixel((1, 1)) for picture in found] == [
            plain(colour).getpixel((0, 0)) for colour in colours
        ]
        assert len(two.pids) == 2


async def test_no_child_is_left_when_the_pool_is_closed() -> None:
    async with decoder_pool(children=2) as two:
        pids = two.pids
        assert len(pids) == 2
    assert not any(alive(pid) for pid in pids)


async def test_children_get_no_secrets_and_no_core_dumps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISCORD_TOKEN", "a secret")
    async with decoder_pool(picture_memory_bytes=2**30) as one:
        await one.decode(encode(plain(), "PNG"))
        (pid,) = one.pids
        given, allowed = environment(pid), limits(pid)
    assert b"secret" not in given
    assert allowed["Max core file size"] == ["0", "0"]
    assert allowed["Max file size"] == ["0", "0"]
    assert allowed["Max address space"] == [str(2**30)] * 2
    assert int(allowed["Max cpu time"][0]) <= 25


async def test_too_much_processor_time_ends_the_child() -> None:
    """The kernel's own limit holds where the parent's clock does not: here the parent waits for ever."""
    code = "from inference.images.decoder_child import allow_seconds\nallow_seconds(0.2)\nwhile True: pass\n"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code)
    assert await process.wait() == -signal.SIGXCPU


async def test_children_die_with_a_worker_that_is_killed() -> None:
    code = (
        "import asyncio, pathlib, sys\n"
        "from tests.inference.image_files import decoder_pool\n"
        "async def main():\n"
        "    async with decoder_pool(children=2) as two:\n"
        "        print(*two.pids, flush=True)\n"
        "        await asyncio.sleep(600)\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdout=subprocess.PIPE, cwd=Path(__file__).parents[3]
    )
    assert parent.stdout is not None
    pids = [int(pid) for pid in (await parent.stdout.readline()).split()]
    assert len(pids) == 2
    parent.kill()
    await parent.communicate()
    await until(lambda: not any(alive(pid) for pid in pids))


async def test_a_decoder_that_cannot_start_is_no_pictures_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(DecoderUnavailable, match="does not start"):
        async with decoder_pool():
            pass


async def test_a_decoder_that_lies_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child taken over by a picture answers a size that no picture may have."""
    liar = tmp_path / "liar"
    answer = struct.pack("!BII", 0, 2**31, 2**31).hex()
    liar.write_text(
        f"#!{sys.executable}\nimport os, sys\nos.write(1, b'\\x01')\nsys.stdin.buffer.read(9)\n"
        f"os.write(1, bytes.fromhex('{answer}'))\nsys.stdin.buffer.read()\n"
    )
    liar.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(liar))
    async with decoder_pool() as one:
        with pytest.raises(BrokenPicture):
            await one.decode(encode(plain(), "PNG"))


async def test_the_loop_is_free_while_a_picture_is_decoded(decoder: DecoderPool) -> None:
    data = encode(Image.effect_noise((3000, 3000), 50), "PNG", compress_level=1)
    decoding = asyncio.create_task(decoder.decode(data))
    turns = 0
    while not decoding.done():
        turns += 1
        await asyncio.sleep(0)
    assert (await decoding).size == (1536, 1536)
    assert turns > 20
