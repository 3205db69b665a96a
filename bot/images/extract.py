"""Extract references to the pictures of a message, by what Discord says of them; no bytes are read here."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import PurePosixPath

import discord

from handlers.text import is_video_name, tidy
from inference.schema import MAX_PICTURES
from inference.text import graphemes

IMAGE_EXTENSIONS = frozenset(
    {
        ".png",
        ".apng",
        ".jpg",
        ".jpeg",
        ".jfif",
        ".webp",
        ".gif",
        ".bmp",
        ".tif",
        ".tiff",
        ".avif",
        ".heic",
        ".heif",
        # Not supported. Saying so is better than silence, which looks like a fault.
        ".ico",
        ".jp2",
        ".jxl",
        ".svg",
    }
)
"""File name extensions that claim a picture, where Discord names no content type."""
MAX_NAMED_FILES = 10
"""Files that are named; Discord's limit of the files in a message."""
MAX_FILE_NAME_LENGTH = 80
"""Grapheme clusters of a file's name."""
_STICKERS = frozenset(
    {discord.StickerFormatType.png, discord.StickerFormatType.apng, discord.StickerFormatType.gif}
)
"""Lottie stickers are animations in JSON, which nothing here renders."""
_NO_TYPE = frozenset({"application/octet-stream", "binary/octet-stream"})
"""Media types that say nothing of a file."""
_LINK = re.compile(r"https?://")
_SPOILER = re.compile(r"\|\|(.+?)\|\|", re.DOTALL)


@dataclass(frozen=True)
class ImageRef:
    """A reference to a picture of a message. Stored in the inbox as JSON.

    Attributes:
        key: Identifies it among the message's pictures; stable however often the message is fetched.
        url: Its signed address, which expires after about a day.
        size: The file's size in bytes, where Discord says it.
        spoiler: Whether it is hidden until somebody clicks.
        message_id: The message it stands in, where that is not the message it was extracted from.
    """

    key: str
    url: str
    size: int | None = None
    spoiler: bool = False
    message_id: int | None = None


def extract_images(message: discord.Message, *, asked: bool) -> tuple[ImageRef, ...]:
    """List the pictures of a message, in the order in which Discord shows them.

    Args:
        message: Any message; without the message-content intent most have no visible attachments.
        asked: Whether somebody asked about them: then pictures of links count too, and where there are none,
            those of the message that it replies to.

    Returns:
        At most ten.
    """
    own = tuple(_own(message, asked=asked))
    answered = message.reference.resolved if message.reference else None
    if asked and not own and isinstance(answered, discord.Message):
        own = tuple(replace(each, message_id=answered.id) for each in _own(answered, asked=True))
    return own[:MAX_PICTURES]


def own_images(message: discord.Message) -> tuple[ImageRef, ...]:
    """List the pictures of the message itself, those of links included; at most ten."""
    return tuple(_own(message, asked=True))[:MAX_PICTURES]


def other_files(message: discord.Message) -> tuple[str, ...]:
    """Name the files and stickers of a message that claim to be no picture.

    Returns:
        At most `MAX_NAMED_FILES` names, each on one line, of up to `MAX_FILE_NAME_LENGTH` grapheme clusters.
    """
    names: list[str] = []
    holders: list[discord.Message | discord.MessageSnapshot] = [message, *message.message_snapshots]
    for holder in holders:
        names += (_shown_name(each) for each in holder.attachments if not claims_image(each))
        names += (each.name for each in holder.stickers if each.format not in _STICKERS)
    tidied = (graphemes(tidy(each)) for each in names[:MAX_NAMED_FILES])
    return tuple("".join(islice(each, MAX_FILE_NAME_LENGTH)) or "a file" for each in tidied)


def may_get_embeds(message: discord.Message) -> bool:
    """Tell whether Discord may still be fetching the embeds of this message's links."""
    return _LINK.search(message.content) is not None and not message.embeds


def _own(message: discord.Message, *, asked: bool) -> Iterator[ImageRef]:
    holders: list[discord.Message | discord.MessageSnapshot] = [message, *message.message_snapshots]
    for holder in holders:
        yield from _attached(holder.attachments)
        yield from _stickers(holder.stickers)
        if asked:
            yield from _embedded(holder.embeds, "\n".join(_SPOILER.findall(holder.content)))


def _attached(attachments: Iterable[discord.Attachment]) -> Iterator[ImageRef]:
    for attachment in attachments:
        if claims_image(attachment):
            yield ImageRef(
                str(attachment.id), attachment.url, size=attachment.size, spoiler=attachment.is_spoiler()
            )


def claims_image(attachment: discord.Attachment) -> bool:
    """Tell whether a file claims to be a picture, by its content type or its extension.

    One that has neither may be a picture: its bytes tell, once it is fetched.
    """
    kind = _media_type(attachment)
    extension = PurePosixPath(attachment.filename).suffix.lower()
    if _claims_nothing(attachment):
        return True
    return kind.startswith("image/") or extension in IMAGE_EXTENSIONS


def _claims_nothing(attachment: discord.Attachment) -> bool:
    extension = PurePosixPath(attachment.filename).suffix
    return not _media_type(attachment) and extension in {"", "."}


def perhaps_no_pictures(message: discord.Message) -> frozenset[str]:
    """Return the keys of a message's files that have neither ending nor type: only their bytes tell."""
    holders: list[discord.Message | discord.MessageSnapshot] = [message, *message.message_snapshots]
    return frozenset(
        str(each.id) for holder in holders for each in holder.attachments if _claims_nothing(each)
    )


def claims_video(attachment: discord.Attachment) -> bool:
    """Tell whether a file claims to be a video, by its content type or its extension."""
    return _media_type(attachment).startswith("video/") or is_video_name(attachment.filename)


def _shown_name(attachment: discord.Attachment) -> str:
    """Return a file's name; with what it is, where that is a video and the name does not say so."""
    if claims_video(attachment) and not is_video_name(attachment.filename):
        return f"{attachment.filename} (a video)"
    return attachment.filename


def _media_type(attachment: discord.Attachment) -> str:
    """Return the media type that Discord reports; empty where it reports none, or one that says nothing."""
    kind = (attachment.content_type or "").partition(";")[0].strip().lower()
    return "" if kind in _NO_TYPE else kind


def _stickers(stickers: Iterable[discord.StickerItem]) -> Iterator[ImageRef]:
    return (
        ImageRef(f"sticker-{sticker.id}", sticker.url) for sticker in stickers if sticker.format in _STICKERS
    )


def _embedded(embeds: Iterable[discord.Embed], hidden: str) -> Iterator[ImageRef]:
    """Take embeds' pictures from Discord's proxy: nothing is fetched from the address of a link.

    Args:
        embeds: A message's embeds.
        hidden: The message's text behind spoilers: Discord hides the embeds of such links as well.
    """
    for number, embed in enumerate(embeds):
        url = embed.image.proxy_url or embed.thumbnail.proxy_url
        if url:
            yield ImageRef(f"embed-{number}", url, spoiler=bool(embed.url) and str(embed.url) in hidden)
