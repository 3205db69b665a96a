"""The lines that the bot prints once it is in Discord: its name, its servers, and its invite link."""

import discord
import yarl

from bot.client import Beholder
from handlers.text import tidy
from inference.text import graphemes

MAX_NAMES = 5
"""Servers that are named; the others are counted."""
MAX_NAME_LENGTH = 40
"""Grapheme clusters of a name."""
PERMISSIONS = discord.Permissions(
    view_channel=True,
    send_messages=True,
    send_messages_in_threads=True,
    create_public_threads=True,
    read_message_history=True,
    attach_files=True,
    embed_links=True,
)
"""What the bot needs in a server; README.md lists the same."""


def invite_url(application_id: int) -> str:
    """Return the address at which an admin adds the bot to a server, with its commands and permissions."""
    return discord.utils.oauth_url(
        application_id, permissions=PERMISSIONS, scopes=("bot", "applications.commands")
    )


def ready_lines(client: Beholder) -> list[str]:
    """Say who the bot is, where it is, and how to reach it.

    Args:
        client: The bot, in a gateway session.

    Returns:
        Two lines, without anything that a terminal would act on.
    """
    name = _shown(client.user.name if client.user else "", "The bot")
    settings = client.settings
    shard = f" (shard {settings.shard_id} of {settings.shard_count})" if settings.shard_count > 1 else ""
    where = servers([_shown(guild.name or "", str(guild.id)) for guild in client.guilds])
    if settings.discord_api is not None:
        then = f"Open {yarl.URL(settings.discord_api).origin()} in a browser."
    else:
        then = f"To add it to a server: {invite_url(client.application_id or 0)}"
    return [f"  Bot       {name}{shard} is ready, in {where}.", f"            {then}"]


def servers(names: list[str]) -> str:
    """Count servers, and name the first `MAX_NAMES`."""
    if not names:
        return "no server yet"
    count = f"{len(names)} server{'s' if len(names) > 1 else ''}"
    further = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    return f"{count}: {', '.join(names[:MAX_NAMES])}{further}"


def _shown(name: str, fallback: str) -> str:
    """Return a name that members chose on one line, without control characters, and cut."""
    clusters = graphemes(tidy(name))
    cut = "".join(clusters[:MAX_NAME_LENGTH])
    return f"{cut}…" if len(clusters) > MAX_NAME_LENGTH else cut or fallback
