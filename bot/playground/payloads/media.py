"""Attachment objects, and the embeds and components that refer to attachments.

Signed URLs expire, so records have `attachment://name`, which becomes a fresh URL in each payload. An
attachment that an embed or a component shows is left out of the message's `attachments`.
 Source: Discord's reference, "Message object", `attachments`.
"""

from collections.abc import Iterator
from urllib.parse import quote

from bot.playground.state.files import Files
from bot.playground.state.records import Attachment, Json, Message

SCHEME = "attachment://"

EMBED_MEDIA = ("image", "thumbnail", "video")
EMBED_ICONS = ("author", "footer")


def attachment(files: Files, record: Attachment) -> Json:
    """Return an attachment object with fresh URLs."""
    shown = record.model_dump(exclude={"channel_id"}, exclude_none=True)
    if not record.ephemeral:
        del shown["ephemeral"]
    return shown | {
        "id": str(record.id),
        "url": files.url(record),
        "proxy_url": files.url(record, proxy=True),
    }


def listed_attachments(record: Message) -> list[Attachment]:
    """Return the attachments that no embed and no component of the message shows."""
    used = {url.removeprefix(SCHEME) for url in _urls(record) if url.startswith(SCHEME)}
    return [each for each in record.attachments if each.filename not in used]


def embeds(files: Files, record: Message) -> list[Json]:
    """Return a message's embeds with fresh URLs."""
    return [_embed(files, record, each) for each in record.embeds]


def components(files: Files, record: Message) -> list[Json]:
    """Return a message's components with fresh URLs."""
    return [_component(files, record, each) for each in record.components]


def _embed(files: Files, record: Message, embed: Json) -> Json:
    shown = dict(embed)
    for key in EMBED_MEDIA:
        if key in shown:
            shown[key] = shown[key] | _resolved(files, record, shown[key]["url"])
    for key in EMBED_ICONS:
        if shown.get(key, {}).get("icon_url"):
            icon = _resolved(files, record, shown[key]["icon_url"])
            shown[key] = shown[key] | {"icon_url": icon["url"], "proxy_icon_url": icon["proxy_url"]}
    return shown


def _component(files: Files, record: Message, component: Json) -> Json:
    shown = dict(component)
    for key in ("media", "file"):
        if key in shown:
            shown[key] = _media_item(files, record, shown[key]["url"])
    if "file" in shown:
        named = _find(files, record, component["file"]["url"])
        shown |= {"name": named.filename, "size": named.size} if named else {"name": None, "size": None}
    for key in ("components", "items"):
        if key in shown:
            shown[key] = [_component(files, record, each) for each in shown[key]]
    if "accessory" in shown:
        shown["accessory"] = _component(files, record, shown["accessory"])
    return shown


def _media_item(files: Files, record: Message, url: str) -> Json:
    found = _find(files, record, url)
    shown = {"id": str(found.id if found else record.id)} | _resolved(files, record, url)
    return shown | {"attachment_id": str(found.id)} if found else shown


def _resolved(files: Files, record: Message, url: str) -> Json:
    """Return `url`, `proxy_url`, and where known the size and content type of a media item."""
    found = _find(files, record, url)
    if found is None:
        return {"url": url, "proxy_url": f"{files.base}/external/{quote(url, safe='')}"}
    sizes = {"width": found.width, "height": found.height, "content_type": found.content_type}
    known = {key: value for key, value in sizes.items() if value is not None}
    return {"url": files.url(found), "proxy_url": files.url(found, proxy=True)} | known


def _find(files: Files, record: Message, url: str) -> Attachment | None:
    """Return the attachment of an `attachment://` or signed URL, None for other URLs."""
    if not url.startswith(SCHEME):
        return files.known(url)
    return next((each for each in record.attachments if each.filename == url.removeprefix(SCHEME)), None)


def _urls(record: Message) -> Iterator[str]:
    for embed in record.embeds:
        for key in EMBED_MEDIA:
            yield embed.get(key, {}).get("url", "")
        for key in EMBED_ICONS:
            yield embed.get(key, {}).get("icon_url", "")
    yield from _component_urls(record.components)


def _component_urls(found: list[Json]) -> Iterator[str]:
    for component in found:
        for key in ("media", "file"):
            yield component.get(key, {}).get("url", "")
        for key in ("components", "items"):
            yield from _component_urls(component.get(key, []))
        if "accessory" in component:
            yield from _component_urls([component["accessory"]])
