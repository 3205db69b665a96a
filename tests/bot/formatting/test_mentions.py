"""Discord's marks, written as words, from discord.py's own messages and caches."""

from datetime import UTC, datetime, timedelta
from typing import Any

import discord
import pytest
from discord.state import ConnectionState
from hypothesis import given
from hypothesis import strategies as st

from bot.cogs.captions.questions import question_of
from bot.cogs.chat.turns import user_turn
from bot.formatting.mentions import message_words, plain_text

HERE, ELSEWHERE = 1, 2
ADA, BEN, BOT = 11, 12, 99
GENERAL, HIDDEN, THREAD, FAR = 21, 22, 23, 24
PAINTERS, EVERYONE, BOTS = 31, HERE, 33
VIEW = 1 << 10
WRITTEN = datetime(2026, 5, 17, 12, 0, tzinfo=UTC)
SNOWFLAKE = discord.utils.time_snowflake(WRITTEN)


def user(user_id: int, name: str) -> dict[str, Any]:
    return {
        "id": str(user_id),
        "username": name.lower(),
        "global_name": name,
        "discriminator": "0",
        "avatar": None,
    }


def channel(channel_id: int, name: str, *, hidden: bool = False) -> dict[str, Any]:
    overwrites = [{"id": str(HERE), "type": 0, "allow": "0", "deny": str(VIEW)}] if hidden else []
    return {
        "id": str(channel_id),
        "type": 0,
        "name": name,
        "position": 0,
        "permission_overwrites": overwrites,
    }


def role(role_id: int, name: str, **more: Any) -> dict[str, Any]:
    colors = {"primary_color": 0, "secondary_color": None, "tertiary_color": None}
    return {
        "id": str(role_id),
        "name": name,
        "permissions": str(VIEW),
        "position": 0,
        "color": 0,
        "colors": colors,
        "hoist": False,
        "managed": False,
        "mentionable": False,
        **more,
    }


def member(name: str) -> dict[str, Any]:
    return {
        "nick": name,
        "roles": [],
        "joined_at": "2026-01-01T00:00:00+00:00",
        "deaf": False,
        "mute": False,
        "flags": 0,
    }


def guild(guild_id: int, channels: list[Any], roles: list[Any]) -> dict[str, Any]:
    thread = {
        "id": str(THREAD),
        "type": 11,
        "name": "about a cat",
        "parent_id": str(GENERAL),
        "owner_id": str(BOT),
        "guild_id": str(guild_id),
        "member_count": 1,
        "message_count": 1,
        "rate_limit_per_user": 0,
        "thread_metadata": {
            "archived": False,
            "auto_archive_duration": 60,
            "locked": False,
            "archive_timestamp": "2026-01-01T00:00:00+00:00",
        },
    }
    return {
        "id": str(guild_id),
        "name": "a server",
        "channels": channels,
        "roles": roles,
        "threads": [thread] if guild_id == HERE else [],
        "members": [],
        "member_count": 2,
    }


@pytest.fixture(scope="module")
def state() -> ConnectionState[Any]:
    """A client's cache with two servers."""
    client = discord.Client(intents=discord.Intents.default(), max_messages=None)
    found: ConnectionState[Any] = client._connection
    found.user = discord.ClientUser(state=found, data=user(BOT, "Beholder"))  # type: ignore[arg-type]
    channels = [channel(GENERAL, "general"), channel(HIDDEN, "plans", hidden=True)]
    own = role(BOTS, "Beholder", tags={"bot_id": str(BOT)}, managed=True)
    roles = [role(EVERYONE, "@everyone"), role(PAINTERS, "Painters, Sunday"), own]
    for data in (
        guild(HERE, channels, roles),
        guild(ELSEWHERE, [channel(FAR, "secret")], [role(ELSEWHERE, "@everyone"), role(41, "Spies")]),
    ):
        found._add_guild(discord.Guild(data=data, state=found))  # type: ignore[arg-type]
    return found


def message(state: ConnectionState[Any], text: str, *, direct: bool = False) -> discord.Message:
    data = {
        "id": str(SNOWFLAKE),
        "channel_id": str(GENERAL),
        "type": 0,
        "content": text,
        "author": user(ADA, "Ada"),
        "attachments": [],
        "embeds": [],
        "edited_timestamp": None,
        "pinned": False,
        "mention_everyone": False,
        "tts": False,
        "mention_roles": [],
        "mentions": [{**user(BEN, "Ben"), "member": member("Ben of the hill")}],
    }
    if not direct:
        data |= {"guild_id": str(HERE), "member": member("Ada")}
    found = state._get_guild(HERE)
    assert found is not None
    place: Any = found.get_channel(GENERAL)
    if direct:
        place = discord.PartialMessageable(state=state, id=GENERAL, type=discord.ChannelType.private)
    return discord.Message(state=state, channel=place, data=data)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("mark", "words"),
    [
        ("<:cat:123>", ":cat:"),
        ("<a:dancing_cat:123456789012345678>", ":dancing_cat:"),
        (f"<@{BEN}>", "@Ben of the hill"),
        (f"<@!{BEN}>", "@Ben of the hill"),
        (f"<@{ADA}>", "@Ada"),
        ("<@777>", "@unknown user"),
        (f"<#{GENERAL}>", "#general"),
        (f"<#{THREAD}>", "#about a cat"),
        (f"<#{HIDDEN}>", "#unknown channel"),
        (f"<#{FAR}>", "#unknown channel"),
        (f"<@&{PAINTERS}>", "@Painters, Sunday"),
        (f"<@&{EVERYONE}>", "@everyone"),
        ("<@&41>", "@unknown role"),
        ("</ask:5>", "/ask"),
        ("</captions off:5>", "/captions off"),
        ("<id:customize>", "Channels & Roles"),
        ("<id:browse>", "Browse Channels"),
        ("<id:guide>", "Server Guide"),
        (f"<id:linked-roles:{PAINTERS}>", "Linked Roles (@Painters, Sunday)"),
        ("<t:1700000000>", "14 November 2023 22:13 UTC"),
        ("<t:1700000000:t>", "22:13 UTC"),
        ("<t:1700000000:T>", "22:13:20 UTC"),
        ("<t:1700000000:d>", "14 November 2023"),
        ("<t:1700000000:D>", "14 November 2023"),
        ("<t:1700000000:f>", "14 November 2023 22:13 UTC"),
        ("<t:1700000000:F>", "Tuesday 14 November 2023 22:13 UTC"),
        ("<t:-62135596800:D>", "1 January 1"),
        ("<t:9999999999999:R>", "an unknown time"),
    ],
)
def test_a_mark_is_written_as_what_members_see(state: ConnectionState[Any], mark: str, words: str) -> None:
    turn = user_turn(message(state, f"what does {mark} mean?"), BOT)
    assert turn is not None
    assert turn.text == f"what does {words} mean?"


@pytest.mark.parametrize(
    ("away", "words"),
    [
        (timedelta(seconds=-5), "a few seconds ago"),
        (timedelta(seconds=70), "in 1 minute"),
        (timedelta(hours=3, minutes=50), "in 3 hours"),
        (timedelta(days=-1, hours=-2), "1 day ago"),
        (timedelta(days=-400), "1 year ago"),
        (timedelta(days=70), "in 2 months"),
    ],
)
def test_a_relative_time_is_told_as_seen_when_it_was_written(
    state: ConnectionState[Any], away: timedelta, words: str
) -> None:
    mark = f"<t:{int((WRITTEN + away).timestamp())}:R>"
    assert plain_text(mark, message(state, mark)) == words


@pytest.mark.parametrize(
    "text",
    [
        f"`<@{BEN}>`",
        f"```\n<#{GENERAL}>\n```",
        f"``a ` <@{BEN}>``",
        f"\\<@{BEN}>",
        "a < b > c",
        "<http://a.b>",
        "<@>",
        "<t:x>",
        "<::1>",
    ],
)
def test_what_discord_does_not_read_as_a_mark_stays(state: ConnectionState[Any], text: str) -> None:
    assert plain_text(text, message(state, text)) == text


def test_without_a_server_no_name_of_one_is_told(state: ConnectionState[Any]) -> None:
    text = f"<#{GENERAL}> <@&{PAINTERS}> <@{BEN}> <@{ADA}>"
    direct = message(state, text, direct=True)
    assert plain_text(text, direct) == "#unknown channel @unknown role @Ben @Ada"


def test_mentions_of_the_bot_are_no_words(state: ConnectionState[Any]) -> None:
    text = f"<@{BOT}> <@!{BOT}><@&{BOTS}> what is <:cat:1>?"
    assert message_words(message(state, text), BOT) == "what is :cat:?"


@given(st.text(st.sampled_from("<>@&!#:/tia`\\1 9")) | st.text())
def test_any_text_is_read(state: ConnectionState[Any], text: str) -> None:
    words = plain_text(text, message(state, text))
    assert words == text or "<" in text


def test_emoji_beside_the_bots_name_are_no_question(state: ConnectionState[Any]) -> None:
    assert question_of(message(state, f"<@{BOT}> <:eyes:1>"), BOT) is None
    assert question_of(message(state, f"<@{BOT}> <:eyes:1> who is <@{BEN}>"), BOT) == (
        ":eyes: who is @Ben of the hill"
    )
