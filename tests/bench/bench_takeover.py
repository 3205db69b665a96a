"""How long the jobs of a killed worker wait for another one: `python -m tests.bench.bench_takeover`.

A worker is killed with SIGKILL in the middle of each of 20 batches, while a second one is alive. Times are
seconds from the kill. The model takes no time.
"""

import asyncio
import statistics
import tempfile
from pathlib import Path

from inference.queue.embedded_redis import running_redis
from inference.settings import QueueSettings
from tests.inference.takeovers import takeovers

KILLS = 20


async def main() -> None:
    """Measure on an embedded server, and print a table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with running_redis(QueueSettings(_env_file=None, redis_url=None, data_dir=folder)) as url:
            found = [each async for each in takeovers(url, folder, KILLS)]
    print(f"{KILLS} kills          median   slowest")
    for title, times in (
        ("kill to claim", [each.claimed for each in found]),
        ("kill to answer", [each.answered for each in found]),
    ):
        print(f"{title:16} {statistics.median(times):8.2f} {max(times):9.2f}")


if __name__ == "__main__":
    asyncio.run(main())
