"""Threads: created, posted in, archived, locked."""

import asyncio
from typing import Any

from tests.bot.playground.conftest import Place
from tests.bot.playground.discord_py_client import Bot


async def opened(place: Place, **more: Any) -> tuple[dict[str, Any], str]:
    start = await place.ben.post(f"{place.general}/messages", {"content": "look"})
    body = {"name": "about it"} | more
    thread = await place.bot.post(f"{place.general}/messages/{start['id']}/threads", body)
    assert thread["id"] == start["id"]
    return thread, f"/channels/{thread['id']}"


async def test_a_thread_from_a_message_has_the_messages_id(place: Place, client: Bot) -> None:
    thread, path = await opened(place)
    assert (await client.events.wait("thread")).id == int(thread["id"])
    start = await place.ben.get(f"{place.general}/messages/{thread['id']}")
    assert start["thread"]["name"] == "about it"
    assert start["flags"] & 1 << 5
    await place.ben.post(f"{path}/messages", {"content": "in it"})
    seen = await client.events.wait("message", lambda each: each.content == "in it")
    assert (seen.channel.id, seen.channel.parent.name) == (int(thread["id"]), "general")
    opening = (await place.ben.get(f"{path}/messages"))[-1]
    assert (opening["type"], opening["referenced_message"]["content"]) == (21, "look")


async def test_a_message_has_one_thread(place: Place) -> None:
    start = await place.ben.post(f"{place.general}/messages", {"content": "look"})
    path = f"{place.general}/messages/{start['id']}/threads"
    answers = await asyncio.gather(*(place.bot.ask("POST", path, {"name": "x"}) for _ in range(2)))
    assert sorted(each.status for each in answers) == [201, 400]
    assert await place.ada.refused("POST", path, {"name": "x"}) == (400, 160004)


async def test_a_thread_without_a_message_is_announced_in_its_channel(place: Place) -> None:
    thread = await place.ben.post(f"{place.general}/threads", {"name": "apart", "type": 11})
    assert (thread["type"], thread["member"]["user_id"]) == (11, thread["owner_id"])
    (notice,) = await place.ada.get(f"{place.general}/messages")
    assert (notice["type"], notice["content"]) == (18, "apart")


async def test_a_private_thread_is_visible_to_its_members(place: Place) -> None:
    thread = await place.ada.post(f"{place.general}/threads", {"name": "hush", "type": 12})
    path = f"/channels/{thread['id']}"
    assert await place.bot.refused("GET", path) == (403, 50001)
    await place.ada.put(f"{path}/thread-members/{place.pocket.application_id}")
    assert (await place.bot.get(path))["name"] == "hush"


async def test_a_message_unarchives_a_thread(place: Place, client: Bot) -> None:
    _, path = await opened(place)
    sent = await place.bot.post(f"{path}/messages", {"content": "before"})
    await place.bot.patch(path, {"archived": True})
    assert await place.bot.refused("PATCH", f"{path}/messages/{sent['id']}", {"content": "x"}) == (400, 50083)
    await place.ben.post(f"{path}/messages", {"content": "wake up"})
    await client.events.wait("message", lambda each: each.content == "wake up")
    assert (await place.ben.get(path))["thread_metadata"]["archived"] is False


async def test_a_locked_thread_is_for_moderators(place: Place) -> None:
    _, path = await opened(place)
    assert await place.bot.refused("PATCH", path, {"locked": True}) == (403, 50013)
    await place.ada.patch(path, {"locked": True, "archived": True})
    assert await place.ben.refused("POST", f"{path}/messages", {"content": "x"}) == (400, 160005)
    assert await place.bot.refused("PATCH", path, {"archived": False}) == (403, 50013)
    await place.ada.post(f"{path}/messages", {"content": "x"})


async def test_members_join_and_leave_a_thread(place: Place) -> None:
    thread, path = await opened(place)
    await place.ben.put(f"{path}/thread-members/@me")
    members = await place.ada.get(f"{path}/thread-members?with_member=true")
    assert len(members) == 2
    assert {each["member"]["user"]["username"] for each in members} == {"Beholder", "ben"}
    await place.ben.delete(f"{path}/thread-members/@me")
    assert len(await place.ada.get(f"{path}/thread-members")) == 1
    assert (await place.ben.get(path))["member_count"] == 1
    assert thread["id"] in [
        each["id"] for each in (await place.ben.get(f"{place.guild}/threads/active"))["threads"]
    ]


async def test_archived_threads_are_listed_separately(place: Place) -> None:
    thread, path = await opened(place)
    await place.bot.patch(path, {"archived": True})
    assert (await place.ben.get(f"{place.guild}/threads/active"))["threads"] == []
    archived = await place.ben.get(f"{place.general}/threads/archived/public")
    assert [each["id"] for each in archived["threads"]] == [thread["id"]]


async def test_discord_py_creates_a_thread_and_posts_in_it(place: Place, client: Bot) -> None:
    await place.ben.post(f"{place.general}/messages", {"content": "look"})
    message = await client.events.wait("message")
    thread = await message.create_thread(name="about it", auto_archive_duration=60)
    await thread.send("hello")
    assert (await thread.edit(archived=True)).archived
    newest = (await place.ben.get(f"/channels/{thread.id}/messages"))[0]
    assert (newest["content"], newest["position"]) == ("hello", 0)
