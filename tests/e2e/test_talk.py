"""A conversation in the whole house with the tiny models, and after all of it was killed."""

import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bot.command_calls import TEXT, CommandCaller, option
from tests.bot.conversation_steps import press, wait_finished, wait_for_thread
from tests.e2e.member import Member
from tests.e2e.scenes import Thing, draw
from tests.e2e.stack import running

EPHEMERAL = 1 << 6
SCENE = draw([Thing("red", "circle", 0.5, 0.5, 0.25)])
OTHER = draw([Thing("blue", "square", 0.5, 0.5, 0.25)])


@dataclass
class Seat:
    """Where somebody sits who watches."""

    ada: Member
    session: dict[str, Any]


async def said(seat: Seat, thread: str, text: str, count: int) -> str:
    """Say something and return the answer, which is the bot's `count`-th message there."""
    await seat.ada.post(thread, text)
    return str((await wait_finished(seat, thread, count))[-1]["content"])


async def asked_by_command(seat: Seat) -> None:
    """Ask with `/chat`, and see the answer in a new thread, where everyone reads it."""
    posted = await seat.ada.post(seat.session["channel_id"], files=[("other.png", OTHER)])
    await seat.ada.reply_to(posted)
    caller = CommandCaller(seat.ada)
    await caller.call(seat.session["channel_id"], "chat", option(TEXT, "question", "what color is it?"))
    await wait_for_thread(seat, posted["id"])
    [answer] = await wait_finished(seat, posted["id"], 1)
    assert answer["content"] == "-# Ada asked: what color is it?\nblue"
    assert not answer["flags"] & EPHEMERAL


async def test_a_conversation_remembers_the_picture_and_the_turns_across_a_kill_of_everything(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as stack, Member(stack.session) as ada:
        seat = Seat(ada, stack.session)
        posted = await ada.post(stack.session["channel_id"], files=[("scene.png", SCENE)])
        caption = await ada.reply_to(posted)
        await press(ada, caption, "Talk about it")
        thread = (await ada.hear(lambda kind, _: kind == "THREAD_CREATE"))["id"]
        [first] = await wait_finished(seat, thread, 1)
        assert "a red circle" in first["content"]
        assert await said(seat, thread, "is there a circle?", 2) == "yes"
        assert await said(seat, thread, "what color is it?", 3) == "red"
        await asked_by_command(seat)
        await stack.end(signal.SIGKILL)
    async with running(tmp_path) as stack, Member(stack.session) as ada:
        seat = Seat(ada, stack.session)
        assert "a red circle" in await said(seat, thread, "what was the first thing you named?", 4)
        assert await said(seat, thread, "what shape is it?", 5) == "circle"
        await ada.post(thread, "what color is it?", files=[("other.png", OTHER)])
        assert (await wait_finished(seat, thread, 6))[-1]["content"] == "blue"
        assert await said(seat, thread, "what shape is it?", 7) == "square"
