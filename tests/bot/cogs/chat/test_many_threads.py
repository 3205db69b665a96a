"""Ten conversations at once under rate limits: complete answers, and no refused request."""

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


def numbered_words(request: Converse) -> list[str]:
    """Answer a numbered question in numbered words."""
    return [f"{request.turns[-1].text}-{number} " for number in range(PIECES)]


async def test_ten_threads_stream_at_once_without_a_refused_request(harness: Harness) -> None:
    refused: list[str] = []
    edits: dict[str, list[str]] = {}

    def watch(observation: Observation) -> None:
        if not isinstance(observation, RestExchange) or observation.user_id != harness.pocket.world.bot.id:
            return
        if observation.status == 429:
            refused.append(f"{observation.method} {observation.path}")
        if (
            observation.method == "PATCH"
            and observation.status == 200
            and "content" in (observation.request or {})
        ):
            edits.setdefault(observation.answer["channel_id"], []).append(observation.request["content"])

    harness.pocket.observers.append(watch)
    rates = harness.pocket.pocket.rates.rates
    assert rates.enabled
    rates.routes = dict(SEEN)
    async with chat_worker(harness) as worker, harness.bot():
        worker.pieces, worker.piece_delay_s = numbered_words, 0.05
        worker.gate.clear()
        caller = CommandCaller(harness.ada)
        thread_ids = []
        for number in range(THREADS):
            posted = await harness.ada.post(harness.general, files=CIRCLE)
            await caller.call(harness.general, "chat", option(3, "question", f"q{number}"))
            await wait_for_thread(harness, posted["id"])
            thread_ids.append(posted["id"])
        await worker.wait_for_jobs(THREADS)
        worker.gate.set()
        found = await asyncio.gather(*(wait_finished(harness, thread_id, 1) for thread_id in thread_ids))
        await harness.all_closed()
        for number, [answer] in enumerate(found):
            whole = " ".join(f"q{number}-{piece}" for piece in range(PIECES))
            assert answer["content"] == f"-# Ada asked: q{number}\n{whole}"
            shown = [content.partition("\n")[2] for content in edits[thread_ids[number]]]
            assert all(whole.startswith(content) for content in shown)
            assert shown == sorted(shown, key=len)
            assert len(shown) > 2, "the answer was edited several times"
    assert refused == []
