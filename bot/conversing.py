"""From a turn of a conversation to its answer, in each conversation one after the other."""

import asyncio
import contextlib
import logging
import time
import weakref
from collections.abc import Callable, Iterator

import aiohttp
import discord

from bot import replies, talk_buttons, talk_replies
from bot.answering import retry_redis
from bot.attachments import ImageRef, extract_images
from bot.fetching import Fetcher
from bot.following import follow, waiting_shown
from bot.insisting import retry_discord
from bot.pacing import EditRateLimiter
from bot.sources import source
from bot.splitting import paginate
from bot.standing import PostedAnswer, find_posted_answer
from bot.stream import Stream, TargetDeleted
from bot.turn_streams import TurnStreams, place_of
from handlers.chat.history import ConversationKey, History
from handlers.chat.models import Exchange, PostedImage, UserTurn
from handlers.chat.service import ChatJob, ChatService
from handlers.ports import ImageSource, JobContext
from handlers.storage import inbox
from handlers.storage.inbox import Inbox, Open, OpenTurn
from inference.errors import BeholderError, ConversationTooLong, PictureError, PictureGone, QueueUnavailable
from inference.schema import Conversed

log = logging.getLogger(__name__)


class ChatTurnRunner:
    """The turns that are being answered.

    Args:
        client: The Discord client.
        inbox: Where they are written down.
        history: What was said.
        converser: Has them answered.
        fetcher: Fetches pictures.
        pace: When messages may be edited.
        channels: Finds a request's channel.
    """

    def __init__(
        self,
        client: discord.Client,
        inbox: Inbox,
        history: History,
        converser: ChatService,
        fetcher: Fetcher,
        pace: EditRateLimiter,
        channels: Callable[[Open], discord.abc.Messageable],
    ) -> None:
        self._client = client
        self._inbox = inbox
        self._history = history
        self._converser = converser
        self._fetcher = fetcher
        self._streams = TurnStreams(client, inbox, history, pace, channels)
        self._channels = channels
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._lines: weakref.WeakValueDictionary[ConversationKey, asyncio.Lock] = (
            weakref.WeakValueDictionary()
        )
        self._current: dict[ConversationKey, OpenTurn] = {}
        self._claims: dict[str, ConversationKey] = {}

    async def accept(self, request: OpenTurn, said: UserTurn) -> None:
        """Take a turn in: into the history, then into the inbox; then it is answered.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        place = place_of(request)
        new = await self._history.say(place, said)
        find_posted_answer = await self._inbox.accept(request)
        if find_posted_answer is not inbox.AcceptResult.CLOSED:
            self.start(request, taken_up=find_posted_answer is inbox.AcceptResult.OPEN)
        elif new:
            # It was answered, and forgotten since.
            await self._history.delete(said.turn_id)

    async def again(self, request: OpenTurn) -> None:
        """Have a turn that is in the history answered anew.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        if await self._inbox.accept(request) is inbox.AcceptResult.NEW:
            self.start(request, taken_up=False)

    def start(self, request: OpenTurn, *, taken_up: bool) -> None:
        """Begin with a turn that stands in the inbox, unless it is under way already."""
        if request.id in self._under_way:
            return
        self._claims[request.id] = place_of(request)
        task = asyncio.create_task(self._finish(request, taken_up=taken_up), name=request.id)
        self._under_way[request.id] = task
        task.add_done_callback(lambda done: self._ended(request.id, done))

    def _ended(self, request_id: str, task: "asyncio.Task[None]") -> None:
        if self._under_way.get(request_id) is task:
            del self._under_way[request_id]
        self._claims.pop(request_id, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("%s: left in the inbox", request_id, exc_info=error)

    async def take_up(self, mine: Callable[[Open], bool]) -> None:
        """Begin again with what an earlier life left open.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        for request in await self._inbox.waiting():
            if isinstance(request, OpenTurn) and mine(request):
                self.start(request, taken_up=True)

    async def stop(self) -> None:
        """Let go of everything; what has no outcome yet is in the inbox."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._streams.stop()

    @contextlib.contextmanager
    def claimed(self, place: ConversationKey, claim: str) -> Iterator[bool]:
        """Keep a conversation to oneself; yields whether nothing is going on there."""
        free = place not in self._claims.values()
        if free:
            self._claims[claim] = place
        try:
            yield free
        finally:
            self._claims.pop(claim, None)

    def changed(self, message_id: int | None = None) -> None:
        """Look again at the pictures of a message, or of all, when they are next wanted."""
        self._converser.changed(message_id)

    async def end(self, place: ConversationKey, turn_id: int | None = None) -> bool:
        """End the answer to a turn, or to whichever is being answered, on the server too.

        Returns:
            Whether it was being answered.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        request = self._current.get(place)
        if request is None or turn_id not in {None, request.turn_id}:
            return False
        await self._converser.stop(request.turn_id, request.attempt)
        return True

    async def _finish(self, request: OpenTurn, *, taken_up: bool) -> None:
        started, place = time.monotonic(), place_of(request)
        # Whoever came first is answered first: a lock is handed on in that order.
        line = self._lines.setdefault(place, asyncio.Lock())
        async with line:
            self._current[place] = request
            try:
                await self._answer(place, request, taken_up=taken_up)
            except TargetDeleted:
                log.info("%s: nobody is there to be answered", request.id)
                with contextlib.suppress(QueueUnavailable):
                    await self._converser.stop(request.turn_id, request.attempt)
                    # Nobody has seen it.
                    await self._history.unanswer(place, request.turn_id)
            finally:
                del self._current[place]
                self._claims.pop(request.id, None)
            await retry_redis(lambda: self._inbox.close(request.id))
        with contextlib.suppress(QueueUnavailable):
            await self._converser.release_results(request.turn_id, request.attempt)
        log.info("%s: done in %.2f s", request.id, time.monotonic() - started)

    async def _answer(self, place: ConversationKey, request: OpenTurn, *, taken_up: bool) -> None:
        exchange = await self._exchange(place, request)
        stands = await self._standing(request) if taken_up else None
        stream = await self._streams.begin(place, request, exchange, stands)
        try:
            if exchange is None:
                await stream.remove()
            elif exchange.replied is not None and exchange.replied.attempt == request.attempt:
                # It was written down, and perhaps not shown to its end.
                await self._show(stream, place, request, exchange.replied.text, "")
            elif stands is not None and stands.interrupted:
                await self._leave(stream, place, request, stands)
            elif stands is None or not stands.is_outcome(request):
                await self._talk(stream, place, request)
        finally:
            await stream.close()

    async def _standing(self, request: OpenTurn) -> PostedAnswer:
        return await retry_discord(
            lambda: find_posted_answer(self._client, self._channels(request), request), request.id
        )

    async def _exchange(self, place: ConversationKey, request: OpenTurn) -> Exchange | None:
        """Return the turn; None where it was deleted."""
        found = await retry_redis(lambda: self._history.exchanges(place, until=request.turn_id))
        return found[-1] if found and found[-1].said.turn_id == request.turn_id else None

    async def _talk(self, stream: Stream, place: ConversationKey, request: OpenTurn) -> None:
        """Have the turn answered, showing it as it comes."""
        below, look, buttons = "", "failed", talk_buttons.failed
        text = ""
        try:
            await self._history.unanswer(place, request.turn_id)
            answering, outcome = await self._generated(stream, place, request)
        except BeholderError as error:
            log.info("%s: %s", request.id, error.code)
            text, below = stream.said, talk_replies.failed(error)
        except (TargetDeleted, asyncio.CancelledError):
            raise
        except Exception:
            # A fault of ours must not leave anybody without an answer.
            log.exception("%s: failed", request.id)
            text, below = stream.said, talk_replies.small(replies.BROKE)
        else:
            text = outcome.text
            below = await self._kept(place, request, answering, outcome)
            if await self._exchange(place, request) is None:
                await stream.remove()
                return
            look, buttons = "done", talk_buttons.done
        await self._show(stream, place, request, text, below, look=look, buttons=buttons)

    async def _generated(
        self, stream: Stream, place: ConversationKey, request: OpenTurn
    ) -> tuple[ChatJob, Conversed]:
        """Have the answer generated, with less of the conversation where all of it cannot be.

        Raises:
            BeholderError: It cannot be.
            Gone: Nobody is there to be answered.
        """
        revision = None
        while True:
            async with waiting_shown(stream, self._channels(request), self._converser) as waiting:
                answering = await self._converser.ask(
                    _asked(request), place, request.turn_id, request.attempt, self._source, revision
                )
                waiting.set_result(answering)
                try:
                    return answering, await follow(stream, answering, self._converser)
                except (ConversationTooLong, PictureError) as error:
                    revision = self._converser.revise(answering, error)

    async def _kept(
        self, place: ConversationKey, request: OpenTurn, answering: ChatJob, outcome: Conversed
    ) -> str:
        """Note an answer, and say what there is to say below it."""
        lines = [talk_replies.STOPPED] if outcome.stopped else []
        if paginate(outcome.text):
            await retry_redis(
                lambda: self._converser.keep(place, request.turn_id, request.attempt, answering, outcome)
            )
        elif not outcome.stopped:
            lines.append(talk_replies.NOTHING_SAID)
        with contextlib.suppress(QueueUnavailable):
            if answering.fitting.dropped and await self._history.first_time(place, "trimmed"):
                lines.append(talk_replies.TRIMMED)
            if answering.fitting.unseen and await self._history.first_time(place, "unseen ones"):
                lines.append(talk_replies.UNSEEN_ONES.format(seen=len(answering.fitting.subject.pictures)))
            if answering.prompt.missing and await self._history.first_time(place, "gone"):
                lines.append(talk_replies.GONE)
        return "\n".join(lines)

    async def _show(
        self,
        stream: Stream,
        place: ConversationKey,
        request: OpenTurn,
        text: str,
        below: str,
        *,
        look: str = "done",
        buttons: Callable[[ConversationKey, int], discord.ui.View] = talk_buttons.done,
    ) -> None:
        await stream.finish(text, below, lambda: buttons(place, request.turn_id), look)

    async def _leave(
        self, stream: Stream, place: ConversationKey, request: OpenTurn, stands: PostedAnswer
    ) -> None:
        """Say below what an earlier life left unfinished that it was interrupted; Retry begins anew."""
        with contextlib.suppress(QueueUnavailable):
            await self._converser.stop(request.turn_id, request.attempt)
        page = f"{stands.last}\n{talk_replies.INTERRUPTED}"
        await stream.leave(page, lambda: talk_buttons.failed(place, request.turn_id), "failed")
        with contextlib.suppress(QueueUnavailable):
            await self._history.shown(place, request.turn_id, stands.ids)

    def _source(self, picture: PostedImage) -> ImageSource:
        """Make what a picture is fetched by, also where its address has expired."""

        async def again() -> tuple[ImageRef, ...]:
            channel = self._client.get_partial_messageable(picture.channel_id)
            try:
                return extract_images(await channel.fetch_message(picture.message_id), asked=True)
            except (discord.HTTPException, aiohttp.ClientError, OSError, TimeoutError) as error:
                raise PictureGone("Its message could not be had from Discord.") from error

        return source(self._fetcher, ImageRef(picture.key, picture.url, size=picture.size), again)


def _asked(request: OpenTurn) -> JobContext:
    return JobContext(request.id, request.scope, request.author_id, "waiting")
