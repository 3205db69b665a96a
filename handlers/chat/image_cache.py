"""The pictures of conversations -> where workers find them, fetched from Discord as seldom as can be."""

from collections import OrderedDict
from typing import Final, TypeVar

from handlers.chat.models import PostedImage
from handlers.ports import ImageSource, ImageStore
from inference.errors import PictureError, PictureGone
from inference.schema import Picture

MAX_ENTRIES: Final = 2000
"""Pictures of which is remembered that they were put, or cannot be read; the others are fetched again."""

Key = tuple[str, tuple[int, str]]
V = TypeVar("V")


class ImageCache:
    """What is known of pictures that are talked about.

    Args:
        store: Where workers find them.
    """

    def __init__(self, store: ImageStore) -> None:
        self._store = store
        self._put: OrderedDict[Key, Picture] = OrderedDict()
        self._refused: OrderedDict[Key, PictureError] = OrderedDict()

    async def put(self, scope: str, picture: PostedImage, source: ImageSource) -> Picture:
        """Have a picture where workers find it.

        Raises:
            PictureError: It is gone, or cannot be read.
            BeholderError: It cannot be put.
        """
        key = scope, picture.which
        if (refused := self._refused.get(key)) is not None:
            raise refused
        known = self._put.get(key)
        if known is not None and await self._store.keep_picture(known):
            return known
        try:
            put = await self._store.put_picture(scope, await source.fetch())
        except PictureError as error:
            self.refuse(scope, picture, error)
            raise
        _remember(self._put, key, put)
        return put

    def refuse(self, scope: str, picture: PostedImage, error: PictureError) -> None:
        """Note that a picture cannot be read; one that is only gone may come back."""
        key = scope, picture.which
        self._put.pop(key, None)
        if not isinstance(error, PictureGone):
            _remember(self._refused, key, error)

    def changed(self, message_id: int | None) -> None:
        """Look again at the pictures of a message, or of all, when they are next wanted."""
        for known in (self._put, self._refused):
            for each in [key for key in known if message_id in {None, key[1][0]}]:
                del known[each]


def _remember(known: OrderedDict[Key, V], key: Key, value: V) -> None:
    known[key] = value
    if len(known) > MAX_ENTRIES:
        known.popitem(last=False)
