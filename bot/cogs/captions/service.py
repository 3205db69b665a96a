"""Caption the pictures of messages: from an accepted message to its one reply."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Sequence
from functools import partial

import discord

from bot.client import Beholder
from bot.cogs.captions.buttons import caption_buttons
from bot.discord_api.retry import retry_discord
from bot.durable.delivery import ReplyTarget, reply_once
from bot.durable.runner import progress_shown
from bot.errors import DiscordUnavailable
from bot.events.router import IncomingMessage, MessageHandler
from bot.formatting.captions import caption_results, format_captions
from bot.formatting.status import INTERNAL_ERROR, NO_IMAGE_HERE, NO_WORKER, REDIS_AWAY
from bot.images.extract import ImageRef, extract_images, may_get_embeds
from bot.images.fetcher import image_source
from handlers.captioning import Captioner
from handlers.ports import ImageSource, JobContext
from handlers.storage.channel_settings import ChannelSettings
from handlers.storage.inbox import AcceptResult, OpenPost, Why
from inference.errors import BeholderError, PictureGone, QueueUnavailable

log = logging.getLogger(__name__)

FETCH_TIMEOUT_S = 10.0
"""Seconds for which Discord is tried for a message."""
PLACEHOLDER_TIMEOUT_S = 5.0
"""Seconds for which Discord is tried for a placeholder: the reply itself is tried for longer."""


class CaptionService(MessageHandler):
    """Accepts messages with pictures, and replies to each once with their captions.

    Args:
        client: The bot.
        channels: Which channels have captions on.
    """

    def __init__(self, client: Beholder, channels: ChannelSettings) -> None:
        self._client = client
        self._channels = channels
        self._runner = client.runner
        self._delays = client.delays
        self._bot_id = client.bot_id
        self._captioner = Captioner(client.inference, patience=client.settings.job_seconds)
        client.runner.register(OpenPost, self._resume)

    async def stop(self) -> None:
        """Stop what runs. What has no reply yet stays in the inbox."""
        await self._runner.stop(OpenPost)

    async def handle(self, incoming: IncomingMessage) -> bool:
        """Accept a message that is addressed to the bot, or has pictures where captions are on. Idempotent.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        why = await self._reason(incoming)
        if why is None:
            return False
        request = _request(incoming, why)
        accepted = await self._client.inbox.accept(request)
        if accepted is not AcceptResult.CLOSED:
            check = incoming.backfilled or accepted is AcceptResult.OPEN
            self._start(request, incoming.message, check_existing=check)
        return True

    async def _reason(self, incoming: IncomingMessage) -> Why | None:
        """Return why a message is captioned; None: it is not."""
        if incoming.is_addressed:
            return "dm" if incoming.is_direct else "mention"
        channel = incoming.message.channel
        parent = channel.parent_id if isinstance(channel, discord.Thread) else None
        return "unasked" if await self._channels.captions_on(channel.id, parent) else None

    async def queue_unavailable(self, incoming: IncomingMessage) -> bool:
        """Tell the author of a message that Redis is away. The same reply later becomes the answer."""
        if incoming.is_addressed:
            target = self._target(_request(incoming, "mention"), incoming.message)
            try:
                await reply_once(target, REDIS_AWAY, self._delays, check_existing=True)
            except DiscordUnavailable:
                log.warning("post:%d: neither Redis nor Discord can be reached", incoming.message.id)
        return incoming.is_addressed

    async def message_deleted(self, message_id: int) -> None:
        """Stop captioning a message that was deleted."""
        self._runner.cancel(f"post:{message_id}")

    async def channel_deleted(self, channel_id: int) -> None:
        """Forget the setting of a channel that was deleted."""
        with contextlib.suppress(QueueUnavailable):
            await self._channels.forget(channel_id)

    async def _resume(self, request: OpenPost) -> None:
        self._start(request, None, check_existing=True)

    def _start(self, request: OpenPost, message: discord.Message | None, *, check_existing: bool) -> None:
        self._runner.start(request, partial(self._run, request, message, check_existing=check_existing))

    async def _run(self, request: OpenPost, message: discord.Message | None, *, check_existing: bool) -> None:
        started = time.monotonic()
        message = message or await self._fetch(request)
        context = _job_context(request)
        images: tuple[ImageRef, ...] = ()
        if message is not None:
            message, images = await self._images(request, message)
            target = self._target(request, message)

            async def show_placeholder(text: str) -> None:
                nonlocal check_existing
                check, check_existing = check_existing, True
                await reply_once(
                    target, text, self._delays, check_existing=check, timeout_s=PLACEHOLDER_TIMEOUT_S
                )

            async with progress_shown(
                self._status if request.why != "unasked" else None,
                show_placeholder,
                every_s=self._delays.placeholder_s,
                typing_in=message.channel,
            ):
                text, described = await self._text(context, request, images)
            if text is not None:
                view = partial(caption_buttons, request.message_id) if described else None
                await reply_once(target, text, self._delays, check_existing=check_existing, view=view)
        await self._runner.close(request.id)
        if images:
            with contextlib.suppress(QueueUnavailable):
                await self._captioner.release_results(context, self._sources(request, images))
        log.info("%s: done in %.2f s, %d pictures", request.id, time.monotonic() - started, len(images))

    async def _images(
        self, request: OpenPost, message: discord.Message
    ) -> tuple[discord.Message, tuple[ImageRef, ...]]:
        """Extract the message's pictures, giving Discord the time to embed those of links."""
        asked = request.why != "unasked"
        images = extract_images(message, asked=asked)
        if asked and not images and may_get_embeds(message):
            await asyncio.sleep(self._delays.link_embed_s)
            message = await self._fetch(request) or message
            images = extract_images(message, asked=asked)
        return message, images

    async def _text(
        self, context: JobContext, request: OpenPost, images: Sequence[ImageRef]
    ) -> tuple[str | None, bool]:
        """Caption the pictures.

        Returns:
            The reply's text, None where nobody waits and there is no picture (any more); and whether a
            picture has a caption.
        """
        if not images:
            return (NO_IMAGE_HERE if context.priority == "waiting" else None), False
        try:
            outcomes = await self._captioner.caption(context, self._sources(request, images))
        except Exception:
            # A fault of ours must not leave a member without an answer.
            log.exception("%s: failed", request.id)
            return INTERNAL_ERROR, False
        text = format_captions(caption_results(outcomes, [each.spoiler for each in images]))
        return text, not all(isinstance(each, BeholderError) for each in outcomes)

    async def _status(self) -> str | None:
        """Return what a member who waits is told; None while a worker for captions is up."""
        return None if await self._client.inference.workers_ready(["caption"]) else NO_WORKER

    def _target(self, request: OpenPost, message: discord.Message) -> ReplyTarget:
        return ReplyTarget(message.channel, request.channel_id, request.message_id, self._bot_id, request.id)

    async def _fetch(self, request: OpenPost) -> discord.Message | None:
        """Fetch the request's message; None where it is gone, or the bot may not see it any more.

        Raises:
            DiscordUnavailable: Discord could not be reached.
        """
        channel = self._runner.channel_of(request)
        try:
            return await retry_discord(
                lambda: channel.fetch_message(request.message_id),
                request.id,
                self._delays,
                timeout_s=FETCH_TIMEOUT_S,
            )
        except (discord.NotFound, discord.Forbidden):
            return None
        except discord.HTTPException as error:
            raise DiscordUnavailable from error

    def _sources(self, request: OpenPost, images: Sequence[ImageRef]) -> list[ImageSource]:
        async def again() -> tuple[ImageRef, ...]:
            try:
                message = await self._fetch(request)
            except DiscordUnavailable as error:
                raise PictureGone("Discord could not be reached for the message.") from error
            return extract_images(message, asked=request.why != "unasked") if message is not None else ()

        return [image_source(self._client.fetcher, each, again) for each in images]


def _request(incoming: IncomingMessage, why: Why) -> OpenPost:
    return OpenPost(
        message_id=incoming.message.id,
        channel_id=incoming.message.channel.id,
        guild_id=incoming.guild_id,
        author_id=incoming.message.author.id,
        why=why,
        accepted=time.time(),
    )


def _job_context(request: OpenPost) -> JobContext:
    waits = request.why != "unasked"
    return JobContext(request.id, request.scope, request.author_id, "waiting" if waits else "unasked")
