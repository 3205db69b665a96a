"""Discord's documented limits of messages, and the errors for values over them."""

from typing import Any

import pytest

from bot.playground.server import PocketDiscord
from tests.bot.playground.conftest import Place

V2 = 1 << 15


def text(content: str) -> dict[str, Any]:
    return {"type": 10, "content": content}


def button(custom_id: str, **more: Any) -> dict[str, Any]:
    return {"type": 2, "style": 1, "label": "press", "custom_id": custom_id} | more


def row(*components: dict[str, Any]) -> dict[str, Any]:
    return {"type": 1, "components": list(components)}


async def test_the_error_names_the_field_and_the_limit(place: Place) -> None:
    answer = await place.bot.ask("POST", f"{place.general}/messages", {"content": "x" * 2001})
    assert answer.status == 400
    assert answer.body == {
        "message": "Invalid Form Body",
        "code": 50035,
        "errors": {"content": {"_errors": [{"code": 50035, "message": "Must be 2000 or fewer in length."}]}},
    }
    assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"embeds": [{"title": "x" * 257}]}, ("embeds", "0", "title")),
        ({"embeds": [{"description": "x" * 4097}]}, ("embeds", "0", "description")),
        (
            {"embeds": [{"fields": [{"name": "n", "value": "x" * 1025}]}]},
            ("embeds", "0", "fields", "0", "value"),
        ),
        ({"embeds": [{"fields": [{"name": "n", "value": "v"}] * 26}]}, ("embeds", "0", "fields")),
        ({"embeds": [{"footer": {"text": "x" * 2049}}]}, ("embeds", "0", "footer", "text")),
        ({"embeds": [{"description": "x" * 3001}] * 2}, ("embeds",)),
        ({"embeds": [{"title": "t"}] * 11}, ("embeds",)),
        ({"embeds": [{"image": {"url": "ftp://x"}}]}, ("embeds", "0", "image", "url")),
        ({"components": [row(button("x" * 101))]}, ("components", "0", "components", "0", "custom_id")),
        ({"components": [row(button("a", label="x" * 81))]}, ("components", "0", "components", "0", "label")),
        ({"components": [row(*(button(str(n)) for n in range(6)))]}, ("components", "0", "components")),
        ({"components": [row(button("a"), button("a"))]}, ("components",)),
        ({"components": [row(button("a", style=5))]}, ("components", "0", "components", "0")),
        ({"components": [row(button(str(n))) for n in range(6)]}, ("components",)),
        ({"components": [text("no flag")]}, ("components", "0")),
        ({"components": [{"type": 99}]}, ("components", "0")),
        (
            {"components": [row({"type": 3, "custom_id": "s", "options": []})]},
            ("components", "0", "components", "0", "options"),
        ),
        ({"flags": V2, "components": [text("x")] * 41}, ("components",)),
        ({"flags": V2, "components": [text("x" * 3000), text("x" * 1001)]}, ("components",)),
        ({"flags": V2, "components": [{"type": 12, "items": []}]}, ("components", "0", "items")),
        ({"flags": V2, "components": [text("x")], "content": "no"}, ("content",)),
        ({"flags": V2, "components": [{"type": 13, "file": {"url": "attachment://none"}}]}, ("components",)),
        ({"content": "x", "nonce": "x" * 26}, ("nonce",)),
        ({"content": "x", "attachments": [{"id": "0", "filename": "none"}]}, ("attachments", "0")),
        ({"content": "x", "allowed_mentions": {"parse": ["users"], "users": ["1"]}}, ("allowed_mentions",)),
    ],
)
async def test_a_value_over_a_limit_is_refused_with_its_path(
    place: Place, body: dict[str, Any], where: tuple[str, ...]
) -> None:
    answer = await place.bot.ask("POST", f"{place.general}/messages", body)
    assert (answer.status, answer.body["code"]) == (400, 50035)
    found = answer.body["errors"]
    for step in where:
        assert step in found, answer.body
        found = found[step]
    assert "_errors" in found


async def test_a_message_at_the_limits_is_accepted(place: Place) -> None:
    fields = [{"name": "n", "value": "v"}] * 25
    body = {"content": "x" * 2000, "embeds": [{"title": "x" * 256, "fields": fields}]}
    assert len((await place.bot.post(f"{place.general}/messages", body))["embeds"][0]["fields"]) == 25


async def test_an_empty_message_is_refused(place: Place) -> None:
    assert await place.bot.refused("POST", f"{place.general}/messages", {"content": "  "}) == (400, 50006)
    assert await place.bot.refused("POST", f"{place.general}/messages", {}) == (400, 50006)


async def test_a_body_that_is_no_object_is_refused(place: Place) -> None:
    assert await place.bot.refused("POST", f"{place.general}/messages", [1]) == (400, 50035)


async def test_ten_files_are_the_most(place: Place) -> None:
    ten = {f"{n}.txt": b"x" for n in range(10)}
    sent = await place.bot.post(f"{place.general}/messages", {}, files=ten)
    assert [each["filename"] for each in sent["attachments"]] == list(ten)
    refused = await place.bot.refused("POST", f"{place.general}/messages", {}, files=ten | {"10.txt": b"x"})
    assert refused == (400, 50035)


async def test_a_file_over_the_limit_is_refused(place: Place, pocket: PocketDiscord) -> None:
    pocket.pocket.limits.file_bytes = 1000
    await place.ben.post(f"{place.general}/messages", {}, files={"a.bin": bytes(1000)})
    refused = await place.ben.refused("POST", f"{place.general}/messages", {}, files={"a.bin": bytes(1001)})
    assert refused == (413, 40005)


async def test_a_request_over_the_limit_is_refused(place: Place, pocket: PocketDiscord) -> None:
    pocket.pocket.limits.request_bytes = 5000
    files = {"a.bin": bytes(3000), "b.bin": bytes(3000)}
    assert await place.ben.refused("POST", f"{place.general}/messages", {}, files=files) == (413, 40005)


async def test_alt_text_has_1024_characters(place: Place) -> None:
    def body(length: int) -> dict[str, Any]:
        return {"attachments": [{"id": "0", "filename": "a.txt", "description": "x" * length}]}

    await place.bot.post(f"{place.general}/messages", body(1024), files={"a.txt": b"a"})
    refused = await place.bot.refused("POST", f"{place.general}/messages", body(1025), files={"a.txt": b"a"})
    assert refused == (400, 50035)


async def test_a_layout_is_kept_and_shown(place: Place) -> None:
    gallery = {"type": 12, "items": [{"media": {"url": "attachment://a.txt"}, "description": "letters"}]}
    section = {"type": 9, "components": [text("side")], "accessory": button("go")}
    container = {"type": 17, "components": [text("hello"), {"type": 14}, gallery, section, row(button("x"))]}
    sent = await place.bot.post(
        f"{place.general}/messages", {"flags": V2, "components": [container]}, files={"a.txt": b"abc"}
    )
    (shown,) = sent["components"]
    assert sent["attachments"] == []
    assert shown["components"][2]["items"][0]["media"]["url"].startswith(place.pocket.url)
    ids = [shown["id"], *(each["id"] for each in shown["components"])]
    assert len(set(ids)) == len(ids)
    path = f"{place.general}/messages/{sent['id']}"
    assert await place.bot.refused("PATCH", path, {"flags": 0}) == (400, 50035)
    edited = await place.bot.patch(path, {"components": [text("gone")]})
    assert edited["components"][0]["content"] == "gone"


async def test_an_embed_shows_a_file_and_takes_it_off_the_list(place: Place) -> None:
    body = {"embeds": [{"title": "t", "image": {"url": "attachment://a.txt"}}]}
    sent = await place.bot.post(f"{place.general}/messages", body, files={"a.txt": b"abc", "b.txt": b"b"})
    assert [each["filename"] for each in sent["attachments"]] == ["b.txt"]
    assert sent["embeds"][0]["image"]["url"].startswith(f"{place.pocket.url}/attachments/")
    assert sent["embeds"][0]["image"]["proxy_url"].startswith(f"{place.pocket.url}/media/")
