"""Caption the pictures of messages, or answer what is asked about them: from a message to its one reply."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import discord

from bot.client import Beholder
from bot.cogs.captions.buttons import caption_buttons
from bot.cogs.captions.questions import question_of
from bot.discord_api.retry import retry_discord
from bot.durable.delivery import ReplyTarget, reply_once, tell_redis_away
from bot.durable.runner import progress_shown, retry_redis
from bot.errors import DiscordUnavailable
from bot.events.router import IncomingMessage, MessageHandler
from bot.formatting.captions import about_line, caption_results, format_answers
from bot.formatting.errors import error_sentence
from bot.formatting.help import help_text, is_help_request
from bot.formatting.status import (
    INTERNAL_ERROR,
    no_image_here,
    not_looked_at,
    not_ready,
    over_limit,
)
from bot.images.extract import (
    ImageRef,
    extract_images,
    may_get_embeds,
    other_files,
    own_images,
    perhaps_no_pictures,
)
from bot.images.fetcher import image_source
from bot.images.lookup import FoundImages, fetch_images
from handlers.captioning import Captioner, Words
from handlers.ports import ImageSource, JobContext
from handlers.questions import parse_question
from handlers.storage.channel_settings import ChannelSettings
from handlers.storage.inbox import AcceptResult, OpenPost, Why
from inference.errors import BeholderError, NotAPicture, PictureError, PictureGone, QueueUnavailable

if TYPE_CHECKING:
    from inference.schema import Task

log = logging.getLogger(__name__)

PLACEHOLDER_TIMEOUT_S = 5.0
"""Seconds for which Discord is tried for a placeholder: the reply itself is tried for longer."""


class CaptionService(MessageHandler):
    """Accepts messages with pictures or questions, and replies to each once: with captions, or with answers.

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
        self._running: dict[int, OpenPost] = {}
        self._under_way: dict[int, tuple[OpenPost, FoundImages]] = {}
        self._captioner = Captioner(
            client.inference, patience=client.settings.job_seconds, submissions=client.submissions
        )
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
        request = _request(incoming, why, self._bot_id)
        accepted = await self._client.inbox.accept(request)
        if accepted is not AcceptResult.CLOSED:
            check = incoming.may_have_reply or accepted is AcceptResult.OPEN
            self._start(request, incoming.message, check_existing=check)
        return True

    async def _reason(self, incoming: IncomingMessage) -> Why | None:
        """Return why a message is answered; None: it is not."""
        if incoming.is_direct:
            return "dm"
        if incoming.is_addressed:
            return "mention" if incoming.is_named or incoming.images else "reply"
        channel = incoming.message.channel
        parent = channel.parent_id if isinstance(channel, discord.Thread) else None
        return "unasked" if await self._channels.captions_on(channel.id, parent) else None

    async def queue_unavailable(self, incoming: IncomingMessage) -> bool:
        """Tell the author of a message that Redis is away. The same reply later becomes the answer.

        For the author of a post that is captioned unasked nobody waits, and whether its channel has captions
        on is not known: nothing is said, and it is captioned when Redis is back.
        """
        if incoming.is_addressed:
            await tell_redis_away(incoming.message, self._bot_id, self._delays)
        return incoming.is_addressed

    async def message_edited(self, message: discord.Message) -> None:
        """Answer a message that waits for its answer as it reads now."""
        request = self._running.get(message.id)
        if request is None or request.why == "unasked":
            return
        edited = _as_it_reads(request, message, self._bot_id)
        if edited.question == request.question:
            return
        await retry_redis(lambda: self._client.inbox.amend(edited))
        await self._runner.restart(
            edited, partial(self._run, edited, message, check_existing=True, before=request)
        )

    async def message_deleted(self, message_id: int) -> None:
        """Stop answering a message that was deleted, and forget what an answer was about."""
        self._runner.cancel(f"post:{message_id}")
        under_way = self._under_way.pop(message_id, None)
        if under_way is not None:
            await self._release(*under_way)
        with contextlib.suppress(QueueUnavailable):
            await self._client.lookup.forget(message_id)

    async def channel_deleted(self, channel_id: int) -> None:
        """Forget the setting of a channel that was deleted."""
        with contextlib.suppress(QueueUnavailable):
            await self._channels.forget(channel_id)

    async def _resume(self, request: OpenPost) -> None:
        self._start(request, None, check_existing=True)

    def _start(self, request: OpenPost, message: discord.Message | None, *, check_existing: bool) -> None:
        self._runner.start(request, partial(self._run, request, message, check_existing=check_existing))

    async def _run(
        self,
        request: OpenPost,
        message: discord.Message | None,
        *,
        check_existing: bool,
        before: OpenPost | None = None,
    ) -> None:
        """Find the pictures, have them captioned or asked about, reply, and close the request.

        Args:
            request: The request.
            message: Its message; None: it is fetched, and may have been edited since it was accepted.
            check_existing: Whether a reply may have been posted.
            before: The request as it was before its message was edited.
        """
        started = time.monotonic()
        if message is None:
            message = await self._fetch(request)
            if message is not None:
                request = _as_it_reads(request, message, self._bot_id)
        self._running[request.message_id] = request
        try:
            await self._reply(request, message, check_existing=check_existing, before=before)
        finally:
            del self._running[request.message_id]
        log.info("%s: done in %.2f s", request.id, time.monotonic() - started)

    async def _reply(
        self,
        request: OpenPost,
        message: discord.Message | None,
        *,
        check_existing: bool,
        before: OpenPost | None,
    ) -> None:
        context = _job_context(request)
        found: FoundImages | None = None
        error: PictureError | None = None
        if message is not None:
            if not _wants_help(request, message):
                found, error = await self._find(request, message)
            if before is not None and found is not None:
                await self._release(before, found)
            if found is not None:
                self._under_way[request.message_id] = request, found
            target = self._target(request, message)

            async def show_placeholder(text: str) -> None:
                nonlocal check_existing
                check, check_existing = check_existing, True
                await reply_once(
                    target, text, self._delays, check_existing=check, timeout_s=PLACEHOLDER_TIMEOUT_S
                )

            async with progress_shown(
                partial(self._status, request, context) if request.why != "unasked" else None,
                show_placeholder,
                every_s=self._delays.placeholder_s,
                typing_in=message.channel,
            ):
                text, described = await self._text(context, request, message, found, error)
            if text is not None:
                about = found.message_id if found and found.channel_id == request.channel_id else None
                view = partial(caption_buttons, about or request.message_id) if described else None
                reply = await reply_once(target, text, self._delays, check_existing=check_existing, view=view)
                if reply is not None and found is not None:
                    with contextlib.suppress(QueueUnavailable):
                        await self._client.lookup.keep(reply.id, found.subject())
        await self._runner.close(request.id)
        self._under_way.pop(request.message_id, None)
        if found is not None:
            await self._release(request, found)

    async def _release(self, request: OpenPost, found: FoundImages) -> None:
        """Delete the results of a request's jobs, and withdraw those that still wait."""
        with contextlib.suppress(QueueUnavailable):
            sources = self._sources(request, found)
            await self._captioner.release_results(_job_context(request), sources, request.question)

    async def _find(
        self, request: OpenPost, message: discord.Message
    ) -> tuple[FoundImages | None, PictureError | None]:
        """Find the pictures that a message is about, giving Discord the time to embed those of links.

        Returns:
            The pictures, and why there are none: None where nobody has posted one.

        Raises:
            DiscordUnavailable: Discord could not be reached.
        """
        if request.why == "unasked":
            images = extract_images(message, asked=False)
            return (FoundImages(request.channel_id, message.id, images) if images else None), None
        if not own_images(message) and may_get_embeds(message):
            await asyncio.sleep(self._delays.link_embed_s)
            message = await self._fetch(request) or message
        lookup = self._client.lookup
        images = own_images(message)
        if images:
            return FoundImages(request.channel_id, message.id, images), None
        if message.attachments or message.stickers:
            # It brings something that is no picture: no other picture is meant.
            find = partial(lookup.of_replied_to, message)
        elif request.why == "reply":
            find = partial(lookup.of_replied_to, message)
        else:
            find = partial(lookup.for_message, message, request.guild_id)
        try:
            found = await retry_discord(
                find, request.id, self._delays, timeout_s=self._delays.fetch_timeout_s
            )
        except PictureGone as error:
            return None, error
        except discord.HTTPException as error:
            log.info("%s: no picture looked up: status %d", request.id, error.status)
            return None, None
        return found, None

    async def _text(
        self,
        context: JobContext,
        request: OpenPost,
        message: discord.Message,
        found: FoundImages | None,
        error: PictureError | None,
    ) -> tuple[str | None, bool]:
        """Caption the pictures, or answer the question about them.

        Returns:
            The reply's text, None where nobody waits for one; and whether a picture has a caption or answer.
        """
        if error is not None:
            return error_sentence(error), False
        if _wants_help(request, message):
            return help_text(self._client.command_ids), False
        if found is None:
            waits = request.why in {"mention", "dm"}
            files = other_files(message)
            return (no_image_here(self._client.command_ids, files) if waits else None), False
        question = request.question
        try:
            question = None if question is None else parse_question(question)
            outcomes = await self._captioner.caption(context, self._sources(request, found), question)
        except BeholderError as refused:
            return error_sentence(refused), False
        except Exception:
            # A fault of ours must not leave a member without an answer.
            log.exception("%s: failed", request.id)
            return INTERNAL_ERROR, False
        results = caption_results(outcomes, [each.spoiler for each in found.images])
        described = not all(isinstance(each, BeholderError) for each in outcomes)
        replied_to = message.reference.message_id if message.reference is not None else None
        about = ""
        if described and found.message_id not in {message.id, replied_to}:
            count = len(found.images)
            about = about_line(request.guild_id, found.channel_id, found.message_id, count)
        unseen = not_looked_at(other_files(message)) if request.why != "unasked" else ""
        about = "\n".join(each for each in (about, unseen) if each)
        # The message that is replied to shows the question.
        text = format_answers(results, question=None, about=about).text
        is_wanted = request.why != "unasked" or _has_pictures(message, found, outcomes)
        return text if is_wanted else None, described

    async def _status(self, request: OpenPost, context: JobContext) -> str | None:
        """Return what a member who waits is told; None once it has begun and a worker is up."""
        if (refusal := context.waiting_for) is not None:
            return over_limit(refusal)
        task: Task = "caption" if request.question is None else "answer"
        state = await self._client.inference.task_state(task)
        if not state.ready:
            return not_ready(state)
        return None if context.submission.has_begun else ""

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
                timeout_s=self._delays.fetch_timeout_s,
            )
        except (discord.NotFound, discord.Forbidden):
            return None
        except discord.HTTPException as error:
            raise DiscordUnavailable from error

    def _sources(self, request: OpenPost, found: FoundImages) -> list[ImageSource]:
        async def again() -> tuple[ImageRef, ...]:
            return await fetch_images(self._client, request.guild_id, found.channel_id, found.message_id)

        return [image_source(self._client.fetcher, each, again) for each in found.images]


def _request(incoming: IncomingMessage, why: Why, bot_id: int) -> OpenPost:
    # In a reply that brings a picture, words need not be for the bot, which it does not name.
    is_question = why != "unasked" and (incoming.is_named or incoming.asks)
    return OpenPost(
        message_id=incoming.message.id,
        channel_id=incoming.message.channel.id,
        guild_id=incoming.guild_id,
        author_id=incoming.message.author.id,
        why=why,
        accepted=time.time(),
        question=question_of(incoming.message, bot_id) if is_question else None,
    )


def _as_it_reads(request: OpenPost, message: discord.Message, bot_id: int) -> OpenPost:
    """Return a request with the question that its message asks now.

    A message that asked nothing asks something now only where it names the bot, or is in a DM.
    """
    is_named = request.why == "dm" or (request.why == "mention" and bot_id in message.raw_mentions)
    if request.question is None and not is_named:
        return request
    return request.model_copy(update={"question": question_of(message, bot_id)})


def _has_pictures(
    message: discord.Message, found: FoundImages, outcomes: Sequence[Words | BeholderError]
) -> bool:
    """Tell whether a message has a picture, a video, or a file that claims to be a picture.

    Nobody asked about others.
    """
    unclaimed = perhaps_no_pictures(message)
    return any(
        image.key not in unclaimed or not isinstance(outcome, NotAPicture) or "kind" in outcome.detail
        for image, outcome in zip(found.images, outcomes, strict=True)
    )


def _wants_help(request: OpenPost, message: discord.Message) -> bool:
    """Tell whether a message greets the bot, or asks what it can do, and brings nothing to look at."""
    if request.question is None or request.why not in {"mention", "dm"}:
        return False
    brings = message.attachments or message.stickers or message.embeds or message.message_snapshots
    return not brings and is_help_request(request.question)


def _job_context(request: OpenPost) -> JobContext:
    waits = request.why != "unasked"
    return JobContext(request.id, request.scope, request.author_id, "waiting" if waits else "unasked")
