"""Resolve a message's mentions, by its text, its author's permissions and its allowed mentions."""

import re
from dataclasses import dataclass

from bot.playground.errors import field_error
from bot.playground.forms.message_forms import AllowedMentions
from bot.playground.state.permissions import Permission
from bot.playground.state.records import Channel, Guild, Message
from bot.playground.state.world import World

USER = re.compile(r"<@!?(\d{1,19})>")
ROLE = re.compile(r"<@&(\d{1,19})>")
EVERYONE = re.compile(r"@(everyone|here)\b")


@dataclass(frozen=True)
class ResolvedMentions:
    """The mentioned users and roles by id, and whether @everyone or @here is mentioned."""

    users: list[int]
    roles: list[int]
    everyone: bool


def check_allowed(allowed: AllowedMentions | None) -> None:
    """Raise where `parse` and an explicit list exclude each other.

    Raises:
        ApiError: A kind is in `parse` and has a list.
    """
    if allowed is None or allowed.parse is None:
        return
    for kind, listed in (("users", allowed.users), ("roles", allowed.roles)):
        if listed and kind in allowed.parse:
            raise field_error(
                ("allowed_mentions",),
                f'parse:["{kind}"] and {kind}: [ids...] are mutually exclusive.',
            )


def resolve(
    world: World,
    channel: Channel,
    message: Message,
    allowed: AllowedMentions | None,
    replied_to: Message | None,
) -> ResolvedMentions:
    """Return the mentions of a message.

    Args:
        world: The world.
        channel: The channel.
        message: The message with its author and content.
        allowed: Its allowed mentions, None where the request has none.
        replied_to: The message that it replies to.
    """
    bits = world.permissions(channel, message.author_id)
    text = "\n".join([message.content, *(each.get("content", "") for each in message.components)])
    users = [each for each in _ids(USER, text) if each in world.users and _allows(allowed, "users", each)]
    if replied_to is not None and _mentions_replied_to(allowed):
        users.append(replied_to.author_id)
    roles = [each for each in _roles(world.guild_of(channel), text, bits) if _allows(allowed, "roles", each)]
    everyone = bool(
        EVERYONE.search(text) and bits & Permission.MENTION_EVERYONE and _allows(allowed, "everyone", 0)
    )
    return ResolvedMentions(list(dict.fromkeys(users)), roles, everyone)


def _ids(pattern: re.Pattern[str], text: str) -> list[int]:
    return [int(each) for each in dict.fromkeys(pattern.findall(text))]


def _roles(guild: Guild | None, text: str, bits: int) -> list[int]:
    """Return the mentioned roles that the author may mention."""
    if guild is None:
        return []
    named = [guild.roles[each] for each in _ids(ROLE, text) if each in guild.roles]
    return [role.id for role in named if role.mentionable or bits & Permission.MENTION_EVERYONE]


def _allows(allowed: AllowedMentions | None, kind: str, each: int) -> bool:
    if allowed is None:
        return True
    listed = {"users": allowed.users, "roles": allowed.roles}.get(kind) or []
    return kind in (allowed.parse or []) or each in listed


def _mentions_replied_to(allowed: AllowedMentions | None) -> bool:
    """Tell whether the author of the message replied to is mentioned. They are, unless `allowed` says no."""
    return allowed is None or bool(allowed.replied_user)
