"""Which modules three requests cross: `python -m tests.bench.trace_ways`.

The bot runs in this process, against the pocket Discord and a real Redis; a worker without models runs in a
thread of its own, which is not traced. From the listener or command that a member's request enters by, until
its outcome is visible and the request is closed, each module of `bot` (but `bot.playground`), `handlers` and
`inference` counts in which a function was entered on the request's behalf: by the task that the listener runs
in, or by one that was started from there. Heartbeats, timers and the echo of the bot's own messages are no
part of it. Each way is gone five times, and what all five have in common counts.
"""

import asyncio
import sys
import tempfile
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from types import FrameType
from typing import Any

from inference.queue.embedded_redis import running_redis
from inference.settings import QueueSettings
from tests.bot.chat_worker import ScriptedChatWorker
from tests.bot.command_calls import FILE, TEXT, CommandCaller, option
from tests.bot.conversation_steps import open_thread, wait_finished
from tests.bot.harness import EchoWorker, Harness, bot_harness, picture

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("bot", "handlers", "inference")
ROUNDS = 5
ENTRANCES = frozenset({"on_message", "ask"})
"""The functions that a member's request enters the bot by: a listener, and a command."""

on_its_behalf: ContextVar[bool] = ContextVar("on_its_behalf", default=False)
"""Whether the current task works on the request; asyncio copies it to the tasks that this one starts."""


class Trace:
    """The project's modules in which a function was entered in this thread.

    Attributes:
        entered: Their names with dots.
    """

    def __init__(self) -> None:
        self.entered: set[str] = set()

    @contextmanager
    def on(self) -> Iterator[None]:
        """Watch until the block ends."""
        sys.setprofile(self._profile)
        try:
            yield
        finally:
            sys.setprofile(None)

    def _profile(self, frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        # A coroutine that goes on after an await is "called" as well: its RESUME then has another argument.
        if event != "call" or code.co_code[frame.f_lasti + 1] & 3:
            return
        path = Path(code.co_filename)
        if not path.is_relative_to(ROOT) or code.co_name == "<module>":
            return
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts[0] not in ROOMS or parts[:2] == ("bot", "playground"):
            return
        if code.co_name in ENTRANCES and not _is_echo(frame):
            on_its_behalf.set(True)
        if on_its_behalf.get():
            self.entered.add(".".join(parts))


def _is_echo(frame: FrameType) -> bool:
    """Tell whether a listener is told of the bot's own message."""
    message = frame.f_locals.get("message")
    return message is not None and message.author.bot


@contextmanager
def in_thread(run: Callable[[], Coroutine[Any, Any, None]]) -> Iterator[None]:
    """Run something in an event loop of its own, in a thread that is not traced, until the block ends."""
    loop = asyncio.new_event_loop()
    task: list[asyncio.Task[None]] = []

    async def work() -> None:
        task.append(asyncio.create_task(run()))
        await asyncio.gather(*task, return_exceptions=True)

    worker = threading.Thread(target=lambda: loop.run_until_complete(work()))
    worker.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(task[0].cancel)
        worker.join()
        loop.close()


async def posted(harness: Harness) -> set[str]:
    """Post a picture where captions are on."""
    trace = Trace()
    with trace.on():
        message = await harness.ada.post(harness.pictures, files=[("a.png", picture("a red circle"))])
        await harness.ada.reply_to(message)
        await harness.all_closed()
    return trace.entered


async def asked(harness: Harness) -> set[str]:
    """Call `/ask` with a picture."""
    caller, trace = CommandCaller(harness.ada), Trace()
    start = len(harness.ada.heard)
    with trace.on():
        options = (option(TEXT, "question", "what is it?"), option(FILE, "image", "0"))
        await caller.call(harness.general, "ask", *options, files=[("a.png", picture("a red circle"))])
        await caller.outcome(await caller.placeholder(harness.general, start=start))
        await harness.all_closed()
    return trace.entered


async def talked(harness: Harness, channel: str, answers: int) -> set[str]:
    """Write in a thread of the bot's."""
    trace = Trace()
    with trace.on():
        await harness.ada.post(channel, "and what else?")
        await wait_finished(harness, channel, answers)
        await harness.all_closed()
    return trace.entered


async def ways(harness: Harness) -> dict[str, set[str]]:
    """Go each way, and return what it crosses."""
    found: dict[str, set[str]] = {}
    async with harness.bot():
        with in_thread(lambda: EchoWorker(harness.redis_url).run()):
            found["a posted picture"] = set.intersection(*[await posted(harness) for _ in range(ROUNDS)])
            found["/ask"] = set.intersection(*[await asked(harness) for _ in range(ROUNDS)])
        with in_thread(lambda: ScriptedChatWorker(harness.redis_url).run()):
            channel = await open_thread(harness)
            await wait_finished(harness, channel, 1)
            turns = [await talked(harness, channel, number) for number in range(2, 2 + ROUNDS)]
            found["a chat turn"] = set.intersection(*turns)
    return found


def show(found: dict[str, set[str]]) -> None:
    """Print what each way crosses, room by room."""
    for way, modules in found.items():
        print(way)
        for room in ROOMS:
            here = sorted(each.removeprefix(f"{room}.") for each in modules if each.startswith(f"{room}."))
            print(f"  {room}: {len(here)}  {', '.join(here)}")


async def main() -> None:
    """Print the modules that each way crosses."""
    with tempfile.TemporaryDirectory() as folder:
        settings = QueueSettings(_env_file=None, redis_url=None, data_dir=Path(folder) / "data")
        async with running_redis(settings) as url, bot_harness(Path(folder) / "discord", url) as harness:
            show(await ways(harness))


if __name__ == "__main__":
    asyncio.run(main())
