"""Uploads becoming attachments: names made safe, sizes read, alt text noted."""

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
"""Source: ../shared/DISCORD.md, "Limits"."""

IS_SPOILER = 1 << 3
"""Source: Discord's reference, "Attachment flags"."""

SPOILER = "SPOILER_"
UNSAFE = re.compile(r"[^A-Za-z0-9_.\-]")

NewFile = tuple[Attachment, bytes]


def attach(
    pocket: Pocket, message: Message, uploads: dict[int, Upload], forms: list[AttachmentForm] | None
) -> list[NewFile]:
    """Set a message's attachments: those that stay and those that come.

    Args:
        pocket: Where it happens.
        message: The message; a new one has no attachments yet.
        uploads: The files that came, by number.
        forms: What the request says about files, none where it says nothing.

    Returns:
        The new attachments with their bytes, to be written once the message stands.

    Raises:
        ApiError: There are too many, or one is named that didn't come.
    """
    kept = {each.id: each for each in message.attachments}
    described = {each.id: each for each in forms or ()}
    for position, each in enumerate(forms or ()):
        if each.id not in kept and each.id not in uploads:
            raise field_error(("attachments", position), "Attachment not found")
    stay = [
        _redescribed(kept[each], described.get(each)) for each in kept if forms is None or each in described
    ]
    ephemeral = message.ephemeral_to is not None
    new = [
        (
            new_attachment(pocket, message.channel_id, upload, described.get(number), ephemeral=ephemeral),
            upload.data,
        )
        for number, upload in sorted(uploads.items())
    ]
    if len(stay) + len(new) > MAX_ATTACHMENTS:
        raise field_error(("attachments",), "Must be 10 or fewer in length.")
    message.attachments = stay + [each for each, _ in new]
    return new


def _redescribed(attachment: Attachment, form: AttachmentForm | None) -> Attachment:
    if form is None or "description" not in form.model_fields_set:
        return attachment
    return attachment.model_copy(update={"description": form.description or None})


def new_attachment(
    pocket: Pocket, channel_id: int, upload: Upload, form: AttachmentForm | None, *, ephemeral: bool
) -> Attachment:
    """Return an attachment for a file that came; its bytes are still to be written."""
    asked = form.filename if form and form.filename else upload.filename
    name = safe_name(asked)
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
        title=PurePath(asked).stem if name != asked and not spoiler else None,
        ephemeral=ephemeral,
        flags=IS_SPOILER if name.startswith(SPOILER) else 0,
    )


def safe_name(name: str) -> str:
    """Return a file name as Discord keeps it: no path, no spaces, nothing beyond ASCII."""
    last = re.split(r"[/\\]", name)[-1].replace(" ", "_")
    return UNSAFE.sub("", last).lstrip(".")[-200:] or "file"
