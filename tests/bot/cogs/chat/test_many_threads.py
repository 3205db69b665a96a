"""Ten conversations at once, under rate limits: every answer complete, in order, nothing refused."""

import asyncio

from bot.playground.ratelimits import SEEN
from bot.playground.testing.observers import Observation, RestExchange
from inference.schema import Converse
from tests.bot.chat_worker import chat_worker
from tests.bot.command_calls import CommandCaller, option
from tests.bot.conversation_steps import CIRCLE, wait_finished, wait_for_thread
from tests.bot.harness import Harness

THREADS = 10
PIECES = 60


def words(request: Converse) -> list[str]:
    """Answer a numbered question in numbered words."""
    return [f"{request.turns[-1].text}-{number} " for number in range(PIECES)]


async def test_ten_threads_stream_at_once_without_a_refused_request(harness: Harness) -> None:
    refused: list[str] = []
    edits: dict[str, list[str]] = {}

    def watch(seen: Observation) -> None:
        if not isinstance(seen, RestExchange) or seen.user_id != harness.pocket.world.bot.id:
            return
        if seen.status == 429:
            refused.append(f"{seen.method} {seen.path}")
        if seen.method == "PATCH" and seen.status == 200 and "content" in (seen.request or {}):
            edits.setdefault(seen.answer["channel_id"], []).append(seen.request["content"])

    harness.pocket.observers.append(watch)
    rates = harness.pocket.pocket.rates.rates
    assert rates.enabled
    rates.routes = dict(SEEN)
    async with chat_worker(harness) as worker, harness.bot():
        worker.pieces, worker.piece_delay_s = words, 0.05
        worker.gate.clear()
        caller = CommandCaller(harness.ada)
        places = []
        for number in range(THREADS):
            posted = await harness.ada.post(harness.general, files=CIRCLE)
            await caller.call(harness.general, "chat", option(3, "question", f"q{number}"))
            await wait_for_thread(harness, posted["id"])
            places.append(posted["id"])
        await worker.wait_for_jobs(THREADS)
        worker.gate.set()
        found = await asyncio.gather(*(wait_finished(harness, place, 1) for place in places))
        await harness.all_closed()
        for number, [answer] in enumerate(found):
            whole = " ".join(f"q{number}-{piece}" for piece in range(PIECES))
            assert answer["content"] == f"-# Ada asked: q{number}\n{whole}"
            shown = [content.partition("\n")[2] for content in edits[places[number]]]
            assert all(whole.startswith(content) for content in shown)
            assert shown == sorted(shown, key=len)
            assert len(shown) > 2, "it was seen to grow"
    assert refused == []
