"""Answer the turns of conversations: in each conversation one after the other, in the order they came."""

import asyncio
import contextlib
import logging
import time
import weakref
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import discord

from bot.client import Beholder
from bot.cogs.chat import strings
from bot.cogs.chat.answer_streams import TurnStreams, continued, follow, key_of
from bot.cogs.chat.buttons import cut_off_view, done_view, failed_view
from bot.cogs.chat.history_sync import check_turn
from bot.cogs.chat.recovery import PostedAnswer, find_posted_answer
from bot.discord_api.retry import retry_discord
from bot.durable.runner import progress_shown, retry_redis
from bot.errors import TargetDeleted
from bot.formatting.markdown import small_print
from bot.formatting.status import (
    AFTER_OTHERS,
    INTERNAL_ERROR,
    not_looked_at,
    not_ready,
    over_limit,
    queue_position,
)
from bot.images.extract import ImageRef
from bot.images.fetcher import image_source
from bot.images.lookup import fetch_images
from bot.streaming.message import AnswerStream
from bot.streaming.paginator import paginate
from handlers.chat.history import ConversationKey, History
from handlers.chat.models import Exchange, PostedImage, UserTurn
from handlers.chat.service import MAX_REVISIONS, ChatJob, ChatService, Revision
from handlers.ports import ImageSource, JobContext
from handlers.storage.inbox import AcceptResult, OpenTurn
from inference.errors import (
    BeholderError,
    ConversationTooLong,
    PictureError,
    QueueUnavailable,
    TooManyInFlight,
)
from inference.schema import Conversed

log = logging.getLogger(__name__)

MakeView = Callable[[ConversationKey, int], discord.ui.View]


class _Place:
    """A turn's place in its conversation: the turns that have none wait for it.

    Args:
        lock: The conversation's; it is handed on in the order in which it was asked for.
    """

    def __init__(self, lock: asyncio.Lock) -> None:
        self._lock = lock
        self._is_taken = False

    async def take(self) -> None:
        await self._lock.acquire()
        self._is_taken = True

    def leave(self) -> None:
        if self._is_taken:
            self._is_taken = False
            self._lock.release()


class _StoppedInLine(Exception):
    """A member has stopped a turn that waited for earlier requests of its author."""


@dataclass(frozen=True)
class _Turn:
    """A turn that is being answered.

    Attributes:
        key: The conversation.
        request: The turn's request.
        stream: Shows the answer.
        place: Its place in the conversation.
        edited: Set when the turn's message was edited before the answer has begun.
    """

    key: ConversationKey
    request: OpenTurn
    stream: AnswerStream
    place: _Place
    edited: asyncio.Event = field(default_factory=asyncio.Event)


class ChatTurnRunner:
    """Runs the turns that are being answered.

    Args:
        client: The bot.
        history: The conversations.
        chat: Has turns answered by a worker.
    """

    def __init__(self, client: Beholder, history: History, chat: ChatService) -> None:
        self._client = client
        self._history = history
        self._chat = chat
        self._runner = client.runner
        self._delays = client.delays
        self._streams = TurnStreams(client, history)
        self._queues: weakref.WeakValueDictionary[ConversationKey, asyncio.Lock] = (
            weakref.WeakValueDictionary()
        )
        self._current: dict[ConversationKey, OpenTurn] = {}
        self._generating: dict[tuple[ConversationKey, int], _Turn] = {}
        self._waiting: dict[ConversationKey, dict[int, asyncio.Event]] = {}
        self._claims: dict[str, ConversationKey] = {}
        client.runner.register(OpenTurn, self._resume)

    async def accept(self, request: OpenTurn, turn: UserTurn, *, may_have_reply: bool = False) -> None:
        """Store a turn in the history, then its request in the inbox; then answer it. Idempotent.

        Args:
            request: The turn's request.
            turn: The turn.
            may_have_reply: Whether the bot may have replied to its message: then it is looked for first.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        is_new = await self._history.say(key_of(request), turn)
        accepted = await self._client.inbox.accept(request)
        if accepted is not AcceptResult.CLOSED:
            self._start(request, resumed=may_have_reply or accepted is AcceptResult.OPEN)
        elif is_new:
            # It was answered, and the conversation was deleted since.
            await self._history.delete(turn.turn_id)

    async def answer_again(self, request: OpenTurn) -> None:
        """Answer a turn of the history once more.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        if await self._client.inbox.accept(request) is AcceptResult.NEW:
            self._start(request, resumed=False)

    async def _resume(self, request: OpenTurn) -> None:
        self._start(request, resumed=True)

    def _start(self, request: OpenTurn, *, resumed: bool) -> None:
        task = self._runner.start(request, partial(self._run, request, resumed=resumed))
        if task is not None:
            self._claims[request.id] = key_of(request)
            task.add_done_callback(lambda _: self._claims.pop(request.id, None))

    async def stop(self) -> None:
        """Stop what runs. What has no outcome yet stays in the inbox."""
        await self._runner.stop(OpenTurn)
        await self._streams.stop()

    @contextlib.contextmanager
    def claimed(self, key: ConversationKey, claim: str) -> Iterator[bool]:
        """Claim a conversation. Yields whether it was free: no turn runs there, and it is not claimed."""
        free = key not in self._claims.values()
        if free:
            self._claims[claim] = key
        try:
            yield free
        finally:
            self._claims.pop(claim, None)

    def images_changed(self, message_id: int | None = None) -> None:
        """Fetch the pictures of a message, or of all, again when they are next needed."""
        self._chat.changed(message_id)

    async def stop_answer(self, key: ConversationKey, turn_id: int | None = None) -> bool:
        """Stop the answer to a turn, or to any that is being answered, in the worker too.

        Returns:
            Whether it was being answered.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        waiting = self._waiting.get(key, {})
        stopped = [event for each, event in waiting.items() if turn_id in {None, each}]
        for event in stopped:
            event.set()
        request = self._current.get(key)
        if request is None or turn_id not in {None, request.turn_id}:
            return bool(stopped)
        await self._chat.stop(request.turn_id, request.attempt)
        return True

    def turn_edited(self, key: ConversationKey, turn_id: int) -> None:
        """Answer a turn as it reads now, where its answer has not begun yet."""
        turn = self._generating.get((key, turn_id))
        if turn is not None and not turn.stream.text:
            turn.edited.set()

    async def _run(self, request: OpenTurn, *, resumed: bool) -> None:
        started, key = time.monotonic(), key_of(request)
        place = _Place(self._queues.setdefault(key, asyncio.Lock()))
        await place.take()
        try:
            self._current[key] = request
            try:
                await self._answer(key, request, place, resumed=resumed)
            except TargetDeleted:
                log.info("%s: the answer's messages were deleted", request.id)
                with contextlib.suppress(QueueUnavailable):
                    await self._chat.stop(request.turn_id, request.attempt)
                    await self._history.unanswer(key, request.turn_id)
            finally:
                if self._current.get(key) is request:
                    del self._current[key]
                self._claims.pop(request.id, None)
            await self._runner.close(request.id)
        finally:
            place.leave()
        with contextlib.suppress(QueueUnavailable):
            await self._chat.release_results(request.turn_id, request.attempt)
        log.info("%s: done in %.2f s", request.id, time.monotonic() - started)

    async def _answer(self, key: ConversationKey, request: OpenTurn, place: _Place, *, resumed: bool) -> None:
        if resumed:
            check = partial(check_turn, self._client, self._history, request, self._client.bot_id)
            await retry_redis(check)
        exchange = await self._exchange(key, request)
        posted = await self._find_posted(request) if resumed else None
        existing = posted.ids if posted is not None else None
        stream = await self._streams.begin(key, request, exchange, existing)
        turn = _Turn(key, request, stream, place)
        try:
            if exchange is None:
                await stream.remove()
            elif exchange.replied is not None and exchange.replied.attempt == request.attempt:
                # It was stored, and perhaps not shown to its end.
                replied = exchange.replied
                below = replied.below or (strings.CUT_OFF if replied.cut_off else "")
                await self._show(turn, replied.text, below, *_outcome_buttons(cut_off=replied.cut_off))
            elif posted is not None and posted.is_interrupted:
                await self._mark_interrupted(turn, posted)
            elif posted is None or not posted.is_outcome_of(request):
                await self._generate_and_show(turn)
            if stream.message_ids:
                await self._streams.buttons_moved(key, request)
        finally:
            await stream.close()

    async def _find_posted(self, request: OpenTurn) -> PostedAnswer:
        channel = self._runner.channel_of(request)
        find = partial(find_posted_answer, self._client.bot_id, channel, request)
        return await retry_discord(find, request.id, self._delays)

    async def _exchange(self, key: ConversationKey, request: OpenTurn) -> Exchange | None:
        """Return the turn; None where it was deleted."""
        found = await retry_redis(lambda: self._history.exchanges(key, until=request.turn_id))
        return found[-1] if found and found[-1].said.turn_id == request.turn_id else None

    async def _generate_and_show(self, turn: _Turn) -> None:
        """Have the turn answered, and show the answer, or why there is none."""
        key, request, stream = turn.key, turn.request, turn.stream
        self._generating[key, request.turn_id] = turn
        try:
            before = await self._begin_text(turn)
            job, outcome = await self._generate(turn, before)
        except BeholderError as error:
            log.info("%s: %s", request.id, error.code)
            await self._show(turn, stream.text, strings.failed(error), "failed", failed_view)
        except _StoppedInLine:
            if await self._exchange(key, request) is None:
                await stream.remove()
            else:
                await self._show(turn, stream.text, strings.STOPPED, *_outcome_buttons(cut_off=False))
        except (TargetDeleted, asyncio.CancelledError):
            raise
        except Exception:
            # A fault of ours must not leave a member without an answer.
            log.exception("%s: failed", request.id)
            below = small_print(INTERNAL_ERROR)
            await self._show(turn, stream.text, below, "failed", failed_view)
        else:
            below = await self._store(key, request, job, outcome)
            if await self._exchange(key, request) is None:
                await stream.remove()
            else:
                await self._show(turn, outcome.text, below, *_outcome_buttons(cut_off=outcome.cut_off))
        finally:
            del self._generating[key, request.turn_id]

    async def _begin_text(self, turn: _Turn) -> str:
        """Return the text that the answer continues; where it continues none, delete the answer before."""
        key, request = turn.key, turn.request
        exchange = await self._exchange(key, request) if request.continues else None
        if exchange is not None and exchange.replied is not None:
            turn.stream.show(exchange.replied.text)
            return exchange.replied.text
        await self._history.unanswer(key, request.turn_id)
        return ""

    async def _generate(self, turn: _Turn, before: str) -> tuple[ChatJob, Conversed]:
        """Have the answer generated and shown meanwhile, with less of the conversation where all is too much.

        Raises:
            BeholderError: It cannot be.
            TargetDeleted: Its messages were deleted.
            _StoppedInLine: It was stopped while it waited for earlier requests of its author.
        """
        request, stream = turn.request, turn.stream
        context = _job_context(request)
        job: ChatJob | None = None
        revision: Revision | None = None

        async def status() -> str:
            return await self._status(context, job)

        async def show(text: str) -> None:
            if not stream.text:
                stream.show_notice(text)
            elif context.submission.refusal is not None:
                stream.show_below(text)

        channel = self._runner.channel_of(request)
        async with progress_shown(status, show, every_s=self._delays.queue_position_s, typing_in=channel):
            while True:
                # The history is read after this: an edit that comes now is in the prompt, or is seen below.
                turn.edited.clear()
                job = None
                context = _job_context(request)
                job = await self._ask(turn, context, revision, continues=bool(before))
                try:
                    edited = turn.edited if job.revisions < MAX_REVISIONS else asyncio.Event()
                    outcome = await follow(stream, job, self._chat, before, edited)
                except (ConversationTooLong, PictureError) as error:
                    revision = self._chat.revise(job, error)
                    continue
                if outcome is not None:
                    return job, outcome.model_copy(update={"text": continued(before, outcome.text)})
                withdraw = partial(self._chat.withdraw, request.turn_id, request.attempt, job)
                revision = await retry_redis(withdraw)

    async def _status(self, context: JobContext, job: ChatJob | None) -> str:
        """Return how long the member has to wait; empty where nothing is known, or a worker has the job."""
        if (refusal := context.waiting_for) is not None:
            return over_limit(refusal)
        if job is None:
            # It has begun, and others of the conversation are answered before it is shown.
            return AFTER_OTHERS if context.submission.refusal is not None else ""
        ahead = await job.ticket.position()
        if ahead is None:
            return ""
        state = await self._chat.state()
        return queue_position(ahead) if state.ready else not_ready(state)

    async def _ask(
        self, turn: _Turn, context: JobContext, revision: Revision | None, *, continues: bool
    ) -> ChatJob:
        """Submit the job of a turn. While it waits for earlier requests of its author, others are answered.

        Raises:
            BeholderError: It cannot be submitted.
            TargetDeleted: The answer's messages were deleted.
            _StoppedInLine: It was stopped while it waited.
        """
        ask = partial(
            self._chat.ask,
            conversation=turn.key,
            turn_id=turn.request.turn_id,
            attempt=turn.request.attempt,
            source=self._source,
            revision=revision,
            continues=continues,
        )
        try:
            return await ask(replace(context, wait_until=0.0))
        except TooManyInFlight:
            return await self._ask_in_line(turn, ask(context))

    async def _ask_in_line(self, turn: _Turn, ask: Coroutine[Any, Any, ChatJob]) -> ChatJob:
        key, request, stream = turn.key, turn.request, turn.stream
        asking = asyncio.create_task(ask)
        with self._streams.waiting(key, request), self._stoppable(key, request.turn_id) as stopped:
            ends = [asyncio.create_task(stopped.wait()), asyncio.create_task(stream.deleted.wait())]
            self._current.pop(key, None)
            turn.place.leave()
            try:
                await asyncio.wait([asking, *ends], return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (asking, *ends):
                    task.cancel()
                await asyncio.gather(asking, *ends, return_exceptions=True)
            if stopped.is_set():
                stream.show_notice(strings.STOPPED)
            await turn.place.take()
            self._current[key] = request
        if stream.deleted.is_set():
            raise TargetDeleted
        if stopped.is_set():
            with contextlib.suppress(QueueUnavailable):
                await self._chat.stop(request.turn_id, request.attempt)
            raise _StoppedInLine
        return await asking

    @contextlib.contextmanager
    def _stoppable(self, key: ConversationKey, turn_id: int) -> Iterator[asyncio.Event]:
        """Yield the event that `stop_answer` sets for a turn that has left its place to others."""
        waiting = self._waiting.setdefault(key, {})
        waiting[turn_id] = asyncio.Event()
        try:
            yield waiting[turn_id]
        finally:
            del waiting[turn_id]
            if not waiting:
                self._waiting.pop(key, None)

    async def _store(self, key: ConversationKey, request: OpenTurn, job: ChatJob, outcome: Conversed) -> str:
        """Store an answer in the history, and return the notices that belong below it."""
        lines = [strings.STOPPED] if outcome.stopped else []
        has_text = bool(paginate(outcome.text))
        if outcome.cut_off and has_text:
            lines.append(strings.CUT_OFF)
        if not has_text and not outcome.stopped:
            lines.append(strings.STILL_THINKING if outcome.in_thought else strings.NOTHING_SAID)
        fitting = job.fitting
        left_out = strings.left_out(
            asked=fitting.asked,
            seen=fitting.seen,
            unseen_earlier=fitting.unseen_earlier,
            dropped=fitting.dropped,
        )
        said = next(each.said for each in job.exchanges[::-1] if each.said.turn_id == request.turn_id)
        lines += filter(None, (left_out, not_looked_at(said.other_files)))
        with contextlib.suppress(QueueUnavailable):
            if job.prompt.missing and await self._history.first_time(key, "gone"):
                lines.append(strings.GONE)
            if outcome.cut_off_files and await self._history.first_time(key, "cut off files"):
                lines.append(strings.CUT_OFF_FILES)
        below = "\n".join(lines)
        if has_text:
            await retry_redis(
                lambda: self._chat.keep(key, request.turn_id, request.attempt, job, outcome, below)
            )
        return below

    async def _show(self, turn: _Turn, text: str, below: str, look: str, view: MakeView) -> None:
        await turn.stream.finish(text, below, lambda: view(turn.key, turn.request.turn_id), look)

    async def _mark_interrupted(self, turn: _Turn, posted: PostedAnswer) -> None:
        """Say below an answer of a previous process that it was interrupted; Retry answers the turn again."""
        key, request = turn.key, turn.request
        with contextlib.suppress(QueueUnavailable):
            await self._chat.stop(request.turn_id, request.attempt)
        page = f"{posted.last}\n{strings.INTERRUPTED}"
        await turn.stream.finish_last_page(page, lambda: failed_view(key, request.turn_id), "failed")
        with contextlib.suppress(QueueUnavailable):
            await self._history.shown(key, request.turn_id, posted.ids)

    def _source(self, picture: PostedImage) -> ImageSource:
        """Make the source of a picture; where its address has expired, its message is fetched again."""

        async def again() -> tuple[ImageRef, ...]:
            return await fetch_images(self._client, None, picture.channel_id, picture.message_id)

        reference = ImageRef(picture.key, picture.url, size=picture.size)
        return image_source(self._client.fetcher, reference, again)


def _job_context(request: OpenTurn) -> JobContext:
    return JobContext(request.id, request.scope, request.author_id, "waiting")


def _outcome_buttons(*, cut_off: bool) -> tuple[str, MakeView]:
    """Return the look and the buttons below an answer that was shown to its end."""
    return ("cut off", cut_off_view) if cut_off else ("done", done_view)
