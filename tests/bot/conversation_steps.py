"""Steps of members in conversations, and waits for the bot's messages."""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from bot.playground.state.permissions import Permission
from inference.queue.connection import connect
from tests.bot.harness import TIMEOUT_S, Harness, picture
from tests.e2e.member import Member, Message

EPHEMERAL = 1 << 6
STARTER = 21
"""Type of a thread's first message, which points to the message that it was created from."""
CIRCLE = [("a.png", picture("a red circle"))]
SQUARE = [("b.png", picture("a blue square"))]


class Watching(Protocol):
    """An object with a member's client, such as a `Harness`."""

    ada: Member
    session: dict[str, Any]


def buttons(message: Message) -> dict[str, str]:
    """Return the custom_ids of a message's buttons by their labels."""
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


async def channel_messages(harness: Watching, channel: str) -> list[Message]:
    """Return a channel's messages, the oldest first."""
    found: list[Message] = await harness.ada.request("GET", f"/channels/{channel}/messages?limit=100")
    return found[::-1]


async def bot_messages(harness: Watching, channel: str) -> list[Message]:
    """Return the bot's messages in a channel, except ephemeral ones, the oldest first."""
    me = harness.session["bot_user_id"]
    return [
        each
        for each in await channel_messages(harness, channel)
        if each["author"]["id"] == me and not each["flags"] & EPHEMERAL and each["type"] != STARTER
    ]


async def wait_for_messages(
    harness: Watching, channel: str, condition: Callable[[list[Message]], Any]
) -> list[Message]:
    """Wait until the bot's messages in a channel meet a condition; return them."""
    async with asyncio.timeout(TIMEOUT_S):
        while True:
            start = len(harness.ada.heard)
            found = await bot_messages(harness, channel)
            if condition(found):
                return found
            await wait_for_event(harness.ada, channel, start)


async def wait_for_event(member: Member, channel: str, start: int) -> None:
    """Wait for an event in a channel, at most 0.2 s: it may have come already."""
    try:
        async with asyncio.timeout(0.2):
            await member.hear(lambda _, data: data.get("channel_id") == channel, start=start)
    except TimeoutError:
        return


def is_finished(message: Message) -> bool:
    """Return whether an answer is finished: it has the button Regenerate."""
    return "Regenerate" in buttons(message)


async def wait_finished(harness: Watching, channel: str, count: int) -> list[Message]:
    """Wait until the bot has `count` messages in a channel and the last one is a finished answer."""
    return await wait_for_messages(
        harness, channel, lambda found: len(found) == count and is_finished(found[-1])
    )


async def open_thread(harness: Harness, files: Any = CIRCLE, content: str = "") -> str:
    """Post a picture in the captioned channel, press the caption's button, and return the thread's id."""
    message = await harness.ada.post(harness.pictures, content, files=files)
    caption = await harness.ada.reply_to(message)
    start = len(harness.ada.heard)
    await press(harness.ada, caption, "Talk about it")
    created = await harness.ada.hear(lambda kind, _: kind == "THREAD_CREATE", start=start)
    return str(created["id"])


async def wait_for_thread(harness: Watching, thread_id: str) -> None:
    """Wait until a thread was created."""
    await harness.ada.hear(lambda kind, data: kind == "THREAD_CREATE" and data["id"] == thread_id)


def forbid_threads(harness: Harness) -> None:
    """Remove the permission to create threads from every role; call it before the bot connects."""
    for role in harness.pocket.world.guild.roles.values():
        role.permissions &= ~Permission.CREATE_PUBLIC_THREADS


async def delete_conversations(harness: Harness) -> None:
    """Delete every conversation in Redis."""
    redis = connect(harness.redis_url)
    try:
        for kind in ("talk", "said", "talked"):
            keys = [key async for key in redis.scan_iter(f"beholder:{kind}:*")]
            if keys:
                await redis.delete(*keys)
    finally:
        await redis.aclose()
