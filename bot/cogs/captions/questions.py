"""The question in a message to the bot: its words, without the bot's name and without links."""

import re

import discord

from handlers.text import tidy

_LINK = re.compile(r"<?https?://\S+")
_BARS = re.compile(r"\|\|\s*\|\|")


def question_of(message: discord.Message, bot_id: int) -> str | None:
    """Return the words of a message as one line; None where it has none.

    Links are no words: they show a picture. Whom it mentions besides the bot is given by name.
    """
    text = message.content
    role = message.guild.self_role if message.guild is not None else None
    for mention in (f"<@{bot_id}>", f"<@!{bot_id}>", *([role.mention] if role is not None else [])):
        text = text.replace(mention, " ")
    for user in message.mentions:
        text = text.replace(f"<@{user.id}>", f"@{user.display_name}")
    words = tidy(_BARS.sub(" ", _LINK.sub(_bars_after, text)))
    return words if any(char.isalnum() for char in words) else None


def _bars_after(link: re.Match[str]) -> str:
    """Keep the bars of a spoiler that a link stands in."""
    return "||" if link[0].rstrip(">").endswith("||") else " "
