"""Conversations in Redis: they survive restarts, and expire 7 days after the last turn.

A conversation is a hash, keyed by its channel and, in a shared channel, by its root message, so that two
conversations in one channel stay separate. An index from messages to conversations serves edits and deletions
in Discord.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from handlers.chat import history_codec
from handlers.chat.history_codec import (
    MEASURED,
    NEWEST,
    SUBJECT,
    bot_reply_field,
    notice_field,
    reply_messages_field,
    user_turn_field,
)
from handlers.chat.models import BotReply, Exchange, PostedImage, Subject, TokenCount, UserTurn
from handlers.scripts import source
from inference.queue.connection import Client, translated
from inference.schema import MAX_TURNS

RETENTION_S: Final = 7 * 24 * 3600
"""Seconds after the last turn for which a conversation is stored."""


@dataclass(frozen=True)
class ConversationKey:
    """Identifies a conversation.

    Attributes:
        channel_id: The channel or thread.
        root_message_id: Root message of a conversation in a shared channel; None if it owns its channel.
    """

    channel_id: int
    root_message_id: int | None = None

    @property
    def name(self) -> str:
        """The conversation in Redis: in the key of its hash, and as a value."""
        return f"{self.channel_id}:{self.root_message_id or 0}"

    @classmethod
    def named(cls, name: str) -> "ConversationKey":
        """Parse `name`."""
        channel, _, root_message_id = name.partition(":")
        return cls(int(channel), int(root_message_id) or None)


class History:
    """Stores the conversations of one bot.

    Every method raises `QueueUnavailable` if Redis cannot be reached.

    Args:
        redis: The Redis client.
        bot: The bot's name, the same after a restart.
        prefix: Prefix of the key names.
        max_turns: Turns of a prompt. A conversation with three times as many fields is pruned.
    """

    def __init__(
        self, redis: Client, bot: str, *, prefix: str = "beholder", max_turns: int = MAX_TURNS
    ) -> None:
        self._redis = redis
        self._conversations = f"{prefix}:talk:{bot}:"
        self._message_index = f"{prefix}:said:{bot}:"
        self._latest = f"{prefix}:talked:{bot}:"
        self._max_turns = max_turns
        self._edit_script = redis.register_script(source("edit_turn"))
        self._reset_script = redis.register_script(source("reset_conversation"))

    async def begin(self, conversation: ConversationKey, subject: Subject) -> None:
        """Set a conversation's subject, unless it has one. Idempotent.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        key = self._key(conversation)
        async with translated(), self._redis.pipeline(transaction=True) as pipe:
            pipe.hsetnx(key, SUBJECT, subject.model_dump_json())
            pipe.expire(key, RETENTION_S)
            for message in {picture.message_id for picture in subject.pictures}:
                pipe.sadd(self._message_index + str(message), conversation.name)
                pipe.expire(self._message_index + str(message), RETENTION_S)
            await pipe.execute()

    async def subject(self, conversation: ConversationKey) -> Subject | None:
        """Return a conversation's subject; None if it has none.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        async with translated():
            return history_codec.read(Subject, await self._redis.hget(self._key(conversation), SUBJECT))

    async def say(self, conversation: ConversationKey, said: UserTurn) -> bool:
        """Add a user's turn, unless it is there. Idempotent.

        Returns:
            Whether it was added.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        field = user_turn_field(said.turn_id)
        async with translated():
            new = await self._redis.hsetnx(self._key(conversation), field, said.model_dump_json())
        shown_by = {each.message_id for each in said.about}
        if said.message_id is not None:
            shown_by.add(said.message_id)
        await self.belongs(conversation, shown_by)
        await self.refresh(conversation)
        return bool(new)

    async def reply(
        self, conversation: ConversationKey, replied: BotReply, known: TokenCount | None = None
    ) -> None:
        """Set the answer to a turn, unless the turn was deleted. Idempotent.

        Args:
            conversation: The conversation.
            replied: The answer.
            known: The engine's token count, if it gave one.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        key = self._key(conversation)
        async with translated():
            if not await self._redis.hexists(key, user_turn_field(replied.turn_id)):
                return
            await self._redis.hset(key, bot_reply_field(replied.turn_id), replied.model_dump_json())
            if known is not None:
                await self._redis.hset(key, MEASURED, known.model_dump_json())
            await self._prune(key)
        await self.refresh(conversation)

    async def _prune(self, key: str) -> None:
        """Delete turns that no prompt contains any more: all but the first and the newest."""
        if await self._redis.hlen(key) <= 3 * self._max_turns:
            return
        names = [bytes(each).decode() for each in await self._redis.hkeys(key)]  # type: ignore[arg-type]
        for turn in history_codec.turn_ids(names)[1 : -self._max_turns // 2]:
            await self._redis.hdel(
                key, user_turn_field(turn), bot_reply_field(turn), reply_messages_field(turn)
            )

    async def unanswer(self, conversation: ConversationKey, turn_id: int) -> None:
        """Delete the answer to a turn, before another is generated. Idempotent.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        key = self._key(conversation)
        async with translated():
            if await self._redis.hdel(key, bot_reply_field(turn_id)):
                await self._redis.hdel(key, MEASURED)

    async def exchanges(self, conversation: ConversationKey, *, until: int | None = None) -> list[Exchange]:
        """Return the turns with their answers, the oldest first.

        Args:
            conversation: The conversation.
            until: The last turn to return; None: all turns.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        fields = await self._fields(conversation)
        return [
            Exchange(turn, history_codec.read(BotReply, fields.get(bot_reply_field(turn.turn_id))))
            for turn in history_codec.user_turns(fields)
            if until is None or turn.turn_id <= until
        ]

    async def measured(self, conversation: ConversationKey) -> TokenCount | None:
        """Return the engine's last token count; None if none holds any more.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        async with translated():
            return history_codec.read(TokenCount, await self._redis.hget(self._key(conversation), MEASURED))

    async def first_time(self, conversation: ConversationKey, what: str) -> bool:
        """Return whether a notice has not been shown in a conversation, and mark it as shown.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        key = self._key(conversation)
        async with translated():
            first = await self._redis.hsetnx(key, notice_field(what), "1")
            await self._redis.expire(key, RETENTION_S)
        return bool(first)

    async def shown(self, conversation: ConversationKey, turn_id: int, messages: Sequence[int]) -> None:
        """Set the messages of the answer to a turn. Idempotent.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        key = self._key(conversation)
        async with translated():
            await self._redis.hset(key, reply_messages_field(turn_id), " ".join(map(str, messages)))
            await self._redis.expire(key, RETENTION_S)
        await self.belongs(conversation, messages)

    async def messages(self, conversation: ConversationKey, turn_id: int) -> tuple[int, ...]:
        """Return the messages of the answer to a turn.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        async with translated():
            raw = await self._redis.hget(self._key(conversation), reply_messages_field(turn_id))
        return tuple(map(int, raw.split())) if raw else ()

    async def newest(self, conversation: ConversationKey, turn_id: int | None = None) -> int | None:
        """Return the turn that was answered last, and set it to `turn_id` if that is given.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        key = self._key(conversation)
        async with translated():
            before = await self._redis.hget(key, NEWEST)
            if turn_id is not None:
                await self._redis.hset(key, NEWEST, str(turn_id))
                await self._redis.expire(key, RETENTION_S)
                latest = self._latest + str(conversation.channel_id)
                await self._redis.set(latest, conversation.name, ex=RETENTION_S)
        return int(before) if before else None

    async def latest(self, channel_id: int) -> ConversationKey | None:
        """Return the conversation of a channel that was answered last; None if there is none.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        async with translated():
            raw = await self._redis.get(self._latest + str(channel_id))
        return ConversationKey.named(bytes(raw).decode()) if raw else None  # type: ignore[arg-type]

    async def belongs(self, conversation: ConversationKey, messages: Iterable[int]) -> None:
        """Add messages to the index of a conversation. Idempotent.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        async with translated(), self._redis.pipeline(transaction=True) as pipe:
            for message in messages:
                pipe.sadd(self._message_index + str(message), conversation.name)
                pipe.expire(self._message_index + str(message), RETENTION_S)
            await pipe.execute()

    async def places(self, message_id: int) -> list[ConversationKey]:
        """Return the conversations that a message is part of.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        async with translated():
            names = await self._redis.smembers(self._message_index + str(message_id))
        return [ConversationKey.named(bytes(name).decode()) for name in names]  # type: ignore[arg-type]

    async def pictures_of(self, conversation: ConversationKey, message_id: int) -> tuple[PostedImage, ...]:
        """Return the images that a message of a conversation is about, be it a turn or part of an answer.

        They are those of its turn, else of the turn before, and so on; else the subject's.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        return history_codec.pictures_of(await self._fields(conversation), message_id)

    async def refresh(self, conversation: ConversationKey) -> None:
        """Extend a conversation's lifetime, and that of its index entries, to `RETENTION_S` from now.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        fields = await self._fields(conversation)
        async with translated(), self._redis.pipeline(transaction=False) as pipe:
            pipe.expire(self._key(conversation), RETENTION_S)
            for message in history_codec.messages(fields):
                pipe.expire(self._message_index + str(message), RETENTION_S)
            await pipe.execute()

    async def edit(self, edited: UserTurn) -> list[ConversationKey]:
        """Replace a turn's text, images and other files after its message was edited. Idempotent.

        A turn that was deleted meanwhile stays deleted.

        Returns:
            The conversations in which it was changed.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        field, changed = user_turn_field(edited.turn_id), []
        for conversation in await self.places(edited.turn_id):
            key = self._key(conversation)
            async with translated():
                raw = await self._redis.hget(key, field)
                before = history_codec.read(UserTurn, raw)
                if raw is None or before is None or history_codec.is_unchanged(before, edited):
                    continue
                new = {name: getattr(edited, name) for name in ("text", "pictures", "other_files")}
                after = before.model_copy(update=new)
                await self._edit_script(keys=[key], args=[field, raw, after.model_dump_json()])
            changed.append(conversation)
        return changed

    async def delete(self, message_id: int) -> dict[ConversationKey, bool]:
        """Delete the contents of a deleted message: a turn with its answer, an answer, or images. Idempotent.

        Returns:
            The conversations that the message was part of, and whether each lost an image.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        lost_image: dict[ConversationKey, bool] = {}
        for conversation in await self.places(message_id):
            fields = await self._fields(conversation)
            subject = history_codec.read(Subject, fields.get(SUBJECT))
            turn = history_codec.read(UserTurn, fields.get(user_turn_field(message_id)))
            await self._delete_from(conversation, message_id, fields, subject)
            about = [each for said in history_codec.user_turns(fields) for each in said.about]
            images = [*(subject.pictures if subject else ()), *(turn.pictures if turn else ()), *about]
            lost_image[conversation] = any(each.message_id == message_id for each in images)
        async with translated():
            await self._redis.delete(self._message_index + str(message_id))
        return lost_image

    async def _delete_from(
        self, conversation: ConversationKey, message_id: int, fields: dict[str, Any], subject: Subject | None
    ) -> None:
        key = self._key(conversation)
        deleted = [user_turn_field(message_id), bot_reply_field(message_id), MEASURED]
        async with translated():
            for turn_id, messages in history_codec.reply_messages(fields).items():
                if message_id in messages:
                    deleted.append(bot_reply_field(turn_id))
                    left = " ".join(str(each) for each in messages if each != message_id)
                    await self._redis.hset(key, reply_messages_field(turn_id), left)
            await self._redis.hdel(key, *deleted)
            for turn in history_codec.user_turns(fields):
                left_about = tuple(each for each in turn.about if each.message_id != message_id)
                if turn.turn_id != message_id and left_about != turn.about:
                    after_turn = turn.model_copy(update={"about": left_about})
                    await self._redis.hset(key, user_turn_field(turn.turn_id), after_turn.model_dump_json())
            if subject is not None:
                after = history_codec.without_message(subject, message_id)
                await self._redis.hset(key, SUBJECT, after.model_dump_json())
            await self._redis.expire(key, RETENTION_S)

    async def part(self, channel_id: int) -> None:
        """Detach a channel from the conversation that was answered last: the next turn begins another.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        async with translated():
            await self._redis.delete(self._latest + str(channel_id))

    async def reset(self, conversation: ConversationKey) -> None:
        """Delete everything of a conversation but its subject. Atomic and idempotent.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        async with translated():
            await self._reset_script(keys=[self._key(conversation)], args=[])

    async def forget_channel(self, channel_id: int) -> None:
        """Delete the conversation that owns a channel, when the channel was deleted. Idempotent.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        key = self._key(ConversationKey(channel_id))
        async with translated():
            await self._redis.delete(key, self._latest + str(channel_id))

    async def _fields(self, conversation: ConversationKey) -> dict[str, Any]:
        async with translated():
            raw = await self._redis.hgetall(self._key(conversation))
        return {bytes(name).decode(): value for name, value in raw.items()}  # type: ignore[arg-type]

    def _key(self, conversation: ConversationKey) -> str:
        return self._conversations + conversation.name
