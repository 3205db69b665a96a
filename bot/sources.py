"""Pictures that can be fetched, also where the address that is known of them has expired."""

from collections.abc import Awaitable, Callable, Iterable

from bot.attachments import ImageRef
from bot.fetching import Fetcher
from handlers.ports import ImageSource
from inference.errors import PictureGone


def source(
    fetcher: Fetcher,
    picture: ImageRef,
    again: Callable[[], Awaitable[Iterable[ImageRef]]],
    *,
    thumbnail: bool = False,
) -> ImageSource:
    """Make what handlers fetch a picture by.

    Args:
        fetcher: Gets its bytes.
        picture: As it was found.
        again: Finds its message's pictures anew, with new addresses. Raises `PictureGone` where it cannot.
        thumbnail: Whether a small copy of it is wanted.
    """

    async def fetch() -> bytes:
        fetcher.check_size(picture.size)
        # A pocket Discord may have moved to another address since.
        gone = None if fetcher.takes(picture.url) else PictureGone("Its address is of another Discord.")
        if gone is None:
            try:
                return await fetcher.fetch(picture.url)
            except PictureGone as error:
                gone = error
        for each in await again():
            if each.key == picture.key:
                return await fetcher.fetch(each.url)
        raise gone

    return ImageSource(picture.key, fetch, thumbnail)
