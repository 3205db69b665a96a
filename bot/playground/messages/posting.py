"""Send, update and delete messages: permission checks, storage and events."""

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
"""How long an enforced nonce is checked for. Source: Discord's reference: "the past few minutes"."""


def send(
    pocket: Pocket, author: User, channel: Channel, form: MessageCreate, uploads: dict[int, Upload]
) -> Message:
    """Send a message of a user over REST. With an enforced nonce it is idempotent.

    Raises:
        ApiError: The user lacks a permission, or the message is invalid.
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
    """Raise where a user can't send messages in a channel.

    Raises:
        ApiError: The user can't.
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
    """Raise where a user may not send files or embeds in a channel.

    Raises:
        ApiError: The user lacks the permission.
    """
    bits = pocket.world.permissions(channel, author.id)
    if (uploads and not bits & Permission.ATTACH_FILES) or (
        form.embeds and not bits & Permission.EMBED_LINKS
    ):
        raise ApiError(ErrorCode.MISSING_PERMISSIONS)


def _with_nonce(pocket: Pocket, author: User, channel: Channel, form: MessageCreate) -> Message | None:
    """Return the message that was sent with the same enforced nonce, None where there is none."""
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
    """Return the message replied to, and the copied files of a forwarded one."""
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
    """Set a message's mentions."""
    found = mentions.resolve(pocket.world, channel, message, allowed, replied_to)
    message.mentions, message.mention_roles, message.mention_everyone = (
        found.users,
        found.roles,
        found.everyone,
    )


def publish(pocket: Pocket, channel: Channel, message: Message, files: Iterable[NewFile]) -> None:
    """Store a new message, then send MESSAGE_CREATE. Its files are written before its record."""
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
    """Unarchive a thread that a message is sent in. Sends THREAD_UPDATE."""
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
    """Store a changed message, delete files that it no longer has, and send MESSAGE_UPDATE."""
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
    """Delete a message with its files. Sends MESSAGE_DELETE."""
    remove(pocket, channel, message)
    event_data = {"id": str(message.id), "channel_id": str(channel.id)}
    if channel.guild_id is not None:
        event_data["guild_id"] = str(channel.guild_id)
    pocket.hub.in_channel("MESSAGE_DELETE", channel, lambda _: event_data, only=message.ephemeral_to)


def remove(pocket: Pocket, channel: Channel, message: Message) -> None:
    """Delete a message with its files without sending an event."""
    for each in (message, *message.snapshots):
        for attachment in each.attachments:
            pocket.files.remove(attachment)
    pocket.world.remove_message(message)
    if channel.thread is not None and message.ephemeral_to is None:
        channel.thread.message_count -= 1
        pocket.world.save_channel(channel)
