"""Sending, editing and deleting messages: who may, what comes of it, and who is told."""

from collections.abc import Iterable

from bot.playground.errors import ApiError, ErrorCode
from bot.playground.forms.body import Upload
from bot.playground.forms.message_forms import AllowedMentions, MessageCreate, MessageEdit
from bot.playground.messages import mentions, references, stickers
from bot.playground.messages.attachments import NewFile
from bot.playground.messages.compose import compose
from bot.playground.payloads.channels import channel as channel_payload
from bot.playground.payloads.messages import gateway_message
from bot.playground.pocket import Pocket
from bot.playground.state.permissions import Permission
from bot.playground.state.records import Channel, ChannelType, Message, User
from bot.playground.state.snowflakes import at_time

NONCE_SECONDS = 300
"""How long an enforced nonce is remembered. Source: Discord's reference: "the past few minutes"."""


def send(
    pocket: Pocket, author: User, channel: Channel, form: MessageCreate, uploads: dict[int, Upload]
) -> Message:
    """Send a message as someone who has come by the ordinary way.

    Raises:
        ApiError: They may not, or the message can't be.
    """
    check_writable(pocket, author, channel)
    if (known := _with_nonce(pocket, author, channel, form)) is not None:
        return known
    check_parts(pocket, author, channel, form, uploads)
    mentions.check_allowed(form.allowed_mentions)
    message = Message(
        id=pocket.world.snowflakes.next(),
        channel_id=channel.id,
        author_id=author.id,
        tts=bool(form.tts),
        nonce=form.nonce,
        sticker_items=stickers.items(pocket.world, form.sticker_ids or [], author.id),
    )
    replied_to, files = _apply_reference(pocket, author, channel, message, form)
    files += compose(pocket, message, form, uploads)
    set_mentions(pocket, channel, message, form.allowed_mentions, replied_to)
    publish(pocket, channel, message, files)
    return message


def check_writable(pocket: Pocket, author: User, channel: Channel) -> None:
    """Refuse someone who can't write in a channel.

    Raises:
        ApiError: They can't.
    """
    if channel.type is ChannelType.CATEGORY:
        raise ApiError(ErrorCode.NOT_A_TEXT_CHANNEL)
    if channel.type is ChannelType.DM:
        if any(each in pocket.world.closed_dms for each in channel.recipients if each != author.id):
            raise ApiError(ErrorCode.CANNOT_MESSAGE_USER)
        return
    bits = pocket.world.permissions(channel, author.id)
    thread = channel.thread
    if not bits & (Permission.SEND_MESSAGES_IN_THREADS if thread else Permission.SEND_MESSAGES):
        raise ApiError(ErrorCode.MISSING_PERMISSIONS)
    if thread is not None and thread.locked and not bits & Permission.MANAGE_THREADS:
        raise ApiError(ErrorCode.THREAD_LOCKED)


def check_parts(
    pocket: Pocket, author: User, channel: Channel, form: MessageEdit, uploads: dict[int, Upload]
) -> None:
    """Refuse files and embeds of someone who may send none there.

    Raises:
        ApiError: They may not.
    """
    bits = pocket.world.permissions(channel, author.id)
    if (uploads and not bits & Permission.ATTACH_FILES) or (
        form.embeds and not bits & Permission.EMBED_LINKS
    ):
        raise ApiError(ErrorCode.MISSING_PERMISSIONS)


def _with_nonce(pocket: Pocket, author: User, channel: Channel, form: MessageCreate) -> Message | None:
    """Return the message that was made with an enforced nonce already."""
    if form.nonce is None or not form.enforce_nonce:
        return None
    since = at_time(pocket.world.clock() - NONCE_SECONDS)
    for message in reversed(pocket.world.messages.get(channel.id, {}).values()):
        if message.id < since:
            return None
        if message.author_id == author.id and message.nonce == form.nonce:
            return message
    return None


def _apply_reference(
    pocket: Pocket, author: User, channel: Channel, message: Message, form: MessageCreate
) -> tuple[Message | None, list[NewFile]]:
    """Return the message that is replied_to, and the files of the one that is forwarded."""
    if form.message_reference is None:
        return None, []
    if form.message_reference.type == references.FORWARD:
        return None, references.make_forward(pocket, author, message, form.message_reference)
    return references.make_reply(pocket, channel, message, form.message_reference), []


def set_mentions(
    pocket: Pocket,
    channel: Channel,
    message: Message,
    allowed: AllowedMentions | None,
    replied_to: Message | None,
) -> None:
    """Work out whom a message pings."""
    found = mentions.resolve(pocket.world, channel, message, allowed, replied_to)
    message.mentions, message.mention_roles, message.mention_everyone = (
        found.users,
        found.roles,
        found.everyone,
    )


def publish(pocket: Pocket, channel: Channel, message: Message, files: Iterable[NewFile]) -> None:
    """Let a message appear: files first, then the record, then the news."""
    for attachment, data in files:
        pocket.files.write(attachment, data)
    if message.ephemeral_to is None:
        _unarchive_thread(pocket, channel)
        _count_in_thread(channel, message)
        channel.last_message_id = message.id
        pocket.world.save_channel(channel)
    pocket.world.save_message(message)
    pocket.hub.in_channel(
        "MESSAGE_CREATE",
        channel,
        lambda view: gateway_message(view, message, with_nonce=True),
        only=message.ephemeral_to,
    )


def _unarchive_thread(pocket: Pocket, channel: Channel) -> None:
    """Take a thread out of the archive: writing in it does that."""
    if channel.thread is not None and channel.thread.archived:
        channel.thread.archived = False
        channel.thread.archive_timestamp = pocket.world.now()
        pocket.hub.in_channel(
            "THREAD_UPDATE", channel, lambda view: channel_payload(pocket.world, channel, view.viewer)
        )


def _count_in_thread(channel: Channel, message: Message) -> None:
    if channel.thread is not None:
        message.position = channel.thread.total_message_sent
        channel.thread.message_count += 1
        channel.thread.total_message_sent += 1


def update(pocket: Pocket, channel: Channel, message: Message, files: Iterable[NewFile] = ()) -> None:
    """Keep a message that was changed, drop files that it no longer has, and tell those who see it."""
    before = pocket.world.message(channel.id, message.id)
    for attachment, data in files:
        pocket.files.write(attachment, data)
    pocket.world.save_message(message)
    kept = {each.id for each in message.attachments}
    for attachment in before.attachments if before else ():
        if attachment.id not in kept:
            pocket.files.remove(attachment)
    pocket.hub.in_channel(
        "MESSAGE_UPDATE", channel, lambda view: gateway_message(view, message), only=message.ephemeral_to
    )


def delete(pocket: Pocket, channel: Channel, message: Message) -> None:
    """Delete a message with its files, and tell those who saw it."""
    remove(pocket, channel, message)
    event_data = {"id": str(message.id), "channel_id": str(channel.id)}
    if channel.guild_id is not None:
        event_data["guild_id"] = str(channel.guild_id)
    pocket.hub.in_channel("MESSAGE_DELETE", channel, lambda _: event_data, only=message.ephemeral_to)


def remove(pocket: Pocket, channel: Channel, message: Message) -> None:
    """Remove a message and its files without telling anyone."""
    for each in (message, *message.snapshots):
        for attachment in each.attachments:
            pocket.files.remove(attachment)
    pocket.world.remove_message(message)
    if channel.thread is not None and message.ephemeral_to is None:
        channel.thread.message_count -= 1
        pocket.world.save_channel(channel)
