"""Tell a member what was wrong with their command, in one sentence that they alone see."""

import logging

import discord
from discord import app_commands

from bot.client import Beholder
from bot.formatting.status import INTERNAL_ERROR
from bot.interactions.response import refusal, send_ephemeral
from inference.errors import error_place

log = logging.getLogger(__name__)

OUTDATED = "This command has changed. Reload Discord (Ctrl+R, or start the app anew) and call it again."
MISSING = "You may not use this command here. Ask somebody who manages this server."
DIRECT = "This command works in servers only."


def command_refusal(error: app_commands.AppCommandError) -> str | None:
    """Return the sentence that tells a member of an error; None: it is a fault of ours, and is logged."""
    match cause := _cause(error):
        case app_commands.CommandNotFound() | app_commands.CommandSignatureMismatch():
            return OUTDATED
        case app_commands.NoPrivateMessage():
            return DIRECT
        case app_commands.CheckFailure():
            return MISSING
        case _:
            return refusal(cause)


def _cause(error: app_commands.AppCommandError) -> Exception:
    return error.original if isinstance(error, app_commands.CommandInvokeError) else error


async def on_error(interaction: discord.Interaction, error: app_commands.AppCommandError) -> None:
    """Handle the error of any command."""
    sentence = command_refusal(error)
    if sentence is None:
        log.error("interaction %d: %s", interaction.id, error_place(_cause(error)))
    await send_ephemeral(interaction, sentence or INTERNAL_ERROR)


async def setup(client: Beholder) -> None:
    """Make it the handler of every command's errors."""
    client.tree.error(on_error)
