"""Permissions: roles, overwrites and timeouts, and the routes that check them."""

from datetime import UTC, datetime

import pytest

from bot.playground.server import PocketDiscord
from bot.playground.state.permissions import ALL, BOT_INVITE, Permission, in_channel
from bot.playground.state.records import Channel, ChannelType, Guild, Member, Overwrite, Role
from tests.bot.playground.conftest import Place
from tests.bot.playground.discord_py_client import Bot

VIEW, SEND, FILES = Permission.VIEW_CHANNEL, Permission.SEND_MESSAGES, Permission.ATTACH_FILES
EVERYONE, OWNER, MEMBER, RED, BLUE = 1, 2, 3, 4, 5


def guild(member_roles: list[int]) -> Guild:
    roles = [
        Role(id=EVERYONE, name="@everyone", permissions=VIEW | SEND),
        *(Role(id=n, name=str(n)) for n in (RED, BLUE)),
    ]
    members = [Member(user_id=each, joined_at=datetime.now(UTC)) for each in (OWNER, MEMBER)]
    members[1].roles = member_roles
    return Guild(
        id=EVERYONE,
        name="",
        owner_id=OWNER,
        roles={each.id: each for each in roles},
        members={each.user_id: each for each in members},
    )


@pytest.mark.parametrize(
    ("overwrites", "roles", "left"),
    [
        ([], [], VIEW | SEND),
        ([(EVERYONE, 0, 0, SEND)], [], VIEW),
        ([(EVERYONE, 0, 0, VIEW)], [], 0),
        ([(EVERYONE, 0, 0, SEND), (RED, 0, SEND, 0)], [RED], VIEW | SEND),
        ([(RED, 0, 0, SEND), (BLUE, 0, SEND, 0)], [RED, BLUE], VIEW | SEND),
        ([(RED, 0, SEND, 0), (MEMBER, 1, 0, SEND)], [RED], VIEW),
        ([(EVERYONE, 0, FILES, SEND)], [], VIEW),
        ([(EVERYONE, 0, FILES, 0)], [], VIEW | SEND | FILES),
    ],
)
def test_overwrites_apply_to_everyone_then_roles_then_the_member(
    overwrites: list[tuple[int, int, int, int]], roles: list[int], left: int
) -> None:
    written = [Overwrite(id=who, type=kind, allow=allow, deny=deny) for who, kind, allow, deny in overwrites]
    channel = Channel(id=9, type=ChannelType.TEXT, guild_id=EVERYONE, overwrites=written)
    assert in_channel(guild(roles), channel, MEMBER) == left
    assert in_channel(guild(roles), channel, OWNER) == ALL
    assert in_channel(guild(roles), channel, 99) == 0


async def test_the_bot_has_what_its_invitation_asks_for(place: Place, client: Bot) -> None:
    channel = client.guilds[0].text_channels[0]
    assert channel.permissions_for(client.guilds[0].me).value & BOT_INVITE == BOT_INVITE
    assert not channel.permissions_for(client.guilds[0].me).manage_messages
    assert place.pocket.application_id == client.application_id


async def close(place: Place, permission: int, *, to: str = "") -> None:
    """Deny everyone a permission in #general, or give it to a user alone."""
    everyone = place.guild.removeprefix("/guilds/")
    await place.ada.put(f"{place.general}/permissions/{to or everyone}", {"type": 0, "deny": int(permission)})
    for role in place.pocket.world.guild.roles.values():
        if role.bot_id:
            await place.ada.put(
                f"{place.general}/permissions/{role.id}", {"type": 0, "deny": int(permission)}
            )


async def test_a_hidden_channel_is_missing_access(place: Place, client: Bot) -> None:
    await close(place, Permission.VIEW_CHANNEL)
    for who in (place.ben, place.bot):
        assert await who.refused("GET", place.general) == (403, 50001)
        assert await who.refused("POST", f"{place.general}/messages", {"content": "x"}) == (403, 50001)
    await place.ada.post(f"{place.general}/messages", {"content": "in secret"})
    await place.ada.post(f"{place.pictures}/messages", {"content": "in public"})
    await client.events.wait("message", lambda each: each.content == "in public")
    assert len(client.events.all("message")) == 1


@pytest.mark.parametrize(
    ("permission", "body", "files"),
    [
        (Permission.SEND_MESSAGES, {"content": "x"}, None),
        (Permission.ATTACH_FILES, {}, {"a.txt": b"a"}),
        (Permission.EMBED_LINKS, {"embeds": [{"title": "t"}]}, None),
    ],
)
async def test_a_request_without_the_permission_is_refused(
    place: Place, permission: Permission, body: dict[str, object], files: dict[str, bytes] | None
) -> None:
    await place.bot.post(f"{place.general}/messages", body, files=files)
    await close(place, permission)
    refused = await place.bot.refused("POST", f"{place.general}/messages", body, files=files)
    assert refused == (403, 50013)


async def test_without_read_message_history_lists_are_empty_and_replies_refused(place: Place) -> None:
    sent = await place.ben.post(f"{place.general}/messages", {"content": "x"})
    await close(place, Permission.READ_MESSAGE_HISTORY)
    assert await place.bot.get(f"{place.general}/messages") == []
    assert await place.bot.refused("GET", f"{place.general}/messages/{sent['id']}") == (403, 50013)
    body = {"content": "!", "message_reference": {"message_id": sent["id"]}}
    assert await place.bot.refused("POST", f"{place.general}/messages", body) == (403, 160002)


async def test_members_without_permissions_can_edit_little(place: Place) -> None:
    assert await place.ben.refused("PATCH", place.general, {"name": "mine"}) == (403, 50013)
    assert await place.ben.refused("POST", f"{place.guild}/channels", {"name": "mine"}) == (403, 50013)
    assert await place.ben.refused("POST", f"{place.guild}/roles", {"name": "mine"}) == (403, 50013)
    assert await place.ben.refused("DELETE", place.general) == (403, 50013)


async def test_channels_are_made_changed_and_deleted(place: Place, client: Bot) -> None:
    made = await place.ada.post(f"{place.guild}/channels", {"name": "new", "topic": "things"})
    assert (await client.events.wait("channel")).name == "new"
    path = f"/channels/{made['id']}"
    assert (await place.ada.patch(path, {"name": "newer"}))["name"] == "newer"
    await place.ben.post(f"{path}/messages", {"content": "x"}, files={"a.txt": b"a"})
    await place.ada.delete(path)
    assert await place.ada.refused("GET", path) == (404, 10003)


async def test_roles_are_made_and_given(place: Place, client: Bot) -> None:
    role = await place.ada.post(f"{place.guild}/roles", {"name": "artist", "permissions": 0})
    ben = next(each.id for each in place.pocket.world.users.values() if each.username == "ben")
    await place.ada.put(f"{place.guild}/members/{ben}/roles/{role['id']}")
    assert (await place.ben.get(f"{place.guild}/members/{ben}"))["roles"] == [role["id"]]
    await place.ada.patch(f"{place.guild}/roles/{role['id']}", {"name": "painter"})
    await place.ada.delete(f"{place.guild}/roles/{role['id']}")
    assert (await place.ben.get(f"{place.guild}/members/{ben}"))["roles"] == []
    assert client.guilds[0].get_role(int(role["id"])) is None


async def test_a_member_in_a_timeout_cant_send_messages(place: Place, pocket: PocketDiscord) -> None:
    ben = next(each.id for each in pocket.world.users.values() if each.username == "ben")
    body = {"communication_disabled_until": "2999-01-01T00:00:00+00:00"}
    await place.ada.patch(f"{place.guild}/members/{ben}", body)
    assert await place.ben.refused("POST", f"{place.general}/messages", {"content": "x"}) == (403, 50013)
    assert await place.ben.get(f"{place.general}/messages") == []


async def test_requests_that_fail_have_discords_status_and_code(place: Place) -> None:
    answer = await place.ben.ask("GET", "/users/@me", headers={"Authorization": "Bot nobody"})
    assert (answer.status, answer.body) == (401, {"message": "401: Unauthorized", "code": 0})
    assert await place.ben.refused("GET", "/applications/@me") == (403, 20002)
    assert await place.ben.refused("GET", "/no/such/thing") == (404, 0)
    assert await place.ben.refused("DELETE", "/users/@me") == (405, 0)
    assert await place.ben.refused("GET", "/channels/1") == (404, 10003)
    assert await place.ben.refused("GET", "/channels/abc") == (400, 50035)
