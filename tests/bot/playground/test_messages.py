"""Messages over REST: create, get, list, edit, delete."""

import asyncio
from typing import Any

import pytest

from bot.playground.server import PocketDiscord
from tests.bot.playground.conftest import Place
from tests.bot.playground.discord_py_client import Bot


async def test_a_message_is_read_as_it_was_sent(place: Place) -> None:
    sent = await place.ben.post(f"{place.general}/messages", {"content": "  hello  ", "nonce": "7"})
    assert (sent["content"], sent["nonce"], sent["author"]["username"]) == ("hello", "7", "ben")
    read = await place.ada.get(f"{place.general}/messages/{sent['id']}")
    assert "nonce" not in read
    assert read == {key: value for key, value in sent.items() if key != "nonce"}


async def test_an_enforced_nonce_gives_the_message_that_is_there(place: Place) -> None:
    body = {"content": "once", "nonce": "request-1", "enforce_nonce": True}
    first, second = await asyncio.gather(
        *(place.bot.post(f"{place.general}/messages", body) for _ in range(2))
    )
    assert first["id"] == second["id"]
    assert len(await place.ada.get(f"{place.general}/messages")) == 1


async def test_a_nonce_that_is_not_enforced_makes_two(place: Place) -> None:
    body = {"content": "twice", "nonce": "request-1"}
    first = await place.bot.post(f"{place.general}/messages", body)
    second = await place.bot.post(f"{place.general}/messages", body)
    assert first["id"] != second["id"]


async def test_messages_are_listed_before_after_and_around_an_id(place: Place) -> None:
    ids = [(await place.ben.post(f"{place.general}/messages", {"content": str(n)}))["id"] for n in range(7)]
    newest_first = ids[::-1]

    async def listed(query: str) -> list[str]:
        return [each["id"] for each in await place.ben.get(f"{place.general}/messages?{query}")]

    assert await listed("limit=3") == newest_first[:3]
    assert await listed(f"before={ids[3]}&limit=2") == [ids[2], ids[1]]
    assert await listed(f"after={ids[3]}&limit=2") == [ids[5], ids[4]]
    assert await listed(f"around={ids[3]}&limit=3") == [ids[4], ids[3], ids[2]]
    assert await listed("limit=100") == newest_first
    assert await place.ben.refused("GET", f"{place.general}/messages?limit=101") == (400, 50035)


async def test_a_reply_shows_what_it_answers_and_pings_its_author(place: Place) -> None:
    asked = await place.ben.post(f"{place.general}/messages", {"content": "?"})
    body = {"content": "!", "message_reference": {"message_id": asked["id"]}}
    answer = await place.bot.post(f"{place.general}/messages", body)
    assert answer["type"] == 19
    assert answer["referenced_message"]["id"] == asked["id"]
    assert [each["username"] for each in answer["mentions"]] == ["ben"]
    silent = await place.bot.post(f"{place.general}/messages", body | {"allowed_mentions": {"parse": []}})
    assert silent["mentions"] == []


async def test_a_reply_outlives_what_it_answers(place: Place) -> None:
    asked = await place.ben.post(f"{place.general}/messages", {"content": "?"})
    body: dict[str, Any] = {"content": "!", "message_reference": {"message_id": asked["id"]}}
    answer = await place.bot.post(f"{place.general}/messages", body)
    await place.ben.delete(f"{place.general}/messages/{asked['id']}")
    assert (await place.ben.get(f"{place.general}/messages/{answer['id']}"))["referenced_message"] is None
    assert await place.bot.refused("POST", f"{place.general}/messages", body) == (400, 50035)
    body["message_reference"] = {"message_id": asked["id"], "fail_if_not_exists": False}
    assert (await place.bot.post(f"{place.general}/messages", body))["type"] == 0


async def test_a_forward_carries_a_snapshot_with_the_pictures(place: Place, client: Bot) -> None:
    original = await place.ben.post(f"{place.general}/messages", {"content": "look"}, files={"a.txt": b"abc"})
    general = place.general.removeprefix("/channels/")
    pointer = {"type": 1, "message_id": original["id"], "channel_id": general}
    await place.ben.post(f"{place.pictures}/messages", {"message_reference": pointer})
    forward = await client.events.wait("message", lambda each: each.message_snapshots)
    (snapshot,) = forward.message_snapshots
    assert snapshot.content == "look"
    await place.ben.delete(f"{place.general}/messages/{original['id']}")
    assert await snapshot.attachments[0].read() == b"abc"


@pytest.mark.parametrize(
    ("content", "allowed", "pinged"),
    [
        ("<@{ben}>", None, ["ben"]),
        ("<@{ben}>", {"parse": []}, []),
        ("<@{ben}> <@{ada}>", {"users": ["{ben}"]}, ["ben"]),
        ("<@{ben}>", {"parse": ["users"]}, ["ben"]),
        ("nobody", None, []),
    ],
)
async def test_allowed_mentions_are_kept(
    place: Place, content: str, allowed: dict[str, list[str]] | None, pinged: list[str]
) -> None:
    ids = {each.username: str(each.id) for each in place.pocket.world.users.values()}
    body: dict[str, object] = {"content": content.format(**ids)}
    if allowed is not None:
        body["allowed_mentions"] = {
            key: [each.format(**ids) for each in value] for key, value in allowed.items()
        }
    sent = await place.bot.post(f"{place.general}/messages", body)
    assert [each["username"] for each in sent["mentions"]] == pinged


async def test_only_members_with_the_permission_mention_everyone(place: Place) -> None:
    body = {"content": "@everyone"}
    assert (await place.ada.post(f"{place.general}/messages", body))["mention_everyone"] is True
    assert (await place.ben.post(f"{place.general}/messages", body))["mention_everyone"] is False
    assert (await place.bot.post(f"{place.general}/messages", body))["mention_everyone"] is False


async def test_only_the_author_edits_and_the_rest_stays(place: Place) -> None:
    sent = await place.ben.post(
        f"{place.general}/messages", {"content": "one"}, files={"a.txt": b"a", "b.txt": b"b"}
    )
    path = f"{place.general}/messages/{sent['id']}"
    edited = await place.ben.patch(path, {"content": "two"})
    assert (edited["content"], len(edited["attachments"])) == ("two", 2)
    fewer = await place.ben.patch(path, {"attachments": [{"id": sent["attachments"][1]["id"]}]})
    assert [each["filename"] for each in fewer["attachments"]] == ["b.txt"]
    more = await place.ben.patch(path, {"content": "three"}, files={"c.txt": b"c"})
    assert [each["filename"] for each in more["attachments"]] == ["b.txt", "c.txt"]
    assert await place.ada.refused("PATCH", path, {"content": "mine"}) == (403, 50005)
    assert await place.ben.refused("PATCH", path, {"content": "", "attachments": []}) == (400, 50006)


async def test_an_attachments_alt_text_can_be_changed(place: Place) -> None:
    sent = await place.bot.post(f"{place.general}/messages", {}, files={"a.txt": b"a"})
    (attachment,) = sent["attachments"]
    body = {"attachments": [{"id": attachment["id"], "description": "a letter"}]}
    edited = await place.bot.patch(f"{place.general}/messages/{sent['id']}", body)
    assert edited["attachments"][0]["description"] == "a letter"


async def test_others_messages_are_deleted_with_the_permission_only(place: Place, client: Bot) -> None:
    sent = await place.ada.post(f"{place.general}/messages", {"content": "mine"})
    path = f"{place.general}/messages/{sent['id']}"
    assert await place.ben.refused("DELETE", path) == (403, 50013)
    await place.ada.delete(path)
    event = await client.events.wait("message_delete")
    assert event.message_id == int(sent["id"])
    assert await place.ada.refused("GET", path) == (404, 10008)


async def test_messages_are_deleted_in_bulk(place: Place, client: Bot) -> None:
    ids = [(await place.ben.post(f"{place.general}/messages", {"content": str(n)}))["id"] for n in range(3)]
    assert await place.ada.refused(
        "POST", f"{place.general}/messages/bulk-delete", {"messages": ids[:1]}
    ) == (400, 50016)
    await place.ada.post(f"{place.general}/messages/bulk-delete", {"messages": ids})
    assert len((await client.events.wait("bulk_delete")).message_ids) == 3
    assert await place.ben.get(f"{place.general}/messages") == []


async def test_direct_messages_go_both_ways(place: Place, client: Bot, pocket: PocketDiscord) -> None:
    channel = await place.ben.post("/users/@me/channels", {"recipient_id": str(pocket.application_id)})
    again = await place.bot.post("/users/@me/channels", {"recipient_id": str(ben_of(place))})
    assert again["id"] == channel["id"]
    await place.ben.post(f"/channels/{channel['id']}/messages", {"content": "psst"})
    message = await client.events.wait("message")
    assert (message.guild, message.content) == (None, "psst")
    await message.channel.send("yes?")
    newest, _ = await place.ben.get(f"/channels/{channel['id']}/messages")
    assert newest["content"] == "yes?"
    assert await place.ada.refused("GET", f"/channels/{channel['id']}") == (403, 50001)


async def test_a_user_who_accepts_no_dms_cant_be_messaged(place: Place, pocket: PocketDiscord) -> None:
    channel = await place.bot.post("/users/@me/channels", {"recipient_id": str(ben_of(place))})
    pocket.world.closed_dms.add(ben_of(place))
    refused = await place.bot.refused("POST", f"/channels/{channel['id']}/messages", {"content": "psst"})
    assert refused == (403, 50007)


def ben_of(place: Place) -> int:
    return next(each.id for each in place.pocket.world.users.values() if each.username == "ben")


async def test_reactions_are_counted_and_told(place: Place, client: Bot) -> None:
    sent = await place.bot.post(f"{place.general}/messages", {"content": "well?"})
    path = f"{place.general}/messages/{sent['id']}"
    for each in (place.ada, place.ben, place.ben):
        await each.put(f"{path}/reactions/%F0%9F%91%8D/@me")
    assert (await client.events.wait("reaction")).emoji.name == "👍"
    (reaction,) = (await place.ben.get(path))["reactions"]
    assert (reaction["count"], reaction["me"]) == (2, True)
    assert len(await place.ada.get(f"{path}/reactions/%F0%9F%91%8D")) == 2
    await place.ben.delete(f"{path}/reactions/%F0%9F%91%8D/@me")
    assert (await place.ben.get(path))["reactions"][0]["me"] is False
    assert await place.ben.refused("PUT", f"{path}/reactions/hello/@me") == (400, 10014)


async def test_pins_are_listed(place: Place) -> None:
    sent = await place.ben.post(f"{place.general}/messages", {"content": "remember"})
    await place.ada.put(f"{place.general}/messages/pins/{sent['id']}")
    pins = await place.ben.get(f"{place.general}/messages/pins")
    assert [each["message"]["id"] for each in pins["items"]] == [sent["id"]]
    assert (await place.ben.get(f"{place.general}/messages?limit=1"))[0]["type"] == 6


async def test_typing_sends_an_event(place: Place, client: Bot) -> None:
    await place.ben.post(f"{place.general}/typing")
    channel, user = await client.events.wait("typing")
    assert (channel.name, user.name) == ("general", "ben")
