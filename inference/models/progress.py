"""Progress of downloads: bars on a terminal, a log line for every tenth otherwise."""

import logging
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Self, TextIO

from tqdm import tqdm

log = logging.getLogger(__name__)

Progress = Callable[[str, int, int], None]
"""Called with each step of a download: the file's name, the bytes so far, the bytes in all or 0."""


class ProgressBars:
    """A progress bar for each file, for a terminal."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._bars: dict[str, tqdm[object]] = {}

    def __call__(self, name: str, done: int, total: int) -> None:
        """Set the file's bar to `done` bytes; the first call creates the bar, the last closes it."""
        bar = self._bars.get(name)
        if bar is None:
            bar = self._bars[name] = tqdm(
                desc=name, total=total or None, unit="B", unit_scale=True, file=self._stream
            )
        bar.update(done - bar.n)
        if total and done >= total:
            self._bars.pop(name).close()


class ProgressLines:
    """A log line at the start of each file and at every tenth of it.

    Args:
        write: Writes a line.
    """

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._tenths: dict[str, int] = {}

    def __call__(self, name: str, done: int, total: int) -> None:
        """Write a line where `done` has reached another tenth of `total`."""
        tenth = done * 10 // total if total else 0
        if tenth > self._tenths.get(name, -1):
            self._tenths[name] = tenth
            self._write(f"Fetching {name}: {tenth * 10} % of {total / 1e6:.1f} MB")


def default_progress(stream: TextIO | None = None) -> Progress:
    """Return bars for a terminal, log lines for another stream (by default standard error)."""
    stream = stream or sys.stderr
    return ProgressBars(stream) if stream.isatty() else ProgressLines(log.info)


def each_of(*parts: Progress) -> Progress:
    """Return what passes each step on to all of `parts`."""

    def progress(name: str, done: int, total: int) -> None:
        for part in parts:
            part(name, done, total)

    return progress


def hub_bar(progress: Progress, file: str) -> type:
    """Return a progress bar class for huggingface_hub that reports one file to `progress`.

    It has the part of tqdm's interface that `http_get` and `XetDownloadProgressReporter` call
    (huggingface_hub 2.4.0). It counts bytes written to disk, not bytes from the network: with Xet these
    differ, and only the first add up to the file's size.
    """

    class Bar:
        def __init__(self, *_: object, total: int | None = None, initial: int = 0, **__: object) -> None:
            self.total, self.n = total, initial
            progress(file, self.n, self.total or 0)

        def update(self, n: float | None = 1) -> None:
            self.n += int(n or 0)
            progress(file, self.n, self.total or 0)

        def update_transfer(self, n: float | None = 1) -> None:
            """Ignore bytes from the network."""

        def set_postfix_str(self, *_: object, **__: object) -> None:
            """Ignore the speed: `progress` shows it."""

        set_transfer_postfix_str = refresh = set_postfix_str

        def close(self) -> None:
            """Do nothing: there is nothing to close."""

        def __enter__(self) -> Self:
            return self

        def __exit__(
            self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
        ) -> None:
            self.close()

    return Bar
