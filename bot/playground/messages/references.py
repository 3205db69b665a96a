"""Message references: make a new message a reply or a forward."""

from bot.playground.errors import ApiError, ErrorCode, field_error
from bot.playground.forms.message_forms import ReferenceForm
from bot.playground.messages.attachments import NewFile
from bot.playground.pocket import Pocket
from bot.playground.state.permissions import Permission
from bot.playground.state.records import Channel, Message, MessageType, Reference, User

REPLY = 0
FORWARD = 1
HAS_SNAPSHOT = 1 << 14
"""Message flag of a forward. Source: Discord's reference, "Message flags"."""

REPLYABLE = {
    MessageType.DEFAULT,
    MessageType.REPLY,
    MessageType.CHAT_INPUT_COMMAND,
    MessageType.CONTEXT_MENU_COMMAND,
}


def make_reply(pocket: Pocket, channel: Channel, message: Message, form: ReferenceForm) -> Message | None:
    """Make a message a reply, and return the message that it replies to.

    Raises:
        ApiError: There is no such message, or the author may not read it.
    """
    if not pocket.world.permissions(channel, message.author_id) & Permission.READ_MESSAGE_HISTORY:
        raise ApiError(ErrorCode.REPLY_NEEDS_HISTORY)
    if form.channel_id not in {None, channel.id}:
        raise field_error(
            ("message_reference",),
            "Cannot reply to a message in a different channel",
        )
    replied_to = pocket.world.message(channel.id, form.message_id)
    if replied_to is None or replied_to.ephemeral_to is not None:
        if form.fail_if_not_exists is False:
            return None
        raise field_error(("message_reference",), "Unknown message")
    if replied_to.type not in REPLYABLE:
        raise field_error(
            ("message_reference",),
            "Cannot reply to a system message",
        )
    message.type = MessageType.REPLY
    message.reference = Reference(channel_id=channel.id, message_id=replied_to.id, guild_id=channel.guild_id)
    return replied_to


def make_forward(pocket: Pocket, sender: User, message: Message, form: ReferenceForm) -> list[NewFile]:
    """Make a message a forward: a snapshot of another, with copies of its files.

    Raises:
        ApiError: There is no such message, or the author may not read it.
    """
    source = pocket.world.channels.get(form.channel_id or 0)
    original = pocket.world.message(form.channel_id or 0, form.message_id)
    if source is None or original is None or original.ephemeral_to is not None:
        raise field_error(("message_reference",), "Unknown message")
    needed = Permission.VIEW_CHANNEL | Permission.READ_MESSAGE_HISTORY
    if needed & ~pocket.world.permissions(source, sender.id):
        raise ApiError(ErrorCode.MISSING_ACCESS)
    message.reference = Reference(
        type=FORWARD, channel_id=source.id, message_id=original.id, guild_id=source.guild_id
    )
    message.flags |= HAS_SNAPSHOT
    kept = (original.snapshots or [original])[0].model_copy(deep=True)
    files = [_copied(pocket, message, each.id, kept) for each in list(kept.attachments)]
    kept.attachments = [attachment for attachment, _ in files]
    message.snapshots = [kept]
    return files


def _copied(pocket: Pocket, message: Message, attachment_id: int, kept: Message) -> NewFile:
    original = next(each for each in kept.attachments if each.id == attachment_id)
    copy = original.model_copy(
        update={"id": pocket.world.snowflakes.next(), "channel_id": message.channel_id}
    )
    return copy, pocket.files.read(original)
