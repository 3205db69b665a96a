"""Which pictures a message carries. Only what it claims to be is looked at here; the bytes come later."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

import discord

from inference.schema import MAX_PICTURES

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
        # Not read here. That is said, where silence would look like a fault.
        ".ico",
        ".jp2",
        ".jxl",
        ".svg",
    }
)
"""Ends of file names that claim a picture, where Discord names no type."""
_STICKERS = frozenset(
    {discord.StickerFormatType.png, discord.StickerFormatType.apng, discord.StickerFormatType.gif}
)
"""Lottie is an animation in JSON: nothing here draws it."""
_LINK = re.compile(r"https?://")
_SPOILER = re.compile(r"\|\|(.+?)\|\|", re.DOTALL)


@dataclass(frozen=True)
class ImageRef:
    """A picture that a message carries.

    Attributes:
        key: Tells it from the message's others, the same whenever the message is fetched.
        url: Where its bytes are; signed, and good for about a day.
        size: The file's bytes as Discord says, where it says.
        spoiler: Whether it is hidden until somebody clicks.
        message_id: The message that it stands in, where that is not the one which was looked at.
    """

    key: str
    url: str
    size: int | None = None
    spoiler: bool = False
    message_id: int | None = None


def extract_images(message: discord.Message, *, asked: bool) -> tuple[ImageRef, ...]:
    """List the pictures that a message carries, in the order in which Discord shows them.

    Args:
        message: Any message; without the message-content intent most have no attachments to see.
        asked: Whether the bot was asked for them: then links' pictures count, and where there is none at all
            those of the message replied to.

    Returns:
        At most ten.
    """
    own = tuple(_own(message, asked=asked))
    answered = message.reference.resolved if message.reference else None
    if asked and not own and isinstance(answered, discord.Message):
        own = tuple(replace(each, message_id=answered.id) for each in _own(answered, asked=True))
    return own[:MAX_PICTURES]


def own_images(message: discord.Message) -> tuple[ImageRef, ...]:
    """List the pictures that a message itself carries, those of links included; at most ten."""
    return tuple(_own(message, asked=True))[:MAX_PICTURES]


def may_show_more_later(message: discord.Message) -> bool:
    """Tell whether Discord may still be fetching a link's picture for this message."""
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
        if claims_picture(attachment):
            yield ImageRef(
                str(attachment.id), attachment.url, size=attachment.size, spoiler=attachment.is_spoiler()
            )


def claims_picture(attachment: discord.Attachment) -> bool:
    """Tell whether a file says that it is a picture, by its type or its name."""
    kind = attachment.content_type or ""
    return kind.startswith("image/") or PurePosixPath(attachment.filename).suffix.lower() in IMAGE_EXTENSIONS


def _stickers(stickers: Iterable[discord.StickerItem]) -> Iterator[ImageRef]:
    return (
        ImageRef(f"sticker-{sticker.id}", sticker.url) for sticker in stickers if sticker.format in _STICKERS
    )


def _embedded(embeds: Iterable[discord.Embed], hidden: str) -> Iterator[ImageRef]:
    """Take embeds' pictures from Discord's own copy: nothing is fetched from where a link points.

    Args:
        embeds: A message's embeds.
        hidden: What the message has behind spoilers: Discord hides what such links show as well.
    """
    for number, embed in enumerate(embeds):
        url = embed.image.proxy_url or embed.thumbnail.proxy_url
        if url:
            yield ImageRef(f"embed-{number}", url, spoiler=bool(embed.url) and str(embed.url) in hidden)
