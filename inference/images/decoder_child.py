"""The process that decodes: `python -I -m inference.images.decoder_child PARENT MEMORY SECONDS PIXELS`.

`inference.images.decoder_pool` starts it, sends pictures on its standard input and reads answers from its
standard output:

    to it      length (4 bytes), that many bytes of a file
    from it    one byte once it is ready; then for each file status (1), width (4), height (4), and where the
               status is `DECODED` width * height * 3 bytes of RGB

Numbers are big-endian. Nothing else comes back, so that a decoder that was taken over by a hostile file can
make its parent believe in a wrong picture and in nothing worse. The process sees no secrets (its environment
is empty), writes no files, leaves no core dumps, and dies with its parent.
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
ANSWER: Final = struct.Struct("!BII")
"""Status, width, height. With `PictureTooLarge` they are one number, the pixels: high and low 32 bits."""
READY: Final = b"\x01"
DECODED: Final = 0
REFUSALS: Final[dict[int, type[PictureError]]] = {
    1: NotAPicture,
    2: BrokenPicture,
    3: PictureTooLarge,
    4: PictureTooSlow,
}
_STATUS: Final = {kind: status for status, kind in REFUSALS.items()}


@dataclass(frozen=True)
class DecoderLimits:
    """What a decoding process may use.

    Attributes:
        memory: Bytes of address space.
        seconds: Processor seconds for one picture.
        pixels: Pixels that a picture's header may announce.
    """

    memory: int
    seconds: float
    pixels: int


def allow_seconds(seconds: float) -> None:
    """Let the kernel end this process (SIGXCPU) after that many more processor seconds."""
    used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(used + seconds), hard))


def answer(data: bytes, pixels: int) -> bytes:
    """Decode one file.

    Args:
        data: The file.
        pixels: Pixels that its header may announce.

    Returns:
        The answer as the parent reads it.
    """
    try:
        picture = decode(data, pixels)
        return ANSWER.pack(DECODED, *picture.size) + picture.tobytes()
    except PictureTooLarge as error:
        return ANSWER.pack(_STATUS[PictureTooLarge], *divmod(int(error.detail["value"]), 2**32))
    except PictureError as error:
        return ANSWER.pack(_STATUS[type(error)], 0, 0)
    except MemoryError:
        return ANSWER.pack(_STATUS[PictureTooSlow], 0, 0)


def serve(source: BinaryIO, sink: BinaryIO, limits: DecoderLimits) -> None:
    """Answer one file after the other until the parent closes the pipe."""
    sink.write(READY)
    sink.flush()
    while len(head := source.read(LENGTH.size)) == LENGTH.size:
        (length,) = LENGTH.unpack(head)
        allow_seconds(limits.seconds)
        sink.write(answer(source.read(length), limits.pixels))
        sink.flush()


def main(parent: str, memory: str, seconds: str, pixels: str) -> None:
    """Run the process; the arguments are those of the command line."""
    die_with_parent(int(parent))
    # Ctrl-C is the worker's to hear: it ends its children itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    limits = DecoderLimits(int(memory), float(seconds), int(pixels))
    # A library that prints must not write into the answers.
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    prepare()
    confine(limits.memory)
    serve(sys.stdin.buffer, sink, limits)


if __name__ == "__main__":
    main(*sys.argv[1:])
