"""The message with which an interaction was deferred: what stands in it meanwhile, and in the end."""

import asyncio
import contextlib
import io
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar, cast

import aiohttp
import discord

log = logging.getLogger(__name__)

ORIGINAL: Final = cast("int", "@original")
"""Discord's name for the first response. discord.py's own way to it needs the `Interaction`, which a restart
loses; its route takes any text."""
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
"""Seconds between attempts while Discord cannot be reached."""
UNKNOWN_MESSAGE = 10008
OVER = frozenset({10015, 50027})
"""Discord's error codes for a token that is not known (any more)."""


T = TypeVar("T")


class TokenExpired(Exception):
    """The interaction's token works no longer, or Discord could not be reached for as long as it did."""


@dataclass(frozen=True)
class OutgoingFile:
    """A file on an outcome.

    Attributes:
        name: As people see it.
        data: Its bytes.
        alt: What it shows, for those who cannot see it; at most 1024 characters.
        spoiler: Whether it is hidden until somebody clicks.
    """

    name: str
    data: bytes = field(repr=False)
    alt: str | None = None
    spoiler: bool = False

    def file(self) -> discord.File:
        """Make what discord.py sends; one for each attempt, since sending uses it up."""
        return discord.File(
            io.BytesIO(self.data), self.name, description=self.alt or None, spoiler=self.spoiler
        )


@dataclass(frozen=True)
class OutgoingMessage:
    """What a request came to.

    Attributes:
        text: At most 2000 characters, escaped.
        files: What stands below it, at most ten.
    """

    text: str
    files: Sequence[OutgoingFile] = ()

    def attachments(self) -> list[discord.File]:
        """Make the files that discord.py sends."""
        return [each.file() for each in self.files]


class DeferredResponse:
    """An interaction's deferred response, reached by its token.

    Args:
        webhook: Of the application and the token.
        private: Whether it was deferred ephemerally.
        request: The request's id, for the log.
        until: The event loop's time at which the token ends.
    """

    def __init__(self, webhook: discord.Webhook, *, private: bool, request: str, until: float) -> None:
        self._webhook = webhook
        self._private = private
        self._request = request
        self._until = until

    async def show(self, text: str) -> None:
        """Let something stand there meanwhile; nothing hangs on it."""
        with contextlib.suppress(discord.DiscordException, aiohttp.ClientError, OSError, TimeoutError):
            await self._edit(OutgoingMessage(text))

    async def answer(self, outcome: OutgoingMessage) -> discord.Message | None:
        """Put the outcome in its place.

        Returns:
            The message; None where somebody deleted it: then nobody wants the outcome.

        Raises:
            TokenOver: It cannot be shown this way.
        """
        return await self._insist(lambda: self._edit(outcome))

    async def refuse(self, sentence: str) -> None:
        """Tell the person alone what was wrong; a public placeholder goes.

        The placeholder goes first: directly after a defer, a follow-up takes its place, and is as public.

        Raises:
            TokenOver: It cannot be told this way.
        """
        if self._private:
            await self.answer(OutgoingMessage(sentence))
            return
        await self._insist(lambda: self._webhook.delete_message(ORIGINAL))
        await self._insist(
            lambda: self._webhook.send(
                sentence, ephemeral=True, wait=True, allowed_mentions=discord.AllowedMentions.none()
            )
        )

    async def _edit(self, outcome: OutgoingMessage) -> discord.WebhookMessage:
        return await self._webhook.edit_message(
            ORIGINAL,
            content=outcome.text,
            attachments=outcome.attachments(),
            allowed_mentions=discord.AllowedMentions.none(),
        )

    async def _insist(self, step: Callable[[], Awaitable[T]]) -> T | None:
        """Do something, again while Discord cannot be reached; a message that was deleted is left deleted.

        Returns:
            What came of it; None where the message was deleted.

        Raises:
            TokenOver: The token works no longer.
            discord.HTTPException: Discord refuses.
        """
        pause = FIRST_PAUSE
        while True:
            try:
                return await step()
            except discord.HTTPException as error:
                if error.code == UNKNOWN_MESSAGE:
                    log.info("%s: its message was deleted", self._request)
                    return None
                if error.code in OVER:
                    raise TokenExpired from error
                if error.status < 500 and error.status != 429:
                    raise
                problem: Exception = error
            except (aiohttp.ClientError, OSError, TimeoutError, discord.RateLimited) as error:
                problem = error
            if asyncio.get_running_loop().time() + pause > self._until:
                raise TokenExpired from problem
            log.warning("%s: Discord not reached (%s)", self._request, type(problem).__name__)
            await asyncio.sleep(pause)
            pause = min(LONGEST_PAUSE, pause * 2)
