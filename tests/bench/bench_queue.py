"""How long the queue takes, as a ratio to a PING in the same run: `python -m tests.bench.bench_queue`.

Client and worker share one process and one event loop, so the times hold both sides' Python too. On a machine
that does other work as well the wall clock mostly tells of that work: there, compare the processor's time. It
is this process's; the server's is not in it.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from inference.queue.client import InferenceClient
from inference.queue.connection import connect
from inference.queue.consumer import Consumer
from inference.queue.embedded_redis import running_redis
from inference.queue.keys import TASKS, Keys
from inference.schema import Caption, Captioned, Group, Picture, Result, job_id
from inference.settings import WorkerSettings

ROUNDS = 1000
BURST = 200
MIB = 2**20


async def main() -> None:
    """Measure on an embedded server, and print a table."""
    with tempfile.TemporaryDirectory() as folder:
        settings = WorkerSettings(_env_file=None, redis_url=None, data_dir=Path(folder))
        async with running_redis(settings) as url, InferenceClient.open(settings, "bench") as client:
            redis = connect(url)
            worker = Consumer(redis, Keys(), TASKS, "bench", settings)
            working = asyncio.create_task(work(worker))
            picture = Picture.of("guild:1", b"picture")
            ids = iter(range(10**9))

            async def one() -> None:
                await ask(client, job_id("bench", next(ids)), picture)

            async def burst() -> None:
                await asyncio.gather(*(one() for _ in range(BURST)))

            async def put() -> None:
                await client.put_picture("guild:1", next(ids).to_bytes(8, "big") * (MIB // 8))

            rows = [
                await measure("PING", ROUNDS, client.ping),
                await measure("submit, take, finish, result", ROUNDS, one),
                await measure(f"the same, {BURST} at once, each", 10, burst, share=BURST),
                await measure("put a picture of 1 MiB", 100, put),
                await measure("PING again", ROUNDS, client.ping),
            ]
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
            await worker.close()
            await redis.aclose()
    show(rows)


async def work(worker: Consumer) -> None:
    """Answer at once whatever comes."""
    while True:
        taken = await worker.take(64, 60_000)
        done = (Result(job_id=each.job.id, outcome=Captioned(text="a red circle")) for each in taken)
        await asyncio.gather(*(worker.finish(each, result) for each, result in zip(taken, done, strict=True)))


async def ask(client: InferenceClient, name: str, picture: Picture) -> None:
    """Send one job on its way and wait for its result."""
    ticket = await client.submit(
        Caption(picture=picture),
        id=name,
        priority="waiting",
        asker=str(int(name[:12], 16)),
        group=Group(id=name, size=1),
    )
    await ticket.result()


@dataclass(frozen=True)
class Row:
    """What one call took, in milliseconds."""

    name: str
    p50: float
    p99: float
    processor: float


async def measure(name: str, rounds: int, call: Callable[[], Awaitable[None]], share: int = 1) -> Row:
    """Time a call `rounds` times after a few to warm up; each does `share` of what is measured."""
    for _ in range(5):
        await call()
    times = []
    processor = time.process_time()
    for _ in range(rounds):
        begun = time.perf_counter()
        await call()
        times.append((time.perf_counter() - begun) * 1000 / share)
    processor = (time.process_time() - processor) * 1000 / rounds / share
    return Row(name, statistics.median(times), statistics.quantiles(times, n=100)[98], processor)


def show(rows: list[Row]) -> None:
    """Print a line for each thing that was measured; the first is what the others are compared with."""
    ping = rows[0]
    print(f"{'':<34}{'p50 ms':>9}{'p99 ms':>9}{'x PING':>8}{'CPU ms':>9}{'x PING':>8}")
    for row in rows:
        print(
            f"{row.name:<34}{row.p50:>9.3f}{row.p99:>9.3f}{row.p50 / ping.p50:>8.1f}"
            f"{row.processor:>9.3f}{row.processor / ping.processor:>8.1f}"
        )


if __name__ == "__main__":
    asyncio.run(main())
