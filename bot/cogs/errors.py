"""What goes wrong with a command is said to its caller alone, in one sentence."""

import logging
import traceback
from pathlib import Path

import discord
from discord import app_commands

from bot import replies
from bot.call import UserError
from bot.client import Beholder
from bot.telling import tell
from inference.errors import BeholderError

log = logging.getLogger(__name__)

OUTDATED = "This command has changed. Reload Discord (Ctrl+R, or start the app anew) and call it again."
MISSING = "You may not use this command here. Ask somebody who manages this server."
DIRECT = "This command works in servers only."


def said(error: app_commands.AppCommandError) -> str | None:
    """Put an error into a sentence for the person; None: it is a fault of ours, and belongs in the log."""
    cause = error.original if isinstance(error, app_commands.CommandInvokeError) else error
    match cause:
        case UserError():
            return str(cause)
        case BeholderError():
            return replies.sentence(cause)
        case app_commands.CommandNotFound() | app_commands.CommandSignatureMismatch():
            return OUTDATED
        case app_commands.NoPrivateMessage():
            return DIRECT
        case app_commands.CheckFailure():
            return MISSING
        case _:
            return None


def _where(error: app_commands.AppCommandError) -> str:
    """Name an error's type and place, never its words: they may hold what people wrote."""
    cause = error.original if isinstance(error, app_commands.CommandInvokeError) else error
    frames = traceback.extract_tb(cause.__traceback__)
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
    return f"{type(cause).__name__} at {place}"


async def on_error(interaction: discord.Interaction, error: app_commands.AppCommandError) -> None:
    """Tell whoever called a command what was wrong with it."""
    sentence = said(error)
    if sentence is None:
        log.error("interaction %d: %s", interaction.id, _where(error))
        sentence = replies.BROKE
    await tell(interaction, sentence)


async def setup(client: Beholder) -> None:
    """Make it the handler of every command's errors."""
    client.tree.error(on_error)
