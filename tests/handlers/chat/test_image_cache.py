from handlers.chat.image_cache import ImageCache
from handlers.chat.models import PostedImage
from handlers.ports import ImageSource
from inference.errors import NotAPicture, PictureError, PictureGone
from inference.schema import Picture

SCOPE = "guild:1"


class FakeStore:
    """An image store in memory."""

    def __init__(self) -> None:
        self.stored: dict[Picture, bytes] = {}

    async def put_picture(self, scope: str, data: bytes) -> Picture:
        picture = Picture.of(scope, data)
        self.stored[picture] = data
        return picture

    async def keep_picture(self, picture: Picture) -> bool:
        return picture in self.stored

    async def picture(self, picture: Picture) -> bytes:
        return self.stored[picture]


class Fetches:
    """Counts how often each message's image was fetched; `errors` are raised instead."""

    def __init__(self) -> None:
        self.counts: dict[int, int] = {}
        self.errors: dict[int, PictureError] = {}

    def source(self, message: int) -> ImageSource:
        async def fetch() -> bytes:
            self.counts[message] = self.counts.get(message, 0) + 1
            if message in self.errors:
                raise self.errors[message]
            return b"image %d" % message

        return ImageSource("1", fetch)


def image(message: int) -> PostedImage:
    return PostedImage(channel_id=1, message_id=message, key="1", url="https://cdn.discordapp.com/1")


async def attempt(cache: ImageCache, fetches: Fetches, message: int) -> Picture | PictureError:
    try:
        return await cache.put(SCOPE, image(message), lambda _: fetches.source(message))
    except PictureError as error:
        return error


async def test_an_image_is_fetched_once_while_the_store_has_it() -> None:
    store, fetches = FakeStore(), Fetches()
    cache = ImageCache(store)
    first = await attempt(cache, fetches, 1)
    assert await attempt(cache, fetches, 1) == first
    assert fetches.counts == {1: 1}
    store.stored.clear()
    assert await attempt(cache, fetches, 1) == first
    assert fetches.counts == {1: 2}


async def test_an_unreadable_image_is_not_fetched_again_until_its_message_is_edited() -> None:
    fetches, cache = Fetches(), ImageCache(FakeStore())
    fetches.errors[1] = NotAPicture()
    for _ in range(2):
        assert isinstance(await attempt(cache, fetches, 1), NotAPicture)
    assert fetches.counts == {1: 1}
    cache.changed(2)
    await attempt(cache, fetches, 1)
    assert fetches.counts == {1: 1}
    cache.changed(1)
    await attempt(cache, fetches, 1)
    assert fetches.counts == {1: 2}


async def test_an_image_that_is_gone_is_fetched_again() -> None:
    fetches, cache = Fetches(), ImageCache(FakeStore())
    fetches.errors[1] = PictureGone()
    for _ in range(2):
        assert isinstance(await attempt(cache, fetches, 1), PictureGone)
    assert fetches.counts == {1: 2}


async def test_the_oldest_entries_are_forgotten_first() -> None:
    fetches, cache = Fetches(), ImageCache(FakeStore(), max_entries=2)
    for message in (1, 2, 3, 3, 2, 1):
        await attempt(cache, fetches, message)
    assert fetches.counts == {1: 2, 2: 1, 3: 1}
