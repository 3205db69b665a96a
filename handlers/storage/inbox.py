"""Open requests in Redis, so that they survive a restart: stored before work, closed once it is visible."""

import enum
import logging
import operator
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
"""Seconds for which a closed request is remembered: longer than a backfill looks back (24 h)."""

Why = Literal["unasked", "mention", "dm", "reply"]


class _OpenRequest(BaseModel):
    """Fields of every open request. Stored as JSON: a field's name is its JSON name.

    Attributes:
        v: Version of the format.
        guild_id: The guild; None in a DM.
        author_id: The user who made the request.
        accepted: Unix time in seconds at which it was accepted.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True)

    v: Literal[1] = 1
    channel_id: Id
    guild_id: Id | None
    author_id: Id
    accepted: float = Field(ge=0, allow_inf_nan=False)

    @property
    def scope(self) -> str:
        """Guild or DM that its images belong to; nothing is shared across scopes."""
        return f"dm:{self.channel_id}" if self.guild_id is None else f"guild:{self.guild_id}"


class OpenPost(_OpenRequest):
    """A message whose images are to be captioned, or asked about.

    Attributes:
        why: `unasked`: it was posted where captions are on; otherwise its author waits for the answer.
            `reply`: it is a question in reply to an answer of the bot's, which it does not name.
        question: What is asked about the pictures; None: they are to be captioned.
    """

    kind: Literal["post"] = "post"
    message_id: Id
    why: Why
    question: str | None = Field(None, exclude_if=lambda value: value is None)

    @property
    def id(self) -> str:
        """Request id, derived from the message."""
        return f"post:{self.message_id}"

    @property
    def born(self) -> int:
        """Snowflake of the message or interaction that it came from: requests are handled in this order."""
        return self.message_id


class OpenCommand(_OpenRequest):
    """An interaction that is not answered yet. Its token is in `handlers.storage.interaction_tokens`.

    Attributes:
        name: The command, such as `ask`.
        private: Whether the response is ephemeral.
        arguments: The command's arguments, as its cog stores and reads them.
        outcome: The message of the response, if it is visible and something remains to be done.
    """

    kind: Literal["command"] = "command"
    interaction_id: Id
    name: str = Field(min_length=1, max_length=32)
    private: bool
    arguments: dict[str, JsonValue]
    outcome: Id | None = None

    @property
    def id(self) -> str:
        """Request id, derived from the interaction."""
        return f"command:{self.interaction_id}"

    @property
    def born(self) -> int:
        """Snowflake of the message or interaction that it came from: requests are handled in this order."""
        return self.interaction_id


class OpenTurn(_OpenRequest):
    """A turn of a conversation that is not answered yet. Its text is in `handlers.chat.history`.

    Attributes:
        turn_id: The message or interaction that it came from.
        root_message_id: Root message of a conversation in a shared channel; None if it owns its channel.
        reply_to: The message that is replied to; None if the turn did not come from a message.
        attempt: The interaction that requested another answer; 0 for the first answer.
        messages: The messages of the answer so far.
        continues: Whether the attempt goes on with the answer that there is, which was cut off.
    """

    kind: Literal["turn"] = "turn"
    turn_id: Id
    root_message_id: Id | None = Field(None, alias="hangs_on")
    """Stored as `hangs_on`."""
    reply_to: Id | None = None
    attempt: Id = 0
    messages: tuple[Id, ...] = ()
    continues: bool = Field(False, exclude_if=operator.not_)
    """Stored only where it is set, so that an earlier version reads the others."""

    @property
    def id(self) -> str:
        """Request id, derived from the turn and the attempt."""
        return f"turn:{self.turn_id}:{self.attempt}"

    @property
    def born(self) -> int:
        """Snowflake of the message or interaction that it came from: requests are handled in this order."""
        return self.attempt or self.turn_id


def _kind(value: Any) -> str:  # noqa: ANN401 - JSON or a model
    kind = value.get("kind", "post") if isinstance(value, dict) else value.kind
    return str(kind)


Open = OpenPost | OpenCommand | OpenTurn
"""Any open request."""
_adapter: TypeAdapter[Open] = TypeAdapter(
    Annotated[
        Annotated[OpenPost, Tag("post")]
        | Annotated[OpenCommand, Tag("command")]
        | Annotated[OpenTurn, Tag("turn")],
        Discriminator(_kind),
    ]
)


class AcceptResult(enum.Enum):
    """State of a request before it was accepted."""

    NEW = "new"
    OPEN = "open"
    """It was accepted before, by this process or another, and is not closed."""
    CLOSED = "closed"


class Inbox:
    """Stores the open requests of one bot.

    Args:
        redis: The Redis client.
        bot: The bot's name, the same after a restart.
        prefix: Prefix of the key names.
        clock: Returns Unix time in seconds.
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
        """Store a request, unless it is open or closed already. Atomic and idempotent.

        Returns:
            Its state before.

        Raises:
            QueueUnavailable: Redis cannot be reached: the request may or may not be stored.
        """
        async with translated():
            answer = await self._accept_script(
                keys=[self._open, self._closed], args=[request.id, request.model_dump_json()]
            )
        return AcceptResult(answer.decode())

    async def amend(self, request: Open) -> None:
        """Overwrite an open request; one that is not open is not stored. Atomic and idempotent.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        async with translated():
            await self._amend_script(keys=[self._open], args=[request.id, request.model_dump_json()])

    async def close(self, request_id: str) -> None:
        """Close a request, once its outcome is visible or its channel is gone. Atomic and idempotent.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        now = self._clock()
        async with translated(), self._redis.pipeline(transaction=True) as pipe:
            pipe.hdel(self._open, request_id)
            pipe.zadd(self._closed, {request_id: now})
            pipe.zremrangebyscore(self._closed, "-inf", now - CLOSED_RETENTION_S)
            await pipe.execute()

    async def is_open(self, request_id: str) -> bool:
        """Return whether a request is open.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        async with translated():
            return bool(await self._redis.hexists(self._open, request_id))

    async def waiting(self) -> Sequence[Open]:
        """Return the open requests, the oldest first. A malformed one is deleted, and its id logged.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        async with translated():
            raw = await self._redis.hgetall(self._open)
        requests = []
        for key, value in raw.items():
            try:
                requests.append(_adapter.validate_json(value))
            except ValidationError:
                log.warning("inbox: malformed request %r deleted", key)
                await self._delete(key)
        return sorted(requests, key=lambda request: request.born)

    async def _delete(self, key: bytes | str) -> None:
        async with translated():
            await self._redis.hdel(self._open, key)
