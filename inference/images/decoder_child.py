"""The decoder process: `python -I -m inference.images.decoder_child PARENT MEMORY SECONDS PIXELS`.

`inference.images.decoder_pool` starts it, writes image files to its standard input and reads replies from its
standard output:

    request    length (4 bytes), that many bytes of a file
    reply      one byte once it is ready; then for each file status (1), width (4), height (4), and where the
               status is `DECODED` or `CUT_OFF` width * height * 3 bytes of RGB

Numbers are big-endian. Nothing else is sent back, so that a hostile file that takes the decoder over can at
worst make it return a wrong image. The process sees no secrets (its environment is scrubbed), writes no
files, leaves no core dumps, and dies with its parent.
"""

import math
import os
import resource
import signal
import struct
import sys
from dataclasses import dataclass
from typing import BinaryIO, Final

from inference.errors import BrokenPicture, NotAPicture, PictureError, PictureTooLarge, PictureTooSlow
from inference.images.decoding import decode, prepare
from inference.sandbox.limits import confine
from inference.sandbox.parent_death import die_with_parent

LENGTH: Final = struct.Struct("!I")
REPLY_HEADER: Final = struct.Struct("!BII")
"""Status, width, height. With `PictureTooLarge`, width and height are the high and low 32 bits of the pixel
count."""
READY: Final = b"\x01"
DECODED: Final = 0
CUT_OFF: Final = 5
"""Decoded as well, from a file that is cut off."""
ERRORS: Final[dict[int, type[PictureError]]] = {
    1: NotAPicture,
    2: BrokenPicture,
    3: PictureTooLarge,
    4: PictureTooSlow,
}
_STATUSES: Final = {kind: status for status, kind in ERRORS.items()}


@dataclass(frozen=True)
class DecoderLimits:
    """The limits of a decoder process.

    Attributes:
        memory: Bytes of address space.
        seconds: Processor seconds for one image.
        pixels: Pixels that an image's header may announce.
    """

    memory: int
    seconds: float
    pixels: int


def allow_seconds(seconds: float) -> None:
    """Have the kernel end this process (SIGXCPU) after `seconds` more seconds of processor time."""
    used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(used + seconds), hard))


def reply_to(data: bytes, pixels: int) -> bytes:
    """Decode one file.

    Args:
        data: The file.
        pixels: Pixels that its header may announce.

    Returns:
        The reply in the form that the parent reads.
    """
    try:
        decoded = decode(data, pixels)
        status = CUT_OFF if decoded.cut_off else DECODED
        return REPLY_HEADER.pack(status, *decoded.image.size) + decoded.image.tobytes()
    except PictureTooLarge as error:
        return REPLY_HEADER.pack(_STATUSES[PictureTooLarge], *divmod(int(error.detail["value"]), 2**32))
    except PictureError as error:
        return REPLY_HEADER.pack(_STATUSES[type(error)], 0, 0)
    except MemoryError:
        return REPLY_HEADER.pack(_STATUSES[PictureTooSlow], 0, 0)


def serve(source: BinaryIO, sink: BinaryIO, limits: DecoderLimits) -> None:
    """Decode one file after the other until the parent closes the pipe."""
    sink.write(READY)
    sink.flush()
    while len(head := source.read(LENGTH.size)) == LENGTH.size:
        (length,) = LENGTH.unpack(head)
        allow_seconds(limits.seconds)
        sink.write(reply_to(source.read(length), limits.pixels))
        sink.flush()


def main(parent: str, memory: str, seconds: str, pixels: str) -> None:
    """Run the decoder process. The arguments are those of the command line."""
    die_with_parent(int(parent))
    # Ctrl-C is for the worker, which ends its children itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    limits = DecoderLimits(int(memory), float(seconds), int(pixels))
    # A library that prints must not write into the replies.
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    prepare()
    confine(limits.memory)
    serve(sys.stdin.buffer, sink, limits)


if __name__ == "__main__":
    main(*sys.argv[1:])
