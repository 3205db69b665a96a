"""An answer arrives once and whole, whatever happens to Discord's answers on the way."""

import pytest

from bot.playground.testing.faults import Fault, FaultKind
from tests.bot.stage import Stage
from tests.bot.talk import finished, is_done, seen, thread
from tests.bot.talker import talking

SEND = "/channels/{channel_id}/messages"
EDIT = "/channels/{channel_id}/messages/{message_id}"
WORDS = [f"word{number} " for number in range(300)]


@pytest.mark.parametrize("kind", [FaultKind.CUT_BEFORE, FaultKind.CUT_AFTER])
@pytest.mark.parametrize(("method", "template"), [("POST", SEND), ("PATCH", EDIT)])
async def test_a_connection_that_breaks_makes_no_message_twice_and_loses_no_word(
    stage: Stage, kind: FaultKind, method: str, template: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.stream.FIRST_PAUSE", 0.05)
    async with talking(stage) as talker, stage.bot():
        place = await thread(stage)
        await finished(stage, place, 1)
        talker.pieces = lambda _: WORDS
        talker.after = 5
        talker.gate.clear()
        if method == "POST":
            stage.pocket.faults.add(Fault(kind, method=method, template=template))
        await stage.ada.post(place, "say much")
        await seen(stage, place, lambda found: len(found) == 2)
        if method == "PATCH":
            stage.pocket.faults.add(Fault(kind, method=method, template=template))
        talker.gate.set()
        found = await seen(stage, place, lambda found: len(found) > 2 and is_done(found[-1]))
        assert " ".join(each["content"] for each in found[1:]).split() == [word.strip() for word in WORDS]
        await stage.all_closed()


async def test_an_answer_whose_message_is_deleted_is_stopped_on_the_server(stage: Stage) -> None:
    async with talking(stage) as talker, stage.bot():
        talker.pieces, talker.after = lambda _: WORDS, 5
        talker.gate.clear()
        place = await thread(stage)
        [first] = await seen(stage, place, lambda found: len(found) == 1)
        await stage.ada.request("DELETE", f"/channels/{place}/messages/{first['id']}")
        # The next edit finds that it is gone.
        talker.after, talker.pause = len(WORDS), 0.02
        talker.gate.set()
        await talker.until(lambda: bool(talker.stopped))
        await stage.all_closed()


async def test_a_thread_that_is_deleted_ends_its_answer(stage: Stage) -> None:
    async with talking(stage) as talker, stage.bot():
        talker.pieces, talker.pause = lambda _: WORDS, 0.02
        place = await thread(stage)
        await seen(stage, place, lambda found: len(found) == 1)
        await stage.ada.request("DELETE", f"/channels/{place}")
        await talker.until(lambda: bool(talker.stopped))
        await stage.all_closed()
