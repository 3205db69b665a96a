"""How far a download is: bars where a person looks on, a plain line for every tenth otherwise."""

import logging
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Self, TextIO

from tqdm import tqdm

log = logging.getLogger(__name__)

Progress = Callable[[str, int, int], None]
"""Told of every step of a download: the file's name, the bytes that are there, the bytes in all or 0."""


class Bars:
    """A bar for each file, for a terminal."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._bars: dict[str, tqdm[object]] = {}

    def __call__(self, name: str, done: int, total: int) -> None:
        """Move the file's bar to `done` bytes; the first call makes it, the last closes it."""
        bar = self._bars.get(name)
        if bar is None:
            bar = self._bars[name] = tqdm(
                desc=name, total=total or None, unit="B", unit_scale=True, file=self._stream
            )
        bar.update(done - bar.n)
        if total and done >= total:
            self._bars.pop(name).close()


class Lines:
    """A log line at the start of each file and at every tenth of it, for a log that nobody scrolls in."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._tenths: dict[str, int] = {}

    def __call__(self, name: str, done: int, total: int) -> None:
        """Log a line where `done` has reached another tenth of `total`."""
        tenth = done * 10 // total if total else 0
        if tenth > self._tenths.get(name, -1):
            self._tenths[name] = tenth
            self._say(f"Fetching {name}: {tenth * 10} % of {total / 1e6:.1f} MB")


def shown(stream: TextIO | None = None) -> Progress:
    """Choose how progress is shown on a stream (by default the standard error stream)."""
    stream = stream or sys.stderr
    return Bars(stream) if stream.isatty() else Lines(log.info)


def hub_bar(progress: Progress, file: str) -> type:
    """Make the class that huggingface_hub takes for a progress bar, reporting one file to `progress`.

    It mimics the part of tqdm's interface that `http_get` and `XetDownloadProgressReporter` call
    (huggingface_hub 2.4.0). Bytes written to disk are counted, not what came over the network: with Xet these
    differ, and only the first adds up to the file.
    """

    class Bar:
        def __init__(self, *_: object, total: int | None = None, initial: int = 0, **__: object) -> None:
            self.total, self.n = total, initial
            progress(file, self.n, self.total or 0)

        def update(self, n: float | None = 1) -> None:
            self.n += int(n or 0)
            progress(file, self.n, self.total or 0)

        def update_transfer(self, n: float | None = 1) -> None:
            """Leave the network's bytes uncounted."""

        def set_postfix_str(self, *_: object, **__: object) -> None:
            """Leave the speed to whoever shows the bytes."""

        set_transfer_postfix_str = refresh = set_postfix_str

        def close(self) -> None:
            """Nothing is held open."""

        def __enter__(self) -> Self:
            return self

        def __exit__(
            self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
        ) -> None:
            self.close()

    return Bar
