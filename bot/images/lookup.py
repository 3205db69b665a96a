"""Which picture is meant: the one rule, for every command, mention, reply, direct message and chat turn.

The picture given; else that of the message replied to, where answers of the bot are followed to the picture
that they are about; else the thread's; else the newest that people posted here. What is stored is looked at
before what must be fetched. Only what the asker may read is read: nobody learns of a picture that they could
not see.
"""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import discord

from bot.discord_api.errors import DISCORD_ERRORS
from bot.discord_api.history import read_history
from bot.errors import UserError
from bot.images.extract import ImageRef, extract_images, own_images
from handlers.chat.history import ConversationKey, History
from handlers.chat.models import PostedImage
from handlers.storage.answer_subjects import AnswerSubject, AnswerSubjects, SubjectPicture
from handlers.storage.inbox import OpenCommand
from inference.errors import PictureGone

log = logging.getLogger(__name__)

HISTORY_LIMIT = 50
"""Messages among which the newest picture is looked for."""
MAX_REPLIES = 5
"""Replies that are followed from a message to the picture that it is about."""
COPY_NAME = "picture.jpg"
"""File name of the small copy that an answer shows of a picture given with a command."""

NO_PICTURE = (
    f"I see no picture of anyone's in the last {HISTORY_LIMIT} messages here. Give me one with the command's "
    "`image` option, or post one and call the command again. `/help` says which picture I look at."
)
YOU_MAY_NOT = (
    "You may not read this channel's message history, so I don't look for a picture in it. Give me one with "
    "the command's `image` option."
)
I_MAY_NOT = (
    "I may not read this channel's message history, so I can't look for a picture in it. Give me one with "
    "the command's `image` option, or ask an admin to grant me Read Message History here."
)
NOT_REACHED = "Discord did not let me look for a picture just now. Try again in a minute."

_ABOUT_LINK = re.compile(
    r"^-# About \[[^\]]*\]\(https://discord\.com/channels/(?:\d{1,20}|@me)/(\d{1,20})/(\d{1,20})\)$",
    re.MULTILINE,
)
"""The line below an answer that links to its picture (`bot.formatting.captions.about_line`)."""


@dataclass(frozen=True)
class FoundImages:
    """Pictures, and the message that has them.

    Attributes:
        channel_id: Its channel.
        message_id: Its id; of pictures given with a command, the id of the answer to it.
        images: At least one, in the order in which Discord shows them.
        given: Whether they were given with a command, so that no message has them as they are.
    """

    channel_id: int
    message_id: int
    images: tuple[ImageRef, ...]
    given: bool = False

    def subject(self) -> AnswerSubject:
        """Return what is stored of an answer about them."""
        message_id = None if self.given else self.message_id
        return subject_of(self.channel_id, message_id, self.images)


def subject_of(channel_id: int, message_id: int | None, images: Sequence[ImageRef]) -> AnswerSubject:
    """Return what is stored of an answer about pictures.

    Args:
        channel_id: The channel of the message with the pictures, or of the answer.
        message_id: The message with the pictures; None where they were given with a command.
        images: The pictures.
    """
    return AnswerSubject(
        channel_id=channel_id,
        message_id=message_id,
        pictures=tuple(
            SubjectPicture(
                key=each.key, url="" if message_id else each.url, size=each.size, spoiler=each.spoiler
            )
            for each in images
        ),
    )


def check_may_look(interaction: discord.Interaction) -> None:
    """Refuse, before the interaction is deferred, to look where the member or the bot may not read.

    Raises:
        UserError: One of them may not.
    """
    if interaction.guild_id is None:
        return
    if not _may_read(interaction.permissions):
        raise UserError(YOU_MAY_NOT)
    if not _may_read(interaction.app_permissions):
        raise UserError(I_MAY_NOT)


def _may_read(permissions: discord.Permissions) -> bool:
    return permissions.administrator or (permissions.view_channel and permissions.read_message_history)


def by_people(message: discord.Message, bot_id: int) -> bool:
    """Tell whether people posted a message: a member, or a webhook that speaks for one, as PluralKit's do.

    A response to an interaction comes through a webhook as well, but an application has made what is in it.
    """
    if message.author.id == bot_id or message.interaction_metadata is not None or message.flags.ephemeral:
        return False
    if message.webhook_id is not None:
        return message.webhook_id != message.application_id
    return not message.author.bot


class ImageLookup:
    """Finds the pictures that are meant. Owned by the client.

    Args:
        client: The Discord client.
        subjects: What the bot's answers are about.
        history: The conversations.
    """

    def __init__(self, client: discord.Client, subjects: AnswerSubjects, history: History) -> None:
        self._client = client
        self._subjects = subjects
        self._history = history

    async def for_command(self, request: OpenCommand) -> FoundImages:
        """Find the picture that a command without one is about. `check_may_look` was passed before.

        Raises:
            UserError: There is none, or Discord cannot be asked.
            PictureGone: It was deleted.
            QueueUnavailable: Redis cannot be reached.
        """
        try:
            channel = await self._channel(request.channel_id, request.guild_id)
            found = await self._of_thread(channel) or await self._newest(channel, request.interaction_id)
        except discord.Forbidden as error:
            raise UserError(I_MAY_NOT) from error
        except DISCORD_ERRORS as error:
            log.warning("%s: the channel was not read (%s)", request.id, type(error).__name__)
            raise UserError(NOT_REACHED) from error
        if found is None:
            raise UserError(NO_PICTURE)
        return found

    async def for_message(self, message: discord.Message, guild_id: int | None) -> FoundImages | None:
        """Find the picture that a message is about, which a member has written to the bot.

        Whatever is posted after it does not change the outcome: it is the same after a restart.

        Raises:
            PictureGone: The picture of the message that it replies to was deleted.
            discord.HTTPException, OSError: Discord cannot be reached.
            QueueUnavailable: Redis cannot be reached.
        """
        found = await self.of(message)
        if found is not None:
            return found
        channel = await self._channel(message.channel.id, guild_id)
        try:
            found = await self._of_thread(channel)
            if found is None and await _author_may_read(message):
                found = await self._newest(channel, message.id)
        except discord.Forbidden:
            log.info("message %d: no permission to look for a picture", message.id)
        return found

    async def of(self, message: discord.Message) -> FoundImages | None:
        """Return a message's own pictures, else those that it is about by what it replies to.

        Raises:
            PictureGone: They were deleted.
            discord.HTTPException, OSError: Discord cannot be reached.
            QueueUnavailable: Redis cannot be reached.
        """
        current: discord.Message | None = message
        for _ in range(MAX_REPLIES + 1):
            if current is None:
                return None
            found = await self._shown_by(current) or await self._of_reference(current)
            if found is not None:
                return found
            current = await self._replied_to(current)
        return None

    async def at(self, guild_id: int | None, channel_id: int, message_id: int) -> FoundImages:
        """Find the pictures of a message that a member has chosen: those that it is about, else its thread's.

        Raises:
            UserError: Discord cannot be asked.
            PictureGone: There are none, or they were deleted.
            QueueUnavailable: Redis cannot be reached.
        """
        try:
            found = await self.of(await self._fetch(channel_id, message_id))
            found = found or await self._of_thread(await self._channel(channel_id, guild_id))
        except DISCORD_ERRORS as error:
            raise UserError(NOT_REACHED) from error
        if found is None:
            raise PictureGone("The message is about no picture (any more).")
        return found

    async def of_replied_to(self, message: discord.Message) -> FoundImages | None:
        """Return the pictures of the message that a message replies to, as `of` does.

        Raises:
            PictureGone: They were deleted.
            discord.HTTPException, OSError: Discord cannot be reached.
            QueueUnavailable: Redis cannot be reached.
        """
        found = await self._of_reference(message)
        if found is not None:
            return found
        replied_to = await self._replied_to(message)
        return await self.of(replied_to) if replied_to is not None else None

    async def keep(self, answer_id: int, subject: AnswerSubject) -> None:
        """Store what an answer is about. Idempotent.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        await self._subjects.keep(answer_id, subject)

    async def forget(self, message_id: int) -> None:
        """Delete what is stored of an answer, when its message was deleted. Idempotent.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        await self._subjects.forget(message_id)

    async def _shown_by(self, message: discord.Message) -> FoundImages | None:
        """Return the pictures that a message shows, or that an answer of the bot's is known to be about."""
        channel_id = message.channel.id
        if not self._is_own(message):
            images = () if message.flags.ephemeral else own_images(message)
            if images:
                return FoundImages(channel_id, message.id, images)
            return await self._in_conversation(channel_id, message.id)
        found = await self._stored(channel_id, message.id)
        if found is not None:
            return found
        link = _ABOUT_LINK.search(message.content)
        if link is not None:
            return await self._fetched(int(link[1]), int(link[2]))
        copies = _copies(message)
        return FoundImages(channel_id, message.id, copies) if copies else None

    async def _of_reference(self, message: discord.Message) -> FoundImages | None:
        """Return what is stored of the message that is replied to, without fetching it."""
        reference = message.reference
        if not _is_reply(message) or reference is None or reference.message_id is None:
            return None
        if isinstance(reference.resolved, discord.Message):
            # Its own pictures count before those that it is about.
            return None
        return await self._stored(reference.channel_id, reference.message_id)

    async def _replied_to(self, message: discord.Message) -> discord.Message | None:
        """Return the message that a message replies to; None where it is no reply.

        Raises:
            PictureGone: It was deleted, or the bot may not read it.
        """
        reference = message.reference
        if not _is_reply(message) or reference is None or reference.message_id is None:
            return None
        if isinstance(reference.resolved, discord.Message):
            return reference.resolved
        if isinstance(reference.resolved, discord.DeletedReferencedMessage):
            raise PictureGone("The message that is replied to was deleted.")
        return await self._fetch(reference.channel_id, reference.message_id)

    async def _stored(self, channel_id: int, message_id: int) -> FoundImages | None:
        """Return what is stored of an answer or of a turn of a conversation.

        Raises:
            PictureGone: The picture was deleted.
        """
        subject = await self._subjects.find(message_id)
        if subject is not None and subject.message_id is None:
            images = tuple(
                ImageRef(each.key, each.url, size=each.size, spoiler=each.spoiler)
                for each in subject.pictures
            )
            return FoundImages(subject.channel_id, message_id, images, given=True) if images else None
        if subject is not None and subject.message_id is not None:
            keys = {each.key for each in subject.pictures}
            return await self._fetched(subject.channel_id, subject.message_id, keys)
        return await self._in_conversation(channel_id, message_id)

    async def _in_conversation(self, channel_id: int, message_id: int) -> FoundImages | None:
        """Return what a turn of a conversation, or the answer to one, is about."""
        for key in await self._history.places(message_id):
            if key.channel_id == channel_id:
                found = _found_in(await self._history.pictures_of(key, message_id))
                if found is not None:
                    return found
        return None

    async def _fetched(self, channel_id: int, message_id: int, keys: set[str] | None = None) -> FoundImages:
        """Fetch a message that an answer is about, and return its pictures.

        Raises:
            PictureGone: It was deleted, or has no picture any more.
        """
        message = await self._fetch(channel_id, message_id)
        images = _copies(message) if self._is_own(message) else own_images(message)
        kept = tuple(each for each in images if keys is None or each.key in keys)
        if not kept:
            raise PictureGone("The message has no picture any more.")
        return FoundImages(channel_id, message_id, kept)

    async def _fetch(self, channel_id: int, message_id: int) -> discord.Message:
        channel = self._client.get_partial_messageable(channel_id)
        try:
            return await channel.fetch_message(message_id)
        except (discord.NotFound, discord.Forbidden) as error:
            raise PictureGone("The message was deleted.") from error

    async def _of_thread(self, channel: discord.abc.Messageable) -> FoundImages | None:
        """Return the pictures of a thread: of its conversation, else of the message that it was made from."""
        if not isinstance(channel, discord.Thread):
            return None
        subject = await self._history.subject(ConversationKey(channel.id))
        found = _found_in(subject.pictures if subject is not None else ())
        if found is not None:
            return found
        in_forum = isinstance(channel.parent, discord.ForumChannel)
        try:
            return await self.of(await self._fetch(channel.id if in_forum else channel.parent_id, channel.id))
        except PictureGone:
            return None

    async def _newest(self, channel: discord.abc.Messageable, before: int) -> FoundImages | None:
        """Return the newest pictures that people posted before a message or an interaction."""
        async for message in read_history(channel, limit=HISTORY_LIMIT, before=before):
            if by_people(message, self._bot_id):
                images = own_images(message)
                if images:
                    return FoundImages(message.channel.id, message.id, images)
        return None

    async def _channel(self, channel_id: int, guild_id: int | None) -> discord.abc.Messageable:
        """Return a channel; a thread that is not cached is fetched, to be known as one."""
        channel = self._client.get_channel(channel_id)
        if channel is None and guild_id is not None:
            channel = await self._client.fetch_channel(channel_id)
        if isinstance(channel, discord.abc.Messageable):
            return channel
        return self._client.get_partial_messageable(channel_id, type=discord.ChannelType.private)

    @property
    def _bot_id(self) -> int:
        return self._client.user.id if self._client.user is not None else 0

    def _is_own(self, message: discord.Message) -> bool:
        return message.author.id == self._bot_id


async def fetch_images(
    client: discord.Client, guild_id: int | None, channel_id: int, message_id: int
) -> tuple[ImageRef, ...]:
    """Fetch a message again for its pictures: their addresses may have expired.

    Raises:
        PictureGone: It is gone, has no picture any more, or cannot be fetched right now.
    """
    channel = client.get_partial_messageable(channel_id, guild_id=guild_id)
    try:
        message = await channel.fetch_message(message_id)
    except DISCORD_ERRORS as error:
        raise PictureGone("The message could not be fetched from Discord.") from error
    images = extract_images(message, asked=True)
    if client.user is not None and message.author.id == client.user.id:
        # Of a picture given with a command, the answer has a copy; there it was the first option.
        images += tuple(replace(each, key="1") for each in _copies(message)[:1])
    if not images or message.flags.ephemeral:
        raise PictureGone("The message has no picture any more.")
    return images


def _is_reply(message: discord.Message) -> bool:
    """Tell whether a message is a reply: forwards, and notices of pins, refer to messages too."""
    return message.type is discord.MessageType.reply


def _copies(message: discord.Message) -> tuple[ImageRef, ...]:
    """Return the copies of members' pictures that a message of the bot's shows; never what it has drawn."""
    shown = {
        str(each.id) for each in message.attachments if each.filename.removeprefix("SPOILER_") == COPY_NAME
    }
    return tuple(each for each in own_images(message) if each.key in shown)


def _found_in(pictures: Sequence[PostedImage]) -> FoundImages | None:
    """Return the stored pictures of a conversation, of the message that has the first of them."""
    if not pictures:
        return None
    first = pictures[0]
    images = tuple(
        ImageRef(each.key, each.url, size=each.size, spoiler=each.spoiler)
        for each in pictures
        if each.message_id == first.message_id
    )
    return FoundImages(first.channel_id, first.message_id, images)


async def _author_may_read(message: discord.Message) -> bool:
    """Tell whether a message's author may read the channel's history."""
    guild, channel = message.guild, message.channel
    if guild is None or not isinstance(channel, discord.abc.GuildChannel | discord.Thread):
        return True
    author = message.author
    member = author if isinstance(author, discord.Member) else await guild.fetch_member(author.id)
    return _may_read(channel.permissions_for(member))
