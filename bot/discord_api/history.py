"""Read a channel's messages, each on its own: one that discord.py cannot build costs that one alone."""

import logging
from collections.abc import AsyncIterator

import discord

from inference.errors import error_place

log = logging.getLogger(__name__)

PAGE_SIZE = 100
"""Messages in one answer of Discord's, at most."""


async def read_history(
    channel: discord.abc.Messageable,
    *,
    limit: int,
    before: int | None = None,
    after: int | None = None,
) -> AsyncIterator[discord.Message]:
    """Yield the messages of a channel.

    `channel.history` ends with an error at a message that it cannot build.

    Args:
        channel: The channel.
        limit: The most messages that are read.
        before: Only messages before this id are read, the newest first.
        after: Only messages after this id are read, the oldest first.

    Raises:
        discord.HTTPException, OSError: Discord refuses, or cannot be reached.
    """
    place = await channel._get_channel()  # noqa: SLF001 - as `channel.history` does
    state = channel._state  # noqa: SLF001
    while limit > 0:
        size = min(limit, PAGE_SIZE)
        page = await state.http.logs_from(place.id, size, before=before, after=after)
        ordered = sorted(page, key=lambda raw: int(raw["id"]), reverse=after is None)
        for raw in ordered:
            try:
                # discord.py builds a message without one, and whoever asks for it fails.
                _ = raw["author"]["id"]
                message = state.create_message(channel=place, data=raw)
            except Exception as error:  # noqa: BLE001 - whatever it is, the others can be built
                log.error("message %s cannot be read: %s", raw["id"], error_place(error))  # noqa: TRY400
                continue
            yield message
        if len(page) < size:
            return
        limit -= size
        last = int(ordered[-1]["id"])
        before, after = (last, None) if after is None else (None, last)
