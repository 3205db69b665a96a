"""Measure how long a piece of text takes from the engine to its reader: `python -m tests.bench.bench_stream`.

The queue's client, the worker and Redis share one machine. Client and worker share one process and one event
loop, so that the times include both sides' Python. The engine's text is the time at which it was generated.
Then the whole bot runs in the pocket Discord, in the same process: measured is the time from the engine's
first piece to the MESSAGE_CREATE event that a member receives, and that of a message between two members.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from inference.engines import ChatPiece, PromptTurn, Usage
from inference.queue.client import InferenceClient
from inference.queue.embedded_redis import running_redis
from inference.schema import Converse, Delta, Group, Turn, job_id
from inference.settings import WorkerSettings
from inference.worker.main import serve
from tests.bot.command_calls import CommandCaller, option
from tests.bot.conversation_steps import wait_finished, wait_for_thread
from tests.bot.harness import TIMEOUT_S, bot_harness
from tests.e2e.member import Member
from tests.e2e.scenes import Thing, draw

ROUNDS = 200
TALKS = 10
PIECES = 100
TURNS = 20
FEW_PIECES = 10
SCENE = draw([Thing("red", "circle", 0.5, 0.5, 0.25)])
PAUSE = 0.01
"""Seconds between two pieces: a model that says 100 tokens a second."""


class Clock:
    """A chat engine whose pieces of text are the times at which it generated them."""

    name = "a clock"

    def __init__(self) -> None:
        self.pieces = 1
        self.begun: list[float] = []

    async def warm_up(self) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Do nothing."""

    async def chat(self, turns: Sequence[PromptTurn]) -> AsyncGenerator[ChatPiece, None]:
        """Generate the current time, `pieces` times."""
        del turns
        self.begun.append(time.perf_counter())
        for number in range(self.pieces):
            if number:
                await asyncio.sleep(PAUSE)
            yield f"{time.perf_counter_ns()} "
        yield Usage()


class Bench:
    """Submits conversations to a worker whose engine is a clock."""

    def __init__(self, client: InferenceClient, engine: Clock) -> None:
        self._client = client
        self._engine = engine
        self._numbers = iter(range(10**9))

    async def first_piece(self) -> tuple[float, float]:
        """Run one conversation; return the ms from submit to the engine, and from its first piece to here."""
        submitted = time.perf_counter()
        seen = len(self._engine.begun)
        waits = await self._talk()
        return (self._engine.begun[seen] - submitted) * 1000, waits[0]

    async def all_pieces(self) -> list[list[float]]:
        """Run `TALKS` conversations at once; return the age in ms at which each one's pieces arrived."""
        return list(await asyncio.gather(*(self._talk() for _ in range(TALKS))))

    async def _talk(self) -> list[float]:
        name = job_id("bench", next(self._numbers))
        ticket = await self._client.submit(
            Converse(scope="guild:1", turns=(Turn(role="user", text="what time is it?"),)),
            id=name,
            priority="waiting",
            asker=str(int(name[:12], 16)),
            group=Group(id=name, size=1),
        )
        waits = []
        async for word in ticket.deltas():
            now = time.perf_counter_ns()
            if isinstance(word, Delta):
                waits += [(now - int(said)) / 1e6 for said in word.text.split()]
        await self._client.close_request([name])
        return waits


@asynccontextmanager
async def benched() -> AsyncIterator[tuple[Bench, Clock, InferenceClient]]:
    """Run Redis, a worker, and a client of the queue."""
    with tempfile.TemporaryDirectory() as folder:
        settings = WorkerSettings(_env_file=None, redis_url=None, data_dir=Path(folder), chats=TALKS)
        stop, engine = asyncio.Event(), Clock()
        async with running_redis(settings) as url, InferenceClient.open(settings, "bench") as client:
            working = asyncio.create_task(serve(settings, {}, url, stop=stop, chat=engine))
            yield Bench(client, engine), engine, client
            stop.set()
            await working


class Watcher(Member):
    """A member's client that records when each message arrived."""

    def __init__(self, session: Mapping[str, Any]) -> None:
        super().__init__(session, 1)
        self.came: asyncio.Queue[tuple[int, dict[str, Any]]] = asyncio.Queue()

    async def note(self, kind: str, data: dict[str, Any]) -> None:
        """Record the time of a message."""
        if kind == "MESSAGE_CREATE":
            self.came.put_nowait((time.perf_counter_ns(), data))

    async def message(self, wanted: Callable[[dict[str, Any]], bool]) -> tuple[int, dict[str, Any]]:
        """Wait for the next message that `wanted` accepts; return its arrival time in ns, and it."""
        async with asyncio.timeout(TIMEOUT_S):
            while True:
                now, data = await self.came.get()
                if wanted(data):
                    return now, data


def replies_to(message: dict[str, Any]) -> Callable[[dict[str, Any]], bool]:
    """Make a predicate for the replies to a message."""
    return lambda data: (data.get("message_reference") or {}).get("message_id") == message["id"]


async def in_discord() -> tuple[list[float], list[float]]:
    """Talk in a thread.

    Returns:
        Times in ms until a member receives: a message that another member posts; the engine's first piece.
    """
    with tempfile.TemporaryDirectory() as folder:
        settings = WorkerSettings(_env_file=None, redis_url=None, data_dir=Path(folder))
        stop, engine = asyncio.Event(), Clock()
        engine.pieces = FEW_PIECES
        async with running_redis(settings) as url, bot_harness(Path(folder) / "discord", url) as harness:
            harness.pocket.pocket.rates.rates.enabled = False
            working = asyncio.create_task(serve(settings, {}, url, stop=stop, chat=engine))
            async with harness.bot(), Watcher(harness.session) as ben:
                posted = await harness.ada.post(harness.general, files=[("scene.png", SCENE)])
                await CommandCaller(harness.ada).call(
                    harness.general, "chat", option(3, "question", "what time is it?")
                )
                await wait_for_thread(harness, posted["id"])
                await wait_finished(harness, posted["id"], 1)
                plain, answers = [], []
                for number in range(TURNS):
                    sent = time.perf_counter_ns()
                    question = await harness.ada.post(posted["id"], "what time is it?")
                    heard, _ = await ben.message(lambda data: data["id"] == question["id"])  # noqa: B023
                    plain.append((heard - sent) / 1e6)
                    heard, answer = await ben.message(replies_to(question))
                    answers.append((heard - int(answer["content"].split()[0])) / 1e6)
                    await wait_finished(harness, posted["id"], number + 2)
            stop.set()
            await working
    return plain, answers


async def main() -> None:
    """Measure, and print a table."""
    async with benched() as (bench, engine, client):
        for _ in range(5):
            await bench.first_piece()
        pings = [await timed(client) for _ in range(ROUNDS)]
        ways = [await bench.first_piece() for _ in range(ROUNDS)]
        engine.pieces = PIECES
        talks = await bench.all_pieces()
    plain, answers = await in_discord()
    ping = statistics.median(pings)
    print(f"{'':<58}{'p50 ms':>9}{'p99 ms':>9}{'x PING':>8}")
    show("PING", pings, ping)
    show("from submit to the engine", [way[0] for way in ways], ping)
    show("from the engine's first piece to the client", [way[1] for way in ways], ping)
    show(f"the same for {TALKS} conversations begun at once", [each[0] for each in talks], ping)
    show("a member's message, until another member receives it", plain, ping)
    show("the engine's first piece, until a member receives it", answers, ping)
    later = [wait for each in talks for wait in each[1:]]
    show(f"the other {PIECES - 1} pieces of these {TALKS}, batched for 100 ms", later, ping)


async def timed(client: InferenceClient) -> float:
    """Time a PING, in ms."""
    begun = time.perf_counter()
    await client.ping()
    return (time.perf_counter() - begun) * 1000


def show(name: str, times: list[float], ping: float) -> None:
    """Print a line."""
    p50, p99 = statistics.median(times), statistics.quantiles(times, n=100)[98]
    print(f"{name:<58}{p50:>9.2f}{p99:>9.2f}{p50 / ping:>8.1f}")


if __name__ == "__main__":
    asyncio.run(main())
