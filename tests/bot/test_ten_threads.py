"""Ten conversations at once, under rate limits: every answer complete, in order, nothing refused."""

import asyncio

from bot.playground.ratelimits import SEEN
from bot.playground.testing.observers import Observation, RestExchange
from inference.schema import Converse
from tests.bot.calling import Caller, option
from tests.bot.stage import Stage
from tests.bot.talk import CIRCLE, finished, opened
from tests.bot.talker import talking

THREADS = 10
PIECES = 60


def words(request: Converse) -> list[str]:
    """Answer a numbered question in numbered words."""
    return [f"{request.turns[-1].text}-{number} " for number in range(PIECES)]


async def test_ten_threads_stream_at_once_and_no_request_is_refused(stage: Stage) -> None:
    refused: list[str] = []
    edits: dict[str, list[str]] = {}

    def watch(seen: Observation) -> None:
        if not isinstance(seen, RestExchange) or seen.user_id != stage.pocket.world.bot.id:
            return
        if seen.status == 429:
            refused.append(f"{seen.method} {seen.path}")
        if seen.method == "PATCH" and seen.status == 200 and "content" in (seen.request or {}):
            edits.setdefault(seen.answer["channel_id"], []).append(seen.request["content"])

    stage.pocket.observers.append(watch)
    rates = stage.pocket.pocket.rates.rates
    assert rates.enabled
    rates.routes = dict(SEEN)
    async with talking(stage) as talker, stage.bot():
        talker.pieces, talker.pause = words, 0.05
        talker.gate.clear()
        caller = Caller(stage.ada)
        places = []
        for number in range(THREADS):
            posted = await stage.ada.post(stage.general, files=CIRCLE)
            await caller.call(stage.general, "chat", option(3, "question", f"q{number}"))
            await opened(stage, posted["id"])
            places.append(posted["id"])
        await talker.taken(THREADS)
        talker.gate.set()
        found = await asyncio.gather(*(finished(stage, place, 1) for place in places))
        await stage.all_closed()
        for number, [answer] in enumerate(found):
            whole = " ".join(f"q{number}-{piece}" for piece in range(PIECES))
            assert answer["content"] == f"-# Ada asked: q{number}\n{whole}"
            shown = [content.partition("\n")[2] for content in edits[places[number]]]
            assert all(whole.startswith(content) for content in shown)
            assert shown == sorted(shown, key=len)
            assert len(shown) > 2, "it was seen to grow"
    assert refused == []
