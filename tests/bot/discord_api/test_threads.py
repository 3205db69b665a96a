"""Threads in discord.py's own channels, since the pocket Discord has no forums."""

from typing import Any

import discord
import pytest

from bot.discord_api.threads import can_create_threads, thread_for
from bot.events.router import is_own_thread

ME, ADA, GUILD, FORUM, POST, TEXT = 1, 2, 10, 20, 21, 30
EVERYTHING = str(discord.Permissions.all().value)


def role() -> dict[str, Any]:
    return {
        "id": str(GUILD),
        "name": "@everyone",
        "permissions": EVERYTHING,
        "position": 0,
        "color": 0,
        "colors": {"primary_color": 0},
        "hoist": False,
        "managed": False,
        "mentionable": False,
    }


def channel(number: int, kind: int) -> dict[str, Any]:
    return {"id": str(number), "type": kind, "name": "a channel", "position": 0, "permission_overwrites": []}


def user(number: int) -> dict[str, Any]:
    return {"id": str(number), "username": "someone", "discriminator": "0", "avatar": None}


@pytest.fixture
async def client() -> discord.Client:
    client = discord.Client(intents=discord.Intents(guilds=True))
    state: Any = client._connection
    state.user = discord.ClientUser(state=state, data=user(ME))  # type: ignore[arg-type]
    post = {
        "id": str(POST),
        "parent_id": str(FORUM),
        "owner_id": str(ADA),
        "type": 11,
        "name": "a post",
        "message_count": 1,
        "member_count": 1,
        "thread_metadata": {
            "archived": False,
            "auto_archive_duration": 60,
            "archive_timestamp": "2026-01-01T00:00:00+00:00",
        },
    }
    data: Any = {
        "id": str(GUILD),
        "name": "a server",
        "roles": [role()],
        "channels": [channel(FORUM, 15), channel(TEXT, 0)],
        "threads": [post],
        "members": [
            {"user": user(ME), "roles": [], "joined_at": None, "deaf": False, "mute": False, "flags": 0}
        ],
    }
    state._add_guild(discord.Guild(data=data, state=state))
    return client


async def test_a_forum_post_is_no_thread_of_the_bot_and_gets_none(client: discord.Client) -> None:
    post = client.get_channel(POST)
    assert isinstance(post, discord.Thread)
    assert isinstance(post.parent, discord.ForumChannel)
    assert not is_own_thread(post, ME)
    assert not can_create_threads(client, POST)
    assert await thread_for(client, POST, 22, "a name") is None, "no request is sent"


async def test_threads_can_be_created_in_a_text_channel(client: discord.Client) -> None:
    assert can_create_threads(client, TEXT)
