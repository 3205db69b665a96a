"""A conversation and what was just said -> what the model says next, as it says it."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from handlers.history import History, Place
from handlers.queue import Asked, Source
from handlers.turns import SIZES, Exchange, Measured, Replied, Shown, Subject, learned, measured, trim
from inference.errors import ConversationTooLong, JobFailed, PictureGone
from inference.jobs import (
    LONGEST_TURN,
    MOST_PICTURES,
    Converse,
    Conversed,
    Delta,
    Group,
    Picture,
    Priority,
    Progress,
    Result,
    Task,
    Turn,
    job_id,
)

log = logging.getLogger(__name__)

PICTURE_WAS_HERE = "(A picture was posted here; it is gone.)"
"""What the model reads where a picture was deleted."""


class Ticket(Protocol):
    """An answer that is under way."""

    async def result(self) -> Result:
        """Wait for what it comes to."""

    async def position(self) -> int | None:
        """Say how many jobs are before it; None once a worker has it."""

    def deltas(self) -> AsyncIterator[Delta | Progress]:
        """Yield its pieces as they come."""


class Queue(Protocol):
    """What is needed of `inference.client.InferenceClient`."""

    async def put_picture(self, scope: str, data: bytes) -> Picture:
        """Keep a picture's bytes for the worker."""

    async def keep_picture(self, picture: Picture) -> bool:
        """Keep a picture's bytes for longer; False: they are gone."""

    async def submit(
        self,
        request: Converse,
        *,
        id: str,  # noqa: A002 - what it is called on the wire
        priority: Priority,
        asker: str,
        group: Group,
    ) -> Ticket:
        """Hand a job in, or find it again where it was handed in before."""

    async def stop(self, job_id: str) -> None:
        """End an answer; whoever waits gets what there was of it."""

    async def close_request(self, ids: Iterable[str]) -> None:
        """Forget the results of jobs whose outcome is visible."""

    async def workers_ready(self, tasks: Iterable[Task]) -> bool:
        """Say whether a worker that lives serves each of `tasks`."""


MOST_KNOWN = 2000
"""Pictures of which it is known that they were put; the others are fetched from Discord again."""
MOST_SHORTENINGS = 4
"""How often an answer is tried with less. What a model has counted makes the next guess nearly right."""


@dataclass(frozen=True)
class Shortening:
    """What was learned when a model refused a conversation as too long.

    Attributes:
        number: From 1 on, for each attempt to answer the turn.
        known: What the refused conversation has.
    """

    number: int
    known: Measured


@dataclass(frozen=True)
class Answering:
    """An answer that is under way.

    Attributes:
        ticket: The job.
        subject: What the conversation is about.
        exchanges: What the model was given.
        trimmed: Whether older turns had to be left out.
        shortenings: How often it was made shorter because a model refused it.
        gone: Whether a picture is no longer there.
    """

    ticket: Ticket
    subject: Subject
    exchanges: tuple[Exchange, ...]
    trimmed: bool
    shortenings: int = 0
    gone: bool = False


class Converser:
    """Has conversations answered.

    Args:
        queue: Where the jobs go.
        history: What was said.
        context: Tokens that the model reads, its answer included; workers must be told the same. A model that
            reads fewer says so when a conversation is too long for it.
    """

    def __init__(self, queue: Queue, history: History, *, context: int) -> None:
        self._queue = queue
        self._history = history
        self._context = context
        self._sizes = SIZES
        self._put: OrderedDict[tuple[str, tuple[int, str]], Picture] = OrderedDict()

    @staticmethod
    def jobs(turn_id: int, attempt: int) -> list[str]:
        """Name the jobs of an attempt to answer a turn: the first, and one for each shortening."""
        return [job_id("converse", turn_id, attempt, number) for number in range(MOST_SHORTENINGS + 1)]

    async def ask(
        self,
        asked: Asked,
        place: Place,
        turn_id: int,
        attempt: int,
        source: Callable[[Shown], Source],
        shortening: Shortening | None = None,
    ) -> Answering:
        """Have a turn answered, with what was said before it.

        Args:
            asked: Who asks.
            place: The conversation.
            turn_id: The turn, which is in the history.
            attempt: As the request has it.
            source: Makes what a picture is fetched by.
            shortening: What `shorten` made of the refusal, where a model has refused this as too long.

        Raises:
            BeholderError: It cannot be.
        """
        subject = await self._history.subject(place) or Subject()
        exchanges = await self._history.exchanges(place, until=turn_id)
        known = shortening.known if shortening else await self._history.measured(place)
        number = shortening.number if shortening else 0
        fitting = trim(subject, exchanges, known, self._context, self._sizes)
        turns, gone = await self._turns(asked, subject, fitting.exchanges, source)
        ticket = await self._queue.submit(
            Converse(scope=asked.scope, turns=turns),
            id=self.jobs(turn_id, attempt)[number],
            priority=asked.priority,
            asker=str(asked.asker),
            group=Group(id=asked.request, size=1),
        )
        return Answering(ticket, subject, fitting.exchanges, fitting.dropped, number, gone)

    def shorten(self, answering: Answering, error: ConversationTooLong) -> Shortening:
        """Learn from a model's refusal how long a conversation may be, and how long this one is.

        Raises:
            ConversationTooLong: There is nothing that could be left out.
        """
        limit, tokens = int(error.detail["limit"]), int(error.detail["value"])
        log.info("a conversation of %d tokens is too long: the model reads %d", tokens, limit)
        self._context = min(self._context, limit)
        pictures = int(error.detail["picture_tokens"])
        self._sizes = learned(answering.subject, answering.exchanges, tokens, pictures)
        if len(answering.exchanges) == 1 or answering.shortenings == MOST_SHORTENINGS:
            raise error
        turns = tuple(each.said.turn_id for each in answering.exchanges)
        return Shortening(answering.shortenings + 1, Measured(turns=turns, tokens=tokens))

    async def result(self, answering: Answering) -> Conversed:
        """Wait for the whole answer.

        Raises:
            BeholderError: There is none.
        """
        outcome = (await answering.ticket.result()).outcome
        if not isinstance(outcome, Conversed):
            raise JobFailed(f"A conversation was to go on and a {outcome.task!r} came back.")
        return outcome

    async def keep(
        self, place: Place, turn_id: int, attempt: int, answering: Answering, outcome: Conversed
    ) -> None:
        """Note an answer in the history.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        replied = Replied(turn_id=turn_id, attempt=attempt, text=outcome.text, stopped=outcome.stopped)
        known = measured(
            answering.subject,
            answering.exchanges,
            outcome.prompt_tokens,
            outcome.reply_tokens,
            self._sizes,
        )
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

    async def forget(self, turn_id: int, attempt: int) -> None:
        """Let go of a result: it is in the history.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        await self._queue.close_request(self.jobs(turn_id, attempt))

    def changed(self, message_id: int) -> None:
        """Look again at a message's pictures, when they are next wanted."""
        for each in [key for key in self._put if key[1][0] == message_id]:
            del self._put[each]

    async def _turns(
        self,
        asked: Asked,
        subject: Subject,
        exchanges: tuple[Exchange, ...],
        source: Callable[[Shown], Source],
    ) -> tuple[tuple[Turn, ...], bool]:
        """Write down what goes to the worker: each picture with the turn that it came with.

        Returns:
            The turns, and whether a picture is gone.
        """
        turns: list[Turn] = []
        any_gone = False
        for number, each in enumerate(exchanges):
            wanted = each.said.pictures if number else _once([*subject.pictures, *each.said.pictures])
            pictures = await self._pictures(asked, wanted, source, last=number == len(exchanges) - 1)
            gone = len(pictures) < len(wanted) or (not number and subject.gone)
            any_gone |= gone
            text = f"{PICTURE_WAS_HERE} {each.said.text}".strip() if gone else each.said.text
            turns.append(
                Turn(role="user", speaker=each.said.speaker, text=text[:LONGEST_TURN], pictures=pictures)
            )
            if each.replied is not None and number < len(exchanges) - 1:
                turns.append(Turn(role="assistant", text=each.replied.text[:LONGEST_TURN]))
        return tuple(turns), any_gone

    async def _pictures(
        self,
        asked: Asked,
        pictures: tuple[Shown, ...],
        source: Callable[[Shown], Source],
        *,
        last: bool,
    ) -> tuple[Picture, ...]:
        """Have pictures where the worker finds them; one of an earlier turn that is gone is left out.

        Raises:
            PictureError: One that came with the turn to be answered cannot be used.
        """

        async def stored(picture: Shown) -> Picture | None:
            try:
                return await self._stored(asked.scope, picture, source(picture))
            except PictureGone:
                if last:
                    raise
                log.info("%s: a picture of an earlier turn is gone", asked.request)
                return None

        found = await asyncio.gather(*(stored(each) for each in pictures))
        return tuple(each for each in found if each is not None)

    async def _stored(self, scope: str, picture: Shown, source: Source) -> Picture:
        """Fetch a picture, unless it was fetched before and is still kept."""
        key = (scope, picture.which)
        known = self._put.get(key)
        if known is not None and await self._queue.keep_picture(known):
            return known
        put = await self._queue.put_picture(scope, await source.fetch())
        self._put[key] = put
        if len(self._put) > MOST_KNOWN:
            self._put.popitem(last=False)
        return put


def _once(pictures: list[Shown]) -> tuple[Shown, ...]:
    each_once = {each.which: each for each in pictures}
    return tuple(each_once.values())[:MOST_PICTURES]
