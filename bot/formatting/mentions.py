"""Discord's marks in what members write -> words: custom emoji, mentions, timestamps.

A mark is how a client writes what it then shows as something else: `<@80351110224678912>`, `<:cat:123>`,
`<t:1700000000:R>`. A model reads its characters, and a message of the bot's shows them escaped; so wherever a
member's words go to a model, or are shown again, they go through here first. Names come from the payload and
from the cache of the server that it was sent in, never from another server, and only those of channels that
the member can see.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import discord

from inference.text import visible_text

_MARK = re.compile(
    r"(?P<code>(?P<ticks>`++).+?(?<!`)(?P=ticks)(?!`))|(?P<escape>\\.)"
    r"|<(?:a?:(?P<emoji>\w{1,64}):\d{1,20}"
    r"|@!?(?P<user>\d{1,20})"
    r"|@&(?P<role>\d{1,20})"
    r"|#(?P<channel>\d{1,20})"
    r"|/(?P<command>[^<>:\n]{1,100}):\d{1,20}"
    r"|id:(?P<page>[a-z-]{1,32})(?::(?P<page_role>\d{1,20}))?"
    r"|sound:\d{1,20}:(?P<sound>\d{1,20})"
    r"|t:(?P<time>-?\d{1,16})(?::(?P<style>[A-Za-z]))?)>",
    re.DOTALL,
)
"""A mark, or what keeps Discord from reading one: code, and a backslash."""
_PAGES = {
    "customize": "Channels & Roles",
    "browse": "Browse Channels",
    "guide": "Server Guide",
    "home": "Server Guide",
    "linked-roles": "Linked Roles",
}
"""Names of the pages of a server that can be linked."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIME_STYLES = {
    "t": "{0:%H:%M} UTC",
    "T": "{0:%H:%M:%S} UTC",
    "d": "{0.day} {0:%B} {0.year}",
    "D": "{0.day} {0:%B} {0.year}",
    "f": "{0.day} {0:%B} {0.year} {0:%H:%M} UTC",
    "F": "{0:%A} {0.day} {0:%B} {0.year} {0:%H:%M} UTC",
    "s": "{0.day} {0:%B} {0.year} {0:%H:%M} UTC",
    "S": "{0.day} {0:%B} {0.year} {0:%H:%M:%S} UTC",
}
"""How each style is written, without a comma: a comma separates labels."""
_UNITS = (("year", 31_556_952), ("month", 2_629_746), ("day", 86_400), ("hour", 3600), ("minute", 60))

Source = discord.Message | discord.Interaction[Any]
"""What brought the text: it has the names, and the member who wrote it."""


def plain_text(text: str, source: Source) -> str:
    """Write Discord's marks in a member's text as what a client shows: `:cat:`, `@Ada`, `#general`.

    What is not known is a plain word, such as `@unknown user`. Marks in code, and those after a backslash,
    stay as they are: they are shown so.

    Args:
        text: As the member wrote it.
        source: The message or interaction that brought it.
    """
    names = _Names.of(source)

    def words(mark: re.Match[str]) -> str:
        write = next((each for group, each in _WRITERS.items() if mark[group] is not None), None)
        return mark[0] if write is None else write(mark, names)

    return _MARK.sub(words, text)


def message_words(message: discord.Message, bot_id: int) -> str:
    """Return a message's words: its text without mentions of the bot, all other marks written as words.

    Without what hides or reorders text (`visible_text`).

    Args:
        message: A member's message.
        bot_id: The bot's own id. Mentions of the role that Discord made for it are left out, too.
    """
    own_role = message.guild.self_role if message.guild is not None else None
    text = re.sub(rf"<@!?{bot_id}>" + (rf"|<@&{own_role.id}>" if own_role else ""), " ", message.content)
    return visible_text(plain_text(text, message)).strip()


@dataclass(frozen=True)
class _Names:
    """The names that a text may refer to.

    Attributes:
        users: Display names by id.
        guild: The server that it was written in; None in a DM, and where it is not cached.
        author: Who wrote it.
        channel_id: Where.
        now: When.
    """

    users: Mapping[int, str]
    guild: discord.Guild | None
    author: discord.User | discord.Member
    channel_id: int | None
    now: datetime

    @classmethod
    def of(cls, source: Source) -> "_Names":
        if isinstance(source, discord.Message):
            users = {each.id: each.display_name for each in (*source.mentions, source.author)}
            return cls(users, source.guild, source.author, source.channel.id, source.created_at)
        known = dict(_resolved_users(source))
        if source.client.user is not None:
            known[source.client.user.id] = source.client.user.display_name
        known[source.user.id] = source.user.display_name
        return cls(known, source.guild, source.user, source.channel_id, source.created_at)

    def user(self, user_id: int) -> str:
        """Return a user's name in this server."""
        member = self.guild.get_member(user_id) if self.guild is not None else None
        name = self.users.get(user_id) or (member.display_name if member is not None else "")
        return f"@{name}" if name else "@unknown user"

    def role(self, role_id: int) -> str:
        """Return the name of one of this server's roles."""
        role = self.guild.get_role(role_id) if self.guild is not None else None
        return f"@{role.name.removeprefix('@')}" if role is not None else "@unknown role"

    def channel(self, channel_id: int) -> str:
        """Return the name of one of this server's channels that the author can see."""
        channel = self.guild.get_channel_or_thread(channel_id) if self.guild is not None else None
        if channel is None or not self._can_see(channel):
            return "#unknown channel"
        return f"#{channel.name}"

    def _can_see(self, channel: discord.abc.GuildChannel | discord.Thread) -> bool:
        if channel.id == self.channel_id:
            return True
        if not isinstance(self.author, discord.Member):
            return False
        try:
            rights = channel.permissions_for(self.author)
        except discord.ClientException:
            # A thread whose channel is not cached.
            return False
        private = isinstance(channel, discord.Thread) and channel.is_private()
        return rights.view_channel and (rights.manage_threads or not private)


def _resolved_users(interaction: discord.Interaction[Any]) -> Iterator[tuple[int, str]]:
    """Yield ids and display names of the users that an interaction's payload has."""
    payload: Mapping[str, Any] = dict(interaction.data or {})
    resolved: Mapping[str, Any] = payload.get("resolved") or {}
    members = resolved.get("members") or {}
    for user_id, user in (resolved.get("users") or {}).items():
        nick = (members.get(user_id) or {}).get("nick")
        yield int(user_id), nick or user.get("global_name") or user.get("username") or ""


def _time(seconds: int, style: str, now: datetime) -> str:
    """Write a timestamp; a relative one as seen at `now`."""
    try:
        moment = _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        return "an unknown time"
    return (
        _relative(moment, now) if style == "R" else _TIME_STYLES.get(style, _TIME_STYLES["f"]).format(moment)
    )


def _relative(moment: datetime, now: datetime) -> str:
    """Write how long ago a moment was, or in how long it is, in its largest unit."""
    seconds = (moment - now).total_seconds()
    away = abs(seconds)
    for unit, length in _UNITS:
        if away >= length:
            number = int(away // length)
            span = f"{number} {unit}{'s' * (number != 1)}"
            return f"in {span}" if seconds > 0 else f"{span} ago"
    return "in a few seconds" if seconds > 0 else "a few seconds ago"


def _page(mark: re.Match[str], names: _Names) -> str:
    name = _PAGES.get(mark["page"], "a page of this server")
    return f"{name} ({names.role(int(mark['page_role']))})" if mark["page_role"] else name


_WRITERS: dict[str, Callable[[re.Match[str], _Names], str]] = {
    "emoji": lambda mark, _: f":{mark['emoji']}:",
    "user": lambda mark, names: names.user(int(mark["user"])),
    "role": lambda mark, names: names.role(int(mark["role"])),
    "channel": lambda mark, names: names.channel(int(mark["channel"])),
    "command": lambda mark, _: f"/{mark['command']}",
    "page": _page,
    "sound": lambda _mark, _names: "(a sound)",
    "time": lambda mark, names: _time(int(mark["time"]), mark["style"] or "f", names.now),
}
"""By the group of `_MARK` that matched: writes the mark."""
