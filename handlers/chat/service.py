"""Submits chat jobs: a conversation's prompt, and the model's next turn, streamed."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from handlers.chat.context_window import (
    DEFAULT_TOKEN_SIZES,
    FittedHistory,
    count_tokens,
    fit_history,
    learn_token_sizes,
)
from handlers.chat.history import ConversationKey, History
from handlers.chat.image_cache import ImageCache
from handlers.chat.models import BotReply, Exchange, PostedImage, Subject, TokenCount, UserTurn
from handlers.chat.prompt import GO_ON, Prompt, build_prompt
from handlers.ports import ChatQueue, ImageSource, JobContext, Ticket
from handlers.submission import Submissions
from inference.errors import BeholderError, ConversationTooLong, JobFailed, PictureError
from inference.queue.loading_state import TaskState
from inference.schema import Converse, Conversed, Group, Picture, job_id

log = logging.getLogger(__name__)

MAX_REVISIONS: Final = 12
"""Attempts with another prompt: a smaller one after a refusal, where one nearly always suffices, as the
refusal has the model's token count; or a new one, after the turn's message was edited while it waited."""


@dataclass(frozen=True)
class Revision:
    """Instructions for another prompt: a smaller one after a worker refused it, or a new one after an edit.

    Attributes:
        number: From 1, counted for each attempt to answer the turn.
        known: The refused prompt's token count, if it was too long.
    """

    number: int
    known: TokenCount | None = None


@dataclass(frozen=True)
class ChatJob:
    """A submitted chat job.

    Attributes:
        ticket: The job's ticket.
        scope: Guild or DM of the conversation.
        subject: The conversation's subject.
        exchanges: Its exchanges, up to the turn.
        fitting: The part of them in the prompt.
        prompt: The prompt.
        revisions: The number of revisions before it.
    """

    ticket: Ticket
    scope: str
    subject: Subject
    exchanges: tuple[Exchange, ...]
    fitting: FittedHistory
    prompt: Prompt
    revisions: int = 0


class ChatService:
    """Answers turns of conversations.

    Args:
        queue: The job queue.
        history: The conversations.
        context: Tokens of the context window, including the answer; the workers' setting must be the same. A
            model with a smaller one says so when a prompt is too long.
        submissions: The submissions of all features; None: over the limit for one person nothing waits.
    """

    def __init__(
        self, queue: ChatQueue, history: History, *, context: int, submissions: Submissions | None = None
    ) -> None:
        self._submissions = submissions or Submissions(patience=0)
        self._queue = queue
        self._history = history
        self._images = ImageCache(queue)
        self._max_tokens = context
        self._token_sizes = DEFAULT_TOKEN_SIZES

    @staticmethod
    def jobs(turn_id: int, attempt: int) -> list[str]:
        """Return the ids of the jobs of one attempt: the first prompt, and each revision."""
        return [job_id("converse", turn_id, attempt, number) for number in range(MAX_REVISIONS + 1)]

    async def ask(
        self,
        context: JobContext,
        conversation: ConversationKey,
        turn_id: int,
        attempt: int,
        source: Callable[[PostedImage], ImageSource],
        revision: Revision | None = None,
        *,
        continues: bool = False,
    ) -> ChatJob:
        """Submit the job that answers a turn. Idempotent while the history is the same.

        Where it waits, each attempt takes the history as it is then.

        Args:
            context: The request.
            conversation: The conversation.
            turn_id: The turn; it is in the history.
            attempt: The attempt, as in the request.
            source: Returns an image's source.
            revision: From `revise`, after a refusal.
            continues: Whether the model is to go on with the turn's answer, which was cut off.

        Raises:
            TooManyInFlight: The member is over the limit, and it has waited as long as it may.
            BeholderError: An image of the turn is unreadable, the queue is full, or Redis is away.
        """

        async def submit() -> ChatJob:
            return await self._submit(
                context, conversation, turn_id, attempt, source, revision, continues=continues
            )

        return await self._submissions.submit(context, submit)

    async def _submit(
        self,
        context: JobContext,
        conversation: ConversationKey,
        turn_id: int,
        attempt: int,
        source: Callable[[PostedImage], ImageSource],
        revision: Revision | None,
        *,
        continues: bool,
    ) -> ChatJob:
        subject = await self._history.subject(conversation) or Subject()
        exchanges = await self._history.exchanges(conversation, until=turn_id)
        if continues:
            last = exchanges[-1].said
            exchanges.append(Exchange(UserTurn(turn_id=attempt, speaker=last.speaker, text=GO_ON)))
        known = revision.known if revision else await self._history.measured(conversation)
        fitting = fit_history(subject, exchanges, known, self._max_tokens, self._token_sizes)

        async def put(picture: PostedImage) -> Picture:
            return await self._images.put(context.scope, picture, source)

        prompt = await build_prompt(fitting, put, gone=subject.gone)
        number = revision.number if revision else 0
        ticket = await self._queue.submit(
            Converse(scope=context.scope, turns=prompt.turns),
            id=self.jobs(turn_id, attempt)[number],
            priority=context.priority,
            asker=str(context.asker),
            group=Group(id=context.request, size=1),
        )
        return ChatJob(ticket, context.scope, subject, tuple(exchanges), fitting, prompt, number)

    def revise(self, job: ChatJob, error: BeholderError) -> Revision:
        """Plan a smaller prompt after a refusal: without an unreadable image, or with fewer turns or images.

        Raises:
            BeholderError: The error itself, if a smaller prompt does not help.
        """
        if job.revisions == MAX_REVISIONS:
            raise error
        number = job.revisions + 1
        if isinstance(error, PictureError):
            unreadable = job.prompt.pictures[int(error.detail.get("picture", 1)) - 1]
            self._images.refuse(job.scope, unreadable, error)
            return Revision(number)
        if isinstance(error, ConversationTooLong):
            return Revision(number, self._shorten(job, error))
        raise error

    def _shorten(self, job: ChatJob, error: ConversationTooLong) -> TokenCount:
        """Learn the model's context window and token sizes, and return the refused prompt's token count."""
        limit, tokens = int(error.detail["limit"]), int(error.detail["value"])
        log.info("prompt of %d tokens is too long for a context of %d", tokens, limit)
        fitting, self._max_tokens = job.fitting, min(self._max_tokens, limit)
        images = len(job.prompt.pictures)
        self._token_sizes = learn_token_sizes(
            fitting.exchanges, images, tokens, int(error.detail["picture_tokens"])
        )
        turns = tuple(each.said.turn_id for each in fitting.exchanges)
        known = TokenCount(turns=turns, tokens=tokens, pictures=images)
        again = fit_history(job.subject, job.exchanges, known, self._max_tokens, self._token_sizes)
        if again == fitting:
            raise error
        return known

    async def withdraw(self, turn_id: int, attempt: int, job: ChatJob) -> Revision:
        """Give up a job whose turn was edited: it is not run, or its answer is dropped. Idempotent.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        withdrawn = self.jobs(turn_id, attempt)[job.revisions]
        if await job.ticket.position() is None:
            # A worker has it: closing it would only drop its answer.
            await self._queue.stop(withdrawn)
        await self._queue.close_request([withdrawn])
        return Revision(job.revisions + 1)

    async def result(self, job: ChatJob) -> Conversed:
        """Wait for the whole answer.

        Raises:
            BeholderError: The job failed, or its deadline passed.
        """
        outcome = (await job.ticket.result()).outcome
        if not isinstance(outcome, Conversed):
            raise JobFailed(f"The worker returned the outcome of another task: {outcome.task!r}.")
        return outcome

    async def keep(
        self,
        conversation: ConversationKey,
        turn_id: int,
        attempt: int,
        job: ChatJob,
        outcome: Conversed,
        below: str = "",
    ) -> None:
        """Store an answer in the history, with what the bot says below it. Idempotent.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        replied = BotReply(
            turn_id=turn_id,
            attempt=attempt,
            text=outcome.text,
            stopped=outcome.stopped,
            cut_off=outcome.cut_off,
            below=below,
        )
        known = count_tokens(job.fitting, outcome.prompt_tokens, outcome.reply_tokens, self._token_sizes)
        await self._history.reply(conversation, replied, known)

    async def state(self) -> TaskState:
        """Return whether a live worker serves chat, and how far the workers are that load its model.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        return await self._queue.task_state("converse")

    async def stop(self, turn_id: int, attempt: int) -> None:
        """Stop generating an answer, on the worker too. Idempotent.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        for each in self.jobs(turn_id, attempt):
            await self._queue.stop(each)

    async def release_results(self, turn_id: int, attempt: int) -> None:
        """Delete an attempt's stored results, once the answer is in the history. Idempotent.

        Raises:
            QueueUnavailable: Redis cannot be reached; the results expire by themselves.
        """
        await self._queue.close_request(self.jobs(turn_id, attempt))

    def changed(self, message_id: int | None) -> None:
        """Fetch the images of an edited message, or of all messages, again when they are needed next."""
        self._images.changed(message_id)
