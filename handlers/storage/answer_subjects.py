"""The pictures that an answer of the bot is about, so that a reply to the answer is about them too."""

import logging
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from handlers.snowflake import Id
from inference.queue.connection import Client, translated
from inference.schema import MAX_PICTURES

log = logging.getLogger(__name__)

RETENTION_S: Final = 7 * 24 * 3600
"""Seconds for which an answer's subject is stored: as long as a conversation."""


class SubjectPicture(BaseModel):
    """A picture that an answer is about.

    Attributes:
        key: Identifies it among the pictures of its message, or among a command's options.
        url: Its address, where it was given with a command: then no message has it. Valid for about a day.
        size: Bytes of the file, if Discord says.
        spoiler: Whether it is hidden until a user clicks it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    url: str = Field("", repr=False)
    size: int | None = None
    spoiler: bool = False


class AnswerSubject(BaseModel):
    """What an answer of the bot is about. Stored as JSON.

    Attributes:
        channel_id: The channel of the message with the pictures, or of the answer.
        message_id: The message with the pictures; None where they were given with a command.
        pictures: The pictures, in their order.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    channel_id: Id
    message_id: Id | None = None
    pictures: tuple[SubjectPicture, ...] = Field((), max_length=MAX_PICTURES)


class AnswerSubjects:
    """Stores what the answers of one bot are about, by the answer's message.

    Args:
        redis: The Redis client.
        bot: The bot's name, the same after a restart.
        prefix: Prefix of the key names.
    """

    def __init__(self, redis: Client, bot: str, *, prefix: str = "beholder") -> None:
        self._redis = redis
        self._name = f"{prefix}:about:{bot}:"

    async def keep(self, answer_id: int, subject: AnswerSubject) -> None:
        """Store what an answer is about. Idempotent.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        async with translated():
            await self._redis.set(self._key(answer_id), subject.model_dump_json(), ex=RETENTION_S)

    async def find(self, answer_id: int) -> AnswerSubject | None:
        """Return what an answer is about; None where that is not known (any more).

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        async with translated():
            raw = await self._redis.get(self._key(answer_id))
        if raw is None:
            return None
        try:
            return AnswerSubject.model_validate_json(raw)
        except ValidationError:
            log.warning("message %d: malformed subject", answer_id)
            return None

    async def forget(self, answer_id: int) -> None:
        """Delete what a message is about, when it was deleted. Idempotent.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        async with translated():
            await self._redis.delete(self._key(answer_id))

    def _key(self, answer_id: int) -> str:
        return f"{self._name}{answer_id}"
