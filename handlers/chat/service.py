"""A conversation and what was just said -> what the model says next, as it says it."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from handlers.chat.history import ConversationKey, History
from handlers.chat.image_cache import ImageCache
from handlers.chat.models import (
    SIZES,
    BotReply,
    FittedHistory,
    PostedImage,
    Subject,
    TokenCount,
    learned,
    measured,
    trim,
)
from handlers.chat.prompt import Prompt, build_prompt
from handlers.ports import ChatQueue, ImageSource, JobContext, Ticket
from inference.errors import BeholderError, ConversationTooLong, JobFailed, PictureError
from inference.schema import Converse, Conversed, Group, Picture, job_id

log = logging.getLogger(__name__)

MAX_REVISIONS: Final = 6
"""How often an answer is tried with less. What a model has counted makes the next guess nearly right."""


@dataclass(frozen=True)
class Revision:
    """What was learned when a worker refused a conversation as it was.

    Attributes:
        number: From 1 on, for each attempt to answer the turn.
        known: What the refused conversation has, where that was the reason.
    """

    number: int
    known: TokenCount | None = None


@dataclass(frozen=True)
class ChatJob:
    """An answer that is under way.

    Attributes:
        ticket: The job.
        scope: The server or DM that it belongs to.
        fitting: What the model was given of the history.
        prompt: How it was written down.
        revisions: How often it was revised.
    """

    ticket: Ticket
    scope: str
    fitting: FittedHistory
    prompt: Prompt
    revisions: int = 0


class ChatService:
    """Has conversations answered.

    Args:
        queue: Where the jobs go.
        history: What was said.
        context: Tokens that the model reads, its answer included; workers must be told the same. A model that
            reads fewer says so when a conversation is too long for it.
    """

    def __init__(self, queue: ChatQueue, history: History, *, context: int) -> None:
        self._queue = queue
        self._history = history
        self._pictures = ImageCache(queue)
        self._context = context
        self._sizes = SIZES

    @staticmethod
    def jobs(turn_id: int, attempt: int) -> list[str]:
        """Name the jobs of an attempt to answer a turn: the first, and one for each revision."""
        return [job_id("converse", turn_id, attempt, number) for number in range(MAX_REVISIONS + 1)]

    async def ask(
        self,
        context: JobContext,
        place: ConversationKey,
        turn_id: int,
        attempt: int,
        source: Callable[[PostedImage], ImageSource],
        revision: Revision | None = None,
    ) -> ChatJob:
        """Have a turn answered, with what was said before it.

        Args:
            context: Who asks.
            place: The conversation.
            turn_id: The turn, which is in the history.
            attempt: As the request has it.
            source: Makes what a picture is fetched by.
            revision: What `revise` made of a refusal.

        Raises:
            BeholderError: It cannot be.
        """
        subject = await self._history.subject(place) or Subject()
        exchanges = await self._history.exchanges(place, until=turn_id)
        known = revision.known if revision else await self._history.measured(place)
        fitting = trim(subject, exchanges, known, self._context, self._sizes)

        async def put(picture: PostedImage) -> Picture:
            return await self._pictures.put(context.scope, picture, source(picture))

        prompt = await build_prompt(fitting.subject, fitting.exchanges, put)
        number = revision.number if revision else 0
        ticket = await self._queue.submit(
            Converse(scope=context.scope, turns=prompt.turns),
            id=self.jobs(turn_id, attempt)[number],
            priority=context.priority,
            asker=str(context.asker),
            group=Group(id=context.request, size=1),
        )
        return ChatJob(ticket, context.scope, fitting, prompt, number)

    def revise(self, answering: ChatJob, error: BeholderError) -> Revision:
        """Learn from a refusal: a picture that cannot be read, or how long a conversation may be.

        Raises:
            BeholderError: The error itself, where nothing can be left out that would help.
        """
        if answering.revisions == MAX_REVISIONS:
            raise error
        number = answering.revisions + 1
        if isinstance(error, PictureError):
            shown = answering.prompt.pictures[int(error.detail.get("picture", 1)) - 1]
            self._pictures.refuse(answering.scope, shown, error)
            return Revision(number)
        if isinstance(error, ConversationTooLong):
            return Revision(number, self._shorter(answering, error))
        raise error

    def _shorter(self, answering: ChatJob, error: ConversationTooLong) -> TokenCount:
        limit, tokens = int(error.detail["limit"]), int(error.detail["value"])
        log.info("a conversation of %d tokens is too long: the model reads %d", tokens, limit)
        subject, exchanges = answering.fitting.subject, answering.fitting.exchanges
        self._context = min(self._context, limit)
        pictures = len(answering.prompt.pictures)
        self._sizes = learned(exchanges, pictures, tokens, int(error.detail["picture_tokens"]))
        known = TokenCount(turns=tuple(each.said.turn_id for each in exchanges), tokens=tokens)
        again = trim(subject, exchanges, known, self._context, self._sizes)
        if (again.subject, again.exchanges) == (subject, exchanges):
            raise error
        return known

    async def result(self, answering: ChatJob) -> Conversed:
        """Wait for the whole answer.

        Raises:
            BeholderError: There is none.
        """
        outcome = (await answering.ticket.result()).outcome
        if not isinstance(outcome, Conversed):
            raise JobFailed(f"A conversation was to go on and a {outcome.task!r} came back.")
        return outcome

    async def keep(
        self, place: ConversationKey, turn_id: int, attempt: int, answering: ChatJob, outcome: Conversed
    ) -> None:
        """Note an answer in the history.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        replied = BotReply(turn_id=turn_id, attempt=attempt, text=outcome.text, stopped=outcome.stopped)
        known = measured(answering.fitting, outcome.prompt_tokens, outcome.reply_tokens, self._sizes)
        await self._history.reply(place, replied, known)

    async def ready(self) -> bool:
        """Tell whether a worker that converses is up.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        return await self._queue.workers_ready(["converse"])

    async def stop(self, turn_id: int, attempt: int) -> None:
        """End an answer, on the server too.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        for each in self.jobs(turn_id, attempt):
            await self._queue.stop(each)

    async def release_results(self, turn_id: int, attempt: int) -> None:
        """Let go of a result: it is in the history.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        await self._queue.close_request(self.jobs(turn_id, attempt))

    def changed(self, message_id: int | None) -> None:
        """Look again at the pictures of a message, or of all, when they are next wanted."""
        self._pictures.changed(message_id)
