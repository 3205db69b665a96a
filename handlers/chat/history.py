"""What was said in a channel, in Redis: it survives restarts, and goes 7 days after the last turn.

A conversation is a hash with a field for each turn and answer, keyed by its channel and, in place, by the
message that it hangs on: two conversations in one channel never mix. Beside it an index says which message
belongs where, so that what people edit or delete in Discord is edited or deleted here.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from handlers.chat import history_codec
from handlers.chat.history_codec import SUBJECT
from handlers.chat.models import BotReply, Exchange, PostedImage, Subject, TokenCount, UserTurn
from handlers.scripts import source
from inference.queue.connection import Client, translated
from inference.schema import MAX_TURNS

RETENTION_S: Final = 7 * 24 * 3600
"""Seconds after the last turn for which a conversation is kept."""
MEASURED: Final = "measured"
MAX_FIELDS: Final = 3 * MAX_TURNS
"""Of a conversation; beyond that, turns that no model gets any more are forgotten."""
NEWEST: Final = "newest"
"""The turn whose answer has the buttons."""


@dataclass(frozen=True)
class ConversationKey:
    """Where a conversation is.

    Attributes:
        channel_id: The channel or thread.
        hangs_on: In place: the message that it hangs on; None: it has the channel to itself.
    """

    channel_id: int
    hangs_on: int | None = None

    @property
    def name(self) -> str:
        """Name it in keys."""
        return f"{self.channel_id}:{self.hangs_on or 0}"

    @classmethod
    def named(cls, name: str) -> "ConversationKey":
        """Read what `name` says."""
        channel, _, hangs_on = name.partition(":")
        return cls(int(channel), int(hangs_on) or None)


class History:
    """The conversations of one bot.

    Args:
        redis: Where they are kept.
        bot: The bot's name, the same after a restart.
        prefix: Of the key names.
    """

    def __init__(self, redis: Client, bot: str, *, prefix: str = "beholder") -> None:
        self._redis = redis
        self._name = f"{prefix}:talk:{bot}:"
        self._index = f"{prefix}:said:{bot}:"
        self._last = f"{prefix}:talked:{bot}:"
        self._edit_script = redis.register_script(source("edit_turn"))
        self._reset_script = redis.register_script(source("reset_conversation"))

    async def begin(self, place: ConversationKey, subject: Subject) -> None:
        """Note what a conversation is about; one that has begun stays as it is.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        async with translated(), self._redis.pipeline(transaction=True) as all_:
            all_.hsetnx(self._key(place), SUBJECT, subject.model_dump_json())
            all_.expire(self._key(place), RETENTION_S)
            for message in {picture.message_id for picture in subject.pictures}:
                all_.sadd(self._index + str(message), place.name)
                all_.expire(self._index + str(message), RETENTION_S)
            await all_.execute()

    async def subject(self, place: ConversationKey) -> Subject | None:
        """Return what a conversation is about; None where nothing is known of it.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        async with translated():
            return history_codec.read(Subject, await self._redis.hget(self._key(place), SUBJECT))

    async def say(self, place: ConversationKey, said: UserTurn) -> bool:
        """Note what a person said; doing it twice changes nothing.

        Returns:
            Whether it is new.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        async with translated():
            new = await self._redis.hsetnx(self._key(place), f"said:{said.turn_id}", said.model_dump_json())
        if said.message_id is not None:
            await self.belongs(place, [said.message_id])
        await self.refresh(place)
        return bool(new)

    async def reply(self, place: ConversationKey, replied: BotReply, known: TokenCount | None = None) -> None:
        """Note what the bot answered, and what that took; a turn that is gone gets no answer.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        key = self._key(place)
        async with translated():
            if not await self._redis.hexists(key, f"said:{replied.turn_id}"):
                return
            await self._redis.hset(key, f"replied:{replied.turn_id}", replied.model_dump_json())
            if known is not None:
                await self._redis.hset(key, MEASURED, known.model_dump_json())
            await self._prune(key)
        await self.refresh(place)

    async def _prune(self, key: str) -> None:
        """Forget what no model gets any more: all but the first turn and the newest."""
        if await self._redis.hlen(key) <= MAX_FIELDS:
            return
        names = [bytes(each).decode() for each in await self._redis.hkeys(key)]  # type: ignore[arg-type]
        turns = sorted(int(each.removeprefix("said:")) for each in names if each.startswith("said:"))
        for turn in turns[1 : -MAX_TURNS // 2]:
            await self._redis.hdel(key, f"said:{turn}", f"replied:{turn}", f"shown:{turn}")

    async def unanswer(self, place: ConversationKey, turn_id: int) -> None:
        """Take back the answer to a turn, where it has one: it gets another.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        async with translated():
            if await self._redis.hdel(self._key(place), f"replied:{turn_id}"):
                await self._redis.hdel(self._key(place), MEASURED)

    async def exchanges(self, place: ConversationKey, *, until: int | None = None) -> list[Exchange]:
        """Return what was said and answered, the oldest first.

        Args:
            place: Where.
            until: The last turn that is wanted; None: all.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        async with translated():
            raw = await self._redis.hgetall(self._key(place))
        fields = {bytes(key).decode(): value for key, value in raw.items()}  # type: ignore[arg-type]
        said = [
            history_codec.read(UserTurn, value) for name, value in fields.items() if name.startswith("said:")
        ]
        found = sorted((each for each in said if each is not None), key=lambda each: each.turn_id)
        return [
            Exchange(each, history_codec.read(BotReply, fields.get(f"replied:{each.turn_id}")))
            for each in found
            if until is None or each.turn_id <= until
        ]

    async def measured(self, place: ConversationKey) -> TokenCount | None:
        """Return what the engine counted last.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        async with translated():
            return history_codec.read(TokenCount, await self._redis.hget(self._key(place), MEASURED))

    async def first_time(self, place: ConversationKey, what: str) -> bool:
        """Tell whether something is told here for the first time; from now on it is not.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        async with translated():
            first = await self._redis.hsetnx(self._key(place), f"told:{what}", "1")
            await self._redis.expire(self._key(place), RETENTION_S)
        return bool(first)

    async def shown(self, place: ConversationKey, turn_id: int, messages: Sequence[int]) -> None:
        """Note which messages an answer stands in.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        async with translated():
            await self._redis.hset(self._key(place), f"shown:{turn_id}", " ".join(map(str, messages)))
            await self._redis.expire(self._key(place), RETENTION_S)
        await self.belongs(place, messages)

    async def messages(self, place: ConversationKey, turn_id: int) -> tuple[int, ...]:
        """Return which messages an answer stands in.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        async with translated():
            raw = await self._redis.hget(self._key(place), f"shown:{turn_id}")
        return tuple(map(int, raw.split())) if raw else ()

    async def newest(self, place: ConversationKey, turn_id: int | None = None) -> int | None:
        """Return the turn that was answered last, and note that it is `turn_id` now, where that is given.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        async with translated():
            before = await self._redis.hget(self._key(place), NEWEST)
            if turn_id is not None:
                await self._redis.hset(self._key(place), NEWEST, str(turn_id))
                await self._redis.expire(self._key(place), RETENTION_S)
                await self._redis.set(self._last + str(place.channel_id), place.name, ex=RETENTION_S)
        return int(before) if before else None

    async def latest(self, channel_id: int) -> ConversationKey | None:
        """Return the conversation of a channel that was answered last.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        async with translated():
            raw = await self._redis.get(self._last + str(channel_id))
        return ConversationKey.named(bytes(raw).decode()) if raw else None  # type: ignore[arg-type]

    async def belongs(self, place: ConversationKey, messages: Iterable[int]) -> None:
        """Note that messages are part of a conversation.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        async with translated(), self._redis.pipeline(transaction=True) as all_:
            for message in messages:
                all_.sadd(self._index + str(message), place.name)
                all_.expire(self._index + str(message), RETENTION_S)
            await all_.execute()

    async def places(self, message_id: int) -> list[ConversationKey]:
        """Return the conversations that a message is part of.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        async with translated():
            names = await self._redis.smembers(self._index + str(message_id))
        return [ConversationKey.named(bytes(name).decode()) for name in names]  # type: ignore[arg-type]

    async def refresh(self, place: ConversationKey) -> None:
        """Keep a conversation, and the index of its messages, for another `RETENTION_S` seconds.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        async with translated():
            raw = await self._redis.hgetall(self._key(place))
            async with self._redis.pipeline(transaction=False) as all_:
                all_.expire(self._key(place), RETENTION_S)
                for message in history_codec.messages(raw):
                    all_.expire(self._index + str(message), RETENTION_S)
                await all_.execute()

    async def edit(self, message_id: int, text: str, pictures: Sequence[PostedImage]) -> None:
        """Let a turn say what its author made of it.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        for place in await self.places(message_id):
            async with translated():
                field = f"said:{message_id}"
                raw = await self._redis.hget(self._key(place), field)
                before = history_codec.read(UserTurn, raw)
                if raw is None or before is None or history_codec.same(before, text, pictures):
                    continue
                after = before.model_copy(update={"text": text, "pictures": tuple(pictures)})
                await self._edit_script(keys=[self._key(place)], args=[field, raw, after.model_dump_json()])

    async def delete(self, message_id: int) -> dict[ConversationKey, bool]:
        """Forget what stood in a message: a turn with its answer, an answer, or pictures.

        Returns:
            The conversations that it was part of, and whether they lost a picture.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        found: dict[ConversationKey, bool] = {}
        for place in await self.places(message_id):
            key = self._key(place)
            async with translated():
                raw = await self._redis.hgetall(key)
                gone = [f"said:{message_id}", f"replied:{message_id}", MEASURED]
                for turn, messages in history_codec.answers(raw).items():
                    if message_id in messages:
                        gone.append(f"replied:{turn}")
                        left = " ".join(str(each) for each in messages if each != message_id)
                        await self._redis.hset(key, f"shown:{turn}", left)
                await self._redis.hdel(key, *gone)
                subject = history_codec.read(Subject, raw.get(SUBJECT.encode()))
                if subject is not None:
                    after = history_codec.without(subject, message_id)
                    await self._redis.hset(key, SUBJECT, after.model_dump_json())
                await self._redis.expire(key, RETENTION_S)
            said = history_codec.read(UserTurn, raw.get(f"said:{message_id}".encode()))
            shown = [*(subject.pictures if subject else ()), *(said.pictures if said else ())]
            found[place] = any(each.message_id == message_id for each in shown)
        async with translated():
            await self._redis.delete(self._index + str(message_id))
        return found

    async def part(self, channel_id: int) -> None:
        """Note that what comes next in a channel is no part of the conversation that was answered last.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        async with translated():
            await self._redis.delete(self._last + str(channel_id))

    async def reset(self, place: ConversationKey) -> None:
        """Forget what was said, but not what it is about.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        async with translated():
            await self._reset_script(keys=[self._key(place)], args=[])

    async def forget_channel(self, channel_id: int) -> None:
        """Forget the conversation that had a channel to itself: the channel is gone.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        async with translated():
            await self._redis.delete(self._key(ConversationKey(channel_id)), self._last + str(channel_id))

    def _key(self, place: ConversationKey) -> str:
        return self._name + place.name
