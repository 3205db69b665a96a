"""What people do in conversations, and what they see of them."""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from bot.playground.state.permissions import Permission
from inference.queue.connection import connect
from tests.bot.harness import TIMEOUT_S, Harness, picture
from tests.e2e.member import Member, Message

EPHEMERAL = 1 << 6
STARTER = 21
"""The type of the message that a thread shows first: a pointer to the one that it was made from."""
CIRCLE = [("a.png", picture("a red circle"))]
SQUARE = [("b.png", picture("a blue square"))]


class Watching(Protocol):
    """Somebody who sees what the bot posts, such as a `Harness`."""

    ada: Member
    session: dict[str, Any]


def buttons(message: Message) -> dict[str, str]:
    """Return a message's buttons: their ids by their labels."""
    return {
        each["label"]: each["custom_id"]
        for row in message.get("components", [])
        for each in row["components"]
    }


async def press(member: Member, message: Message, label: str) -> None:
    """Press a message's button."""
    body = {
        "type": 3,
        "application_id": member.session["application_id"],
        "channel_id": message["channel_id"],
        "session_id": "1",
        "nonce": f"{message['id'][-6:]}{len(member.heard)}",
        "message_id": message["id"],
        "message_flags": 0,
        "data": {"component_type": 2, "custom_id": buttons(message)[label]},
    }
    await member.request("POST", "/interactions", json=body)


async def messages(harness: Watching, channel: str) -> list[Message]:
    """Return what stands in a channel now, the oldest first."""
    found: list[Message] = await harness.ada.request("GET", f"/channels/{channel}/messages?limit=100")
    return found[::-1]


async def answers(harness: Watching, channel: str) -> list[Message]:
    """Return the bot's messages in a channel that everyone sees now, the oldest first."""
    me = harness.session["bot_user_id"]
    return [
        each
        for each in await messages(harness, channel)
        if each["author"]["id"] == me and not each["flags"] & EPHEMERAL and each["type"] != STARTER
    ]


async def seen(harness: Watching, channel: str, true: Callable[[list[Message]], Any]) -> list[Message]:
    """Wait until the bot's messages in a channel are so."""
    async with asyncio.timeout(TIMEOUT_S):
        while True:
            start = len(harness.ada.heard)
            found = await answers(harness, channel)
            if true(found):
                return found
            await news(harness.ada, channel, start)


async def news(member: Member, channel: str, start: int) -> None:
    """Wait until something happens in a channel, or a moment, since it may just have happened."""
    try:
        async with asyncio.timeout(0.2):
            await member.hear(lambda _, data: data.get("channel_id") == channel, start=start)
    except TimeoutError:
        return


def is_done(message: Message) -> bool:
    """Tell whether an answer has come to its end."""
    return "Regenerate" in buttons(message)


async def finished(harness: Watching, channel: str, count: int) -> list[Message]:
    """Wait until the bot has that many messages in a channel, the last of them an answer at its end."""
    return await seen(harness, channel, lambda found: len(found) == count and is_done(found[-1]))


async def thread(harness: Harness, files: Any = CIRCLE, content: str = "") -> str:
    """Post a picture where captions are on, press the caption's button, return the thread."""
    message = await harness.ada.post(harness.pictures, content, files=files)
    caption = await harness.ada.reply_to(message)
    start = len(harness.ada.heard)
    await press(harness.ada, caption, "Talk about it")
    made = await harness.ada.hear(lambda kind, _: kind == "THREAD_CREATE", start=start)
    return str(made["id"])


async def opened(harness: Watching, thread_id: str) -> None:
    """Wait until a thread is there."""
    await harness.ada.hear(lambda kind, data: kind == "THREAD_CREATE" and data["id"] == thread_id)


def deny_threads(harness: Harness) -> None:
    """Let the bot make no threads; before it connects."""
    for role in harness.pocket.world.guild.roles.values():
        role.permissions &= ~Permission.CREATE_PUBLIC_THREADS


async def lose(harness: Harness) -> None:
    """Let Redis lose every conversation."""
    redis = connect(harness.redis_url)
    try:
        for kind in ("talk", "said", "talked"):
            keys = [key async for key in redis.scan_iter(f"beholder:{kind}:*")]
            if keys:
                await redis.delete(*keys)
    finally:
        await redis.aclose()
