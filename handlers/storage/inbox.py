"""Requests that survive a restart: written down before work starts, crossed out when the outcome is seen."""

import enum
import logging
import time
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    JsonValue,
    Tag,
    TypeAdapter,
    ValidationError,
)

from handlers.scripts import source
from handlers.snowflake import Id
from inference.queue.connection import Client, translated

log = logging.getLogger(__name__)

CLOSED_RETENTION_S = 48 * 3600
"""Seconds for which a closed request is known as such: longer than any catch-up looks back (24 h)."""

Why = Literal["unasked", "mention", "dm"]


class _Open(BaseModel):
    """What every request says of itself.

    Attributes:
        guild_id: The server; None in a DM.
        author_id: The person who asks.
        accepted: Unix time in seconds.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    v: Literal[1] = 1
    channel_id: Id
    guild_id: Id | None
    author_id: Id
    accepted: float = Field(ge=0, allow_inf_nan=False)

    @property
    def scope(self) -> str:
        """What its pictures belong to: nothing is shared across scopes."""
        return f"dm:{self.channel_id}" if self.guild_id is None else f"guild:{self.guild_id}"


class OpenPost(_Open):
    """A message whose pictures are to be captioned.

    Attributes:
        why: `unasked`: it was posted where captions are on; else somebody waits for the answer.
    """

    kind: Literal["post"] = "post"
    message_id: Id
    why: Why

    @property
    def id(self) -> str:
        """The same for the same message, whenever and by whichever process it is met."""
        return f"post:{self.message_id}"

    @property
    def born(self) -> int:
        """Discord's id of what it came from: they grow with time."""
        return self.message_id


class OpenCommand(_Open):
    """An interaction that waits for its outcome. Its token is kept apart: see `storage.interaction_tokens`.

    Attributes:
        name: What is to be done, such as `ask`.
        private: Whether the person alone sees what comes of it.
        arguments: What it is to be done with: JSON that whoever does it reads.
        outcome: The message that its outcome is, where that is visible and something is left to be done.
    """

    kind: Literal["command"] = "command"
    interaction_id: Id
    name: str = Field(min_length=1, max_length=32)
    private: bool
    arguments: dict[str, JsonValue]
    outcome: Id | None = None

    @property
    def id(self) -> str:
        """The same for the same interaction, whenever and by whichever process it is met."""
        return f"command:{self.interaction_id}"

    @property
    def born(self) -> int:
        """Discord's id of what it came from: they grow with time."""
        return self.interaction_id


class OpenTurn(_Open):
    """A turn of a conversation that is to be answered; what was said is in `handlers.chat.history`.

    Attributes:
        turn_id: The message or the interaction that it came from.
        hangs_on: In place: the message that the conversation hangs on; None: it has the channel to itself.
        reply_to: The message that is answered; None: no message of a person's says it.
        attempt: The interaction that asked for another answer; 0: the first one.
        messages: The answer's messages so far.
    """

    kind: Literal["turn"] = "turn"
    turn_id: Id
    hangs_on: Id | None = None
    reply_to: Id | None = None
    attempt: Id = 0
    messages: tuple[Id, ...] = ()

    @property
    def id(self) -> str:
        """The same for the same turn and attempt, whenever and by whichever process it is met."""
        return f"turn:{self.turn_id}:{self.attempt}"

    @property
    def born(self) -> int:
        """Discord's id of what it came from: they grow with time."""
        return self.attempt or self.turn_id


def _kind(value: Any) -> str:  # noqa: ANN401 - pydantic gives what it was given
    found = value.get("kind", "post") if isinstance(value, dict) else value.kind
    return str(found)


Open = OpenPost | OpenCommand | OpenTurn
"""A request that has no outcome yet."""
_reader: TypeAdapter[Open] = TypeAdapter(
    Annotated[
        Annotated[OpenPost, Tag("post")]
        | Annotated[OpenCommand, Tag("command")]
        | Annotated[OpenTurn, Tag("turn")],
        Discriminator(_kind),
    ]
)


class AcceptResult(enum.Enum):
    """Where a request stands that was brought to the inbox."""

    NEW = "new"
    OPEN = "open"
    """It was written down before (by us, another process or an earlier life) and has no outcome yet."""
    CLOSED = "closed"
    """Its outcome has been visible already."""


class Inbox:
    """The open requests of one bot.

    Args:
        redis: Where they are kept.
        bot: The bot's name, the same after a restart.
        prefix: Of the key names.
        clock: Unix time in seconds.
    """

    def __init__(
        self, redis: Client, bot: str, *, prefix: str = "beholder", clock: Callable[[], float] = time.time
    ) -> None:
        self._redis = redis
        self._open = f"{prefix}:inbox:{bot}"
        self._closed = f"{prefix}:closed:{bot}"
        self._clock = clock
        self._accept_script = redis.register_script(source("accept_request"))
        self._amend_script = redis.register_script(source("amend_request"))

    async def accept(self, request: Open) -> AcceptResult:
        """Write a request down. Doing it twice changes nothing.

        Returns:
            Where it stood before.

        Raises:
            QueueUnavailable: Redis cannot be reached: it may or may not be written down.
        """
        async with translated():
            answer = await self._accept_script(
                keys=[self._open, self._closed], args=[request.id, request.model_dump_json()]
            )
        return AcceptResult(answer.decode())

    async def amend(self, request: Open) -> None:
        """Write down what was found out about a request; one that is not open stays as it is.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        async with translated():
            await self._amend_script(keys=[self._open], args=[request.id, request.model_dump_json()])

    async def close(self, request_id: str) -> None:
        """Cross a request out: its outcome is visible, or nobody is there any more to see it.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        now = self._clock()
        async with translated(), self._redis.pipeline(transaction=True) as both:
            both.hdel(self._open, request_id)
            both.zadd(self._closed, {request_id: now})
            both.zremrangebyscore(self._closed, "-inf", now - CLOSED_RETENTION_S)
            await both.execute()

    async def waiting(self) -> Sequence[Open]:
        """Return the open requests, the oldest first. What cannot be read is dropped and logged by its id.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        async with translated():
            raw = await self._redis.hgetall(self._open)
        found = []
        for key, value in raw.items():
            try:
                found.append(_reader.validate_json(value))
            except ValidationError:
                log.warning("inbox: %r is in no form that is read here: dropped", key)
                await self._drop(key)
        return sorted(found, key=lambda request: request.born)

    async def _drop(self, key: bytes | str) -> None:
        async with translated():
            await self._redis.hdel(self._open, key)
