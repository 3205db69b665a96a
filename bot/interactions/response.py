"""Respond to an interaction: defer it in time, then show its outcome, or tell the member what is wrong."""

import asyncio
import contextlib
import io
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeVar, cast

import discord

from bot.discord_api.errors import (
    ALREADY_ACKNOWLEDGED,
    DISCORD_ERRORS,
    TOKEN_EXPIRED,
    UNKNOWN_MESSAGE,
    UNKNOWN_WEBHOOK,
)
from bot.discord_api.outgoing import OutgoingFile, OutgoingMessage
from bot.discord_api.retry import retry_discord
from bot.errors import DiscordUnavailable, TokenExpired, UserError
from bot.formatting.errors import error_sentence
from bot.formatting.status import INTERNAL_ERROR
from bot.settings import Delays
from inference.errors import BeholderError, error_place

log = logging.getLogger(__name__)

ORIGINAL: Final = cast("int", "@original")
"""Discord's name for the first response. discord.py's own method needs the `Interaction`, which does not
survive a restart; its route takes any text."""
DEFER_TIMEOUT_S = 2.5
"""Seconds for which deferring is tried; Discord waits for three."""
DEFER_RETRY_DELAYS = Delays(retry_s=0.2, max_retry_s=0.2)

T = TypeVar("T")


async def defer(interaction: discord.Interaction, *, private: bool) -> bool:
    """Defer an interaction: its outcome appears later, and is ephemeral or not from now on.

    Returns:
        Whether it is deferred; if not, Discord tells the member that the application did not respond.
    """

    async def attempt() -> None:
        try:
            await interaction.response.defer(ephemeral=private, thinking=True)
        except discord.HTTPException as error:
            if error.code != ALREADY_ACKNOWLEDGED:
                raise

    try:
        async with asyncio.timeout(DEFER_TIMEOUT_S):
            await retry_discord(attempt, f"interaction {interaction.id}", DEFER_RETRY_DELAYS)
    except (discord.HTTPException, DiscordUnavailable, TimeoutError) as error:
        log.warning("interaction %d: not deferred (%s)", interaction.id, type(error).__name__)
        return False
    return True


class DeferredResponse:
    """The response that takes the place of a deferred interaction's placeholder, reached by the token alone.

    Args:
        webhook: Of the application and the token.
        private: Whether the interaction was deferred ephemerally.
        request_id: For the log.
        expires: The event loop's time at which the token expires.
        delays: Of the retries.
    """

    def __init__(
        self, webhook: discord.Webhook, *, private: bool, request_id: str, expires: float, delays: Delays
    ) -> None:
        self._webhook = webhook
        self._private = private
        self._request_id = request_id
        self._expires = expires
        self._delays = delays

    async def show(self, text: str) -> None:
        """Show a sentence until the outcome is there. Tried once; nothing depends on it."""
        with contextlib.suppress(*DISCORD_ERRORS):
            await self._edit(OutgoingMessage(text))

    async def answer(self, outcome: OutgoingMessage) -> discord.Message | None:
        """Put the outcome in place of the placeholder. Idempotent.

        Returns:
            The message; None where somebody has deleted the placeholder, or where there was none, since the
            interaction was not deferred in time: then the outcome is not wanted.

        Raises:
            TokenExpired: It can no longer be shown this way.
            discord.HTTPException: Discord refuses it.
        """
        return await self._retry(lambda: self._edit(outcome))

    async def refuse(self, sentence: str) -> None:
        """Tell the member alone what was wrong; a public placeholder is deleted.

        It is deleted first: directly after a defer a follow-up takes its place, and is as public.

        Raises:
            TokenExpired: They can no longer be told this way.
        """
        if self._private:
            await self.answer(OutgoingMessage(sentence))
            return
        await self._retry(lambda: self._webhook.delete_message(ORIGINAL))
        await self._retry(
            lambda: self._webhook.send(
                sentence, ephemeral=True, wait=True, allowed_mentions=discord.AllowedMentions.none()
            )
        )

    async def _edit(self, outcome: OutgoingMessage) -> discord.WebhookMessage:
        return await self._webhook.edit_message(
            ORIGINAL,
            content=outcome.text,
            attachments=discord_files(outcome.files),
            allowed_mentions=discord.AllowedMentions.none(),
        )

    async def _retry(self, operation: Callable[[], Awaitable[T]]) -> T | None:
        """Retry until the token expires; a message that was deleted stays deleted.

        Returns:
            What `operation` returns; None where the message was deleted, or never was.
        """
        left = self._expires - asyncio.get_running_loop().time()
        try:
            return await retry_discord(operation, self._request_id, self._delays, timeout_s=left)
        except DiscordUnavailable as error:
            raise TokenExpired from error
        except discord.HTTPException as error:
            if error.code == UNKNOWN_WEBHOOK and self._expires > asyncio.get_running_loop().time():
                # The process was killed before it could defer, and Discord has told the member.
                log.info("%s: it was never deferred", self._request_id)
                return None
            if error.code in TOKEN_EXPIRED:
                raise TokenExpired from error
            if error.code != UNKNOWN_MESSAGE:
                raise
            log.info("%s: its message was deleted", self._request_id)
            return None


def discord_files(files: Sequence[OutgoingFile]) -> list[discord.File]:
    """Make the files that discord.py sends: anew for each attempt, since sending uses them up."""
    return [
        discord.File(io.BytesIO(file.data), file.name, description=file.alt or None, spoiler=file.spoiler)
        for file in files
    ]


async def send_ephemeral(interaction: discord.Interaction[Any], sentence: str) -> None:
    """Say something to the one member whose interaction it is. Tried once."""
    nobody = discord.AllowedMentions.none()
    try:
        if interaction.response.is_done():
            await interaction.followup.send(sentence, ephemeral=True, allowed_mentions=nobody)
        else:
            await interaction.response.send_message(sentence, ephemeral=True, allowed_mentions=nobody)
    except DISCORD_ERRORS as error:
        log.warning("interaction %d: not told (%s)", interaction.id, type(error).__name__)


async def run_or_refuse(interaction: discord.Interaction[Any], action: Awaitable[None]) -> None:
    """Run what a button does. An error is told to the member who pressed it: discord.py only logs it."""
    try:
        await action
    except Exception as error:  # noqa: BLE001 - told below, and logged where it is a fault of ours
        sentence = refusal(error)
        if sentence is None:
            log.error("interaction %d: a button failed: %s", interaction.id, error_place(error))  # noqa: TRY400
        await send_ephemeral(interaction, sentence or INTERNAL_ERROR)


def refusal(error: BaseException) -> str | None:
    """Return the sentence that tells a member of an error; None: it is a fault of ours, and is logged."""
    if isinstance(error, UserError):
        return str(error)
    return error_sentence(error) if isinstance(error, BeholderError) else None
