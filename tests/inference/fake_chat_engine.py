"""A scripted chat engine for tests: it obeys the words of the last turn, and fails on demand."""

import asyncio
import os
import signal
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from inference.engines import ChatPiece, PromptTurn, PullProgress, Usage
from inference.errors import ChatUnavailable, ConversationTooLong
from tests.inference.fake_engine import colour_of


@dataclass
class ScriptedChat:
    """Obeys the words of the last turn, and else repeats them, a word a piece, with the colours it sees.

    `hold` waits after its first word until `go` is set, `raise`, `away` and `too long` fail, `pull` fetches
    the model first, `kill` takes the process down.

    Attributes:
        go: While it is not set, a conversation with `hold` in it goes no further than its first word.
        broken: Every conversation raises, and so does the warm-up.
        stubborn: Every conversation raises.
        running: How many are being answered at the moment.
        most: The most that were answered at a time.
        closed: How many were closed before their end.
        begun: The last turns of those that were begun.
        diary: A file that gets a line for each that begins.
        words: What it says besides, many of them.
    """

    name: str = "a scripted one"
    go: asyncio.Event = field(default_factory=asyncio.Event)
    broken: bool = False
    stubborn: bool = False
    running: int = 0
    most: int = 0
    closed: int = 0
    begun: list[str] = field(default_factory=list)
    diary: Path | None = None
    words: int = 0

    async def warm_up(self) -> None:
        """Do nothing, or raise."""
        if self.broken:
            raise RuntimeError("CUDA error: device-side assert triggered")

    async def close(self) -> None:
        """Let go of nothing."""

    async def chat(self, turns: Sequence[PromptTurn]) -> AsyncGenerator[ChatPiece, None]:
        """Answer."""
        asked = turns[-1].text
        self.begun.append(asked)
        if self.diary is not None:
            with self.diary.open("a") as lines:
                lines.write(f"talk {asked}\n")
        self.running += 1
        self.most = max(self.most, self.running)
        whole = False
        try:
            async for piece in self._say(turns, asked):
                yield piece
            whole = True
        finally:
            self.running -= 1
            self.closed += not whole

    async def _say(self, turns: Sequence[PromptTurn], asked: str) -> AsyncGenerator[ChatPiece, None]:
        if self.broken or self.stubborn or "raise" in asked:
            raise ValueError("the secret words of a person")
        if "away" in asked:
            raise ChatUnavailable("It is away.", where="127.0.0.1:11434")
        if "too long" in asked:
            raise ConversationTooLong("It is too long.", limit=5, value=9, unit="tokens")
        if "kill" in asked:
            os.kill(os.getpid(), signal.SIGKILL)
        if "pull" in asked:
            for done in (None, 0.5, 1.0):
                yield PullProgress(done)
        for number, word in enumerate(asked.split()):
            if "hold" in asked and number:
                await self.go.wait()
            yield f"{word} "
        for number in range(self.words):
            yield f"w{number} "
            await asyncio.sleep(0)
        yield "; ".join(",".join(colour_of(each) for each in turn.pictures) for turn in turns)
        yield Usage(prompt_tokens=len(turns), reply_tokens=len(asked.split()))
