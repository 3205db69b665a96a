"""Turn uploads into attachments: safe file names, image sizes, alt text."""

import mimetypes
import re
from pathlib import PurePath

from bot.playground.errors import field_error
from bot.playground.forms.body import Upload
from bot.playground.forms.message_forms import AttachmentForm
from bot.playground.pocket import Pocket
from bot.playground.state import image_headers
from bot.playground.state.records import Attachment, Message

MAX_ATTACHMENTS = 10
"""Files of one message. Source: Discord's reference, "Uploading files"."""

IS_SPOILER = 1 << 3
"""Source: Discord's reference, "Attachment flags"."""

SPOILER = "SPOILER_"
UNSAFE = re.compile(r"[^A-Za-z0-9_.\-]")

NewFile = tuple[Attachment, bytes]


def attach(
    pocket: Pocket, message: Message, uploads: dict[int, Upload], forms: list[AttachmentForm] | None
) -> list[NewFile]:
    """Set a message's attachments: those kept and those uploaded.

    Args:
        pocket: The pocket Discord.
        message: The message, which is changed.
        uploads: The uploaded files by number.
        forms: The request's `attachments`. None keeps all of the message's.

    Returns:
        The new attachments with their bytes, to be written once the message is stored.

    Raises:
        ApiError: There are too many, or an entry has no upload and no attachment to keep.
    """
    kept = {each.id: each for each in message.attachments}
    described = {each.id: each for each in forms or ()}
    for position, each in enumerate(forms or ()):
        if each.id not in kept and each.id not in uploads:
            raise field_error(("attachments", position), "Attachment not found")
    kept_attachments = [
        _with_alt_text(kept[each], described.get(each)) for each in kept if forms is None or each in described
    ]
    ephemeral = message.ephemeral_to is not None
    new = [
        (
            new_attachment(pocket, message.channel_id, upload, described.get(number), ephemeral=ephemeral),
            upload.data,
        )
        for number, upload in sorted(uploads.items())
    ]
    if len(kept_attachments) + len(new) > MAX_ATTACHMENTS:
        raise field_error(("attachments",), "Must be 10 or fewer in length.")
    message.attachments = kept_attachments + [each for each, _ in new]
    return new


def _with_alt_text(attachment: Attachment, form: AttachmentForm | None) -> Attachment:
    if form is None or "description" not in form.model_fields_set:
        return attachment
    return attachment.model_copy(update={"description": form.description or None})


def new_attachment(
    pocket: Pocket, channel_id: int, upload: Upload, form: AttachmentForm | None, *, ephemeral: bool
) -> Attachment:
    """Return the attachment of an upload. Its bytes are not written yet."""
    requested = form.filename if form and form.filename else upload.filename
    name = safe_name(requested)
    spoiler = bool(form and form.is_spoiler)
    if spoiler and not name.startswith(SPOILER):
        name = SPOILER + name
    width, height = image_headers.size(upload.data) or (None, None)
    return Attachment(
        id=pocket.world.snowflakes.next(),
        channel_id=channel_id,
        filename=name,
        size=len(upload.data),
        content_type=mimetypes.guess_type(name)[0],
        width=width,
        height=height,
        description=form.description or None if form else None,
        title=PurePath(requested).stem if name != requested and not spoiler else None,
        ephemeral=ephemeral,
        flags=IS_SPOILER if name.startswith(SPOILER) else 0,
    )


def safe_name(name: str) -> str:
    """Return a file name as Discord stores it: no path, no spaces, ASCII only."""
    last = re.split(r"[/\\]", name)[-1].replace(" ", "_")
    return UNSAFE.sub("", last).lstrip(".")[-200:] or "file"
