"""A small engine for tests: it names the colour of an image's middle, and fails on demand."""

import os
import signal
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from inference.errors import QuestionTooLong
from inference.schema import Answer, Answered, Caption, Captioned, Match, Matched, Task

COLOURS = {(255, 0, 0): "red", (0, 0, 255): "blue", (0, 255, 0): "lime", (255, 255, 255): "white"}


@dataclass(frozen=True)
class Seen:
    """A prepared job."""

    request: Caption | Answer | Match
    colours: tuple[str, ...]

    @property
    def question(self) -> str:
        """What was asked, where something was."""
        return self.request.question if isinstance(self.request, Answer) else ""


@dataclass
class ColourEngine:
    """Answers with colours, and obeys the words in a question.

    `raise` and `lie` fail the batch, `kill` takes the process down, `wild` fails while it is prepared,
    `too long` is refused, and `hold` keeps the batch until `go` is set.

    Attributes:
        name: Of the engine.
        go: While it is not set, a batch with `hold` in it hangs, and so does the warm-up of a `cold` engine.
        began: Set when a batch with `hold` in it has begun.
        cold: Whether the warm-up waits for `go`.
        broken: The forward and the warm-up raise.
        stubborn: The forward raises, and the warm-up does not.
        batches: The batches that began, by the questions in them.
        diary: A file that gets a line for each batch that begins.
    """

    name: str = "colours@test"
    go: threading.Event = field(default_factory=threading.Event)
    began: threading.Event = field(default_factory=threading.Event)
    cold: bool = False
    broken: bool = False
    stubborn: bool = False
    batches: list[list[str]] = field(default_factory=list)
    diary: Path | None = None

    def prepare(self, request: Caption | Answer | Match, pictures: Sequence[Image.Image]) -> Seen:
        """Look at the middle of each picture."""
        if isinstance(request, Answer) and "too long" in request.question:
            raise QuestionTooLong("It is too long.", limit=5, value=len(request.question), unit="tokens")
        if isinstance(request, Answer) and "wild" in request.question:
            raise ZeroDivisionError(request.question)
        return Seen(request, tuple(colour_of(picture) for picture in pictures))

    def forward(self, batch: Sequence[Seen]) -> list[Captioned | Answered | Matched]:
        """Answer a batch."""
        questions = [seen.question for seen in batch]
        self.batches.append(questions)
        if self.diary is not None:
            with self.diary.open("a") as lines:
                lines.write(f"{len(batch)} {','.join(questions)}\n")
        if "hold" in questions:
            self.began.set()
            self.go.wait()
        if "kill" in questions:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.broken or self.stubborn or "raise" in questions:
            raise ValueError("the secret words of a person")
        return [_answer(seen) for seen in batch][: -1 if "lie" in questions else None]

    def warm_up(self) -> None:
        """Pretend to be busy."""
        if self.cold:
            self.go.wait()
        if self.broken:
            raise RuntimeError("CUDA error: device-side assert triggered")


def colour_of(picture: Image.Image) -> str:
    """Name the colour of a picture's middle."""
    found = picture.getpixel((picture.width // 2, picture.height // 2))
    assert isinstance(found, tuple)
    return COLOURS.get((int(found[0]), int(found[1]), int(found[2])), "strange")


def _answer(seen: Seen) -> Captioned | Answered | Matched:
    if isinstance(seen.request, Caption):
        return Captioned(text=f"a {seen.colours[0]} picture")
    if isinstance(seen.request, Answer):
        return Answered(text=f"{seen.question}: {seen.colours[0]}")
    rows = tuple(tuple(float(label == colour) for label in seen.request.labels) for colour in seen.colours)
    return Matched(cosine=rows, share=rows)


def load(task: Task, diary: Path | None = None, how: str = "") -> ColourEngine:
    """Make an engine for a worker process; `how` names what is wrong with it, or is `free`: nothing holds."""
    engine = ColourEngine(name=f"colours for {task}", diary=diary)
    if how == "free":
        engine.go.set()
    elif how:
        assert isinstance(getattr(engine, how), bool)
        setattr(engine, how, True)
    return engine
