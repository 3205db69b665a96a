"""An answer that is under way -> its stream; and what is shown until its first words are there."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import discord

from bot import replies, talk_replies
from bot.answering import type_until_cancelled
from bot.stream import Stream, TargetDeleted
from handlers.chat.service import ChatJob, ChatService
from inference.errors import QueueUnavailable
from inference.schema import Conversed, Delta

SECONDS_TO_PLACE = 3.0
"""After which somebody who waits hears how many are before them, and between two looks at that."""


async def follow(stream: Stream, answering: ChatJob, converser: ChatService) -> Conversed:
    """Show the answer as it comes, and return the whole.

    Raises:
        BeholderError: There is none.
        Gone: Nobody is there to be answered.
    """
    following = asyncio.create_task(_pieces(stream, answering))
    gone = asyncio.create_task(stream.gone.wait())
    try:
        await asyncio.wait([following, gone], return_when=asyncio.FIRST_COMPLETED)
        if not following.done():
            raise TargetDeleted
        return await converser.result(answering)
    finally:
        for task in (following, gone):
            task.cancel()
        await asyncio.gather(following, gone, return_exceptions=True)


async def _pieces(stream: Stream, answering: ChatJob) -> None:
    """Show each piece as it comes; a piece that is missing lets the whole be waited for."""
    text, attempt, expected = "", 0, 0
    async for piece in answering.ticket.deltas():
        if not isinstance(piece, Delta):
            stream.note(talk_replies.small(talk_replies.pulling(piece.done)))
            continue
        if piece.attempt != attempt:
            text, attempt, expected = "", piece.attempt, 0
        if piece.seq == expected:
            expected += 1
            text += piece.text
            stream.show(text)


@contextlib.asynccontextmanager
async def waiting_shown(
    stream: Stream, channel: discord.abc.Messageable, converser: ChatService
) -> AsyncIterator["asyncio.Future[ChatJob]"]:
    """Show that something is being done for as long as it is."""
    submitted: asyncio.Future[ChatJob] = asyncio.get_running_loop().create_future()
    showing = [
        asyncio.create_task(type_until_cancelled(channel)),
        asyncio.create_task(_hold(stream, submitted, converser)),
    ]
    try:
        yield submitted
    finally:
        for task in showing:
            task.cancel()
        await asyncio.gather(*showing, return_exceptions=True)


async def _hold(stream: Stream, submitted: "asyncio.Future[ChatJob]", converser: ChatService) -> None:
    """Tell somebody who waits how many are before them, or that no worker is up."""
    ticket = (await submitted).ticket
    shown = ""
    while True:
        await asyncio.sleep(SECONDS_TO_PLACE)
        with contextlib.suppress(QueueUnavailable):
            ahead = await ticket.position()
            if ahead is None:
                return
            text = replies.place(ahead) if await converser.ready() else replies.NO_WORKER
            if text != shown:
                stream.note(talk_replies.small(text))
                shown = text
