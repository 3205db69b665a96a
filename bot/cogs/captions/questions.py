"""The question in a message to the bot: its words, without the bot's name and without links."""

import re

import discord

from bot.formatting.mentions import message_words
from handlers.text import tidy

_LINK = re.compile(r"<?https?://\S+")
_EMOJI = re.compile(r":\w+:")
_BARS = re.compile(r"\|\|\s*\|\|")


def question_of(message: discord.Message, bot_id: int) -> str | None:
    """Return the words of a message as one line; None where it has none.

    Links are no words: they show a picture. Emoji alone, custom ones too, are no question.
    """
    words = tidy(_BARS.sub(" ", _LINK.sub(_bars_after, message_words(message, bot_id))))
    return words if any(char.isalnum() for char in _EMOJI.sub("", words)) else None


def _bars_after(link: re.Match[str]) -> str:
    """Keep the bars of a spoiler that a link stands in."""
    return "||" if link[0].rstrip(">").endswith("||") else " "
