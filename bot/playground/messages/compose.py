"""Apply a form to a message: content, embeds, components, attachments and flags."""

from bot.playground.errors import ApiError, ErrorCode, field_error
from bot.playground.forms import embed_forms
from bot.playground.forms.body import Upload
from bot.playground.forms.message_forms import MessageEdit
from bot.playground.messages import components
from bot.playground.messages.attachments import NewFile, attach
from bot.playground.pocket import Pocket
from bot.playground.state.records import Message

SUPPRESS_EMBEDS = 1 << 2
SUPPRESS_NOTIFICATIONS = 1 << 12
SETTABLE = SUPPRESS_EMBEDS | SUPPRESS_NOTIFICATIONS | components.COMPONENTS_V2
"""Message flags that a client may set. Source: Discord's reference, "Message flags"."""


def compose(pocket: Pocket, message: Message, form: MessageEdit, uploads: dict[int, Upload]) -> list[NewFile]:
    """Apply the set fields of a form to a message.

    Returns:
        The new attachments with their bytes.

    Raises:
        ApiError: A limit is exceeded, or the message would be empty.
    """
    named = form.model_fields_set
    _set_flags(message, form)
    if "content" in named:
        message.content = (form.content or "").strip()
    if "embeds" in named:
        message.embeds = embed_forms.validated(form.embeds or [])
    if "components" in named:
        message.components = components.validated(
            form.components or [], v2=bool(message.flags & components.COMPONENTS_V2)
        )
    files = attach(pocket, message, uploads, form.attachments if "attachments" in named else None)
    _check(message)
    return files


def _set_flags(message: Message, form: MessageEdit) -> None:
    if form.flags is None:
        return
    if message.flags & components.COMPONENTS_V2 and not form.flags & components.COMPONENTS_V2:
        raise field_error(("flags",), "The Components V2 flag can't be removed")
    message.flags = message.flags & ~SETTABLE | form.flags & SETTABLE


def _check(message: Message) -> None:
    """Raise for fields that exclude each other, and for an empty message."""
    components.check_attached(message.components, message.attachments)
    if message.flags & components.COMPONENTS_V2:
        for name, value in (("content", message.content), ("embeds", message.embeds)):
            if value:
                raise field_error(
                    (name,),
                    f"The '{name}' field cannot be used when using MessageFlags.IS_COMPONENTS_V2",
                )
    if not _has_content(message):
        raise ApiError(ErrorCode.EMPTY_MESSAGE)


def _has_content(message: Message) -> bool:
    return bool(
        message.content
        or message.embeds
        or message.components
        or message.attachments
        or message.sticker_items
        or message.snapshots
    )
