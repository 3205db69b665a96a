"""Sticker formats, sticker files, and the stickers of a message."""

from collections.abc import Iterable

from bot.playground.errors import ApiError, ErrorCode
from bot.playground.state.records import Attachment, Json, Sticker
from bot.playground.state.world import World

PNG, APNG, LOTTIE, GIF = 1, 2, 3, 4
"""Source: Discord's reference, "Sticker format types"."""

HEAD_BYTES = 4096


def format_of(data: bytes) -> int | None:
    """Return a sticker file's format type, None for unsupported files."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return APNG if b"acTL" in data[:HEAD_BYTES] else PNG
    if data[:6] in {b"GIF87a", b"GIF89a"}:
        return GIF
    return LOTTIE if data.lstrip().startswith(b"{") else None


def file_of(sticker: Sticker) -> Attachment:
    """Return the attachment record under which `Files` stores a sticker's bytes."""
    return Attachment(id=sticker.id, channel_id=sticker.guild_id, filename="sticker", size=0)


def items(world: World, ids: Iterable[int], user_id: int) -> list[Json]:
    """Return a message's `sticker_items`.

    Raises:
        ApiError: A sticker doesn't exist, or the author is no member of its guild.
    """
    return [_item(world, each, user_id) for each in ids]


def _item(world: World, sticker_id: int, user_id: int) -> Json:
    found = world.stickers.get(sticker_id)
    if found is None or user_id not in world.guilds[found.guild_id].members:
        raise ApiError(ErrorCode.UNKNOWN_STICKER)
    return {"id": str(found.id), "name": found.name, "format_type": found.format_type}
