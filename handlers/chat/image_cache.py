"""Remembers which of a conversation's images are stored for the workers, so that each is fetched once."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final, TypeVar

from handlers.chat.models import PostedImage
from handlers.ports import ImageSource, ImageStore
from inference.errors import PictureError, PictureGone
from inference.schema import Picture

MAX_ENTRIES: Final = 2000
"""Images that are remembered as stored, and as unreadable; the least recently added are forgotten."""

Key = tuple[str, tuple[int, str]]
V = TypeVar("V")


class ImageCache:
    """Stores images for the workers, fetching each only if it has to.

    Args:
        store: The workers' image store.
        max_entries: Images that are remembered as stored, and as unreadable.
    """

    def __init__(self, store: ImageStore, *, max_entries: int = MAX_ENTRIES) -> None:
        self._store = store
        self._max_entries = max_entries
        self._stored: OrderedDict[Key, Picture] = OrderedDict()
        self._unreadable: OrderedDict[Key, PictureError] = OrderedDict()

    async def put(
        self, scope: str, picture: PostedImage, source: Callable[[PostedImage], ImageSource]
    ) -> Picture:
        """Make sure that the workers can read an image. Idempotent.

        Args:
            scope: The server or DM that it belongs to.
            picture: The image.
            source: Returns its source; called where its bytes are not stored.

        Raises:
            PictureError: It is gone or unreadable.
            BeholderError: It cannot be stored.
        """
        key = scope, picture.which
        if (refused := self._unreadable.get(key)) is not None:
            raise refused
        stored = self._stored.get(key)
        if stored is not None and await self._store.keep_picture(stored):
            return stored
        try:
            stored = await self._store.put_picture(scope, await source(picture).fetch())
        except PictureError as error:
            self.refuse(scope, picture, error)
            raise
        self._remember(self._stored, key, stored)
        return stored

    def refuse(self, scope: str, picture: PostedImage, error: PictureError) -> None:
        """Remember that an image is unreadable; one that is gone may come back, and is fetched again."""
        key = scope, picture.which
        self._stored.pop(key, None)
        if not isinstance(error, PictureGone):
            self._remember(self._unreadable, key, error)

    def changed(self, message_id: int | None) -> None:
        """Forget the images of an edited message, or of all messages: they are fetched again."""
        for known in (self._stored, self._unreadable):
            for each in [key for key in known if message_id in {None, key[1][0]}]:
                del known[each]

    def _remember(self, known: OrderedDict[Key, V], key: Key, value: V) -> None:
        known[key] = value
        if len(known) > self._max_entries:
            known.popitem(last=False)
