"""What somebody sees who runs `beholder run` without a token and posts pictures."""

import asyncio
import random
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.e2e.member import Member
from tests.e2e.scenes import Thing, caption, draw, scene
from tests.e2e.stack import Stack, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

RED = Thing("red", "circle", 0.5, 0.5, 0.2)
BLUE = Thing("blue", "square", 0.5, 0.5, 0.2)
GREEN = Thing("green", "triangle", 0.5, 0.5, 0.2)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    async with running(tmp_path_factory.mktemp("data")) as stack:
        yield stack


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def admin(stack: Stack) -> AsyncIterator[Member]:
    async with Member(stack.session) as member:
        yield member


@pytest.mark.parametrize(("objects", "floor"), [(1, 11), (2, 10), (3, 9)])
async def test_scenes_that_another_program_drew_are_captioned(
    admin: Member, objects: int, floor: int
) -> None:
    scenes = [scene(random.Random(100 * objects + number), objects) for number in range(12)]
    channel = admin.session["channel_id"]
    posts = [await admin.post(channel, files=[("scene.png", draw(each))]) for each in scenes]
    replies = await asyncio.gather(*(admin.reply_to(post) for post in posts))
    right = [reply["content"] == caption(each) for reply, each in zip(replies, scenes, strict=True)]
    assert sum(right) >= floor


async def test_pictures_are_answered_in_their_order_with_a_refusal_in_its_place(admin: Member) -> None:
    files = [
        ("one.png", draw([RED])),
        ("two.jpg", draw([BLUE], kind="JPEG")),
        ("three.png", draw([GREEN], size=1500)),
        ("four.png", b"This is no picture, whatever it is called.\n" * 20),
    ]
    reply = await admin.reply_to(await admin.post(admin.session["channel_id"], files=files))
    lines = reply["content"].splitlines()
    assert [line.partition(" ")[2] for line in lines[:3]] == [
        "a red circle",
        "a blue square",
        "a green triangle",
    ]
    assert [line.partition(" ")[0] for line in lines] == ["1.", "2.", "3.", "4."]
    assert "picture" in lines[3]


async def test_a_direct_message_is_answered(admin: Member) -> None:
    post = await admin.post(await admin.direct_channel(), files=[("scene.png", draw([BLUE]))])
    assert (await admin.reply_to(post))["content"] == "a blue square"


async def test_without_captions_only_a_mention_is_answered(admin: Member) -> None:
    channels = await admin.request("GET", f"/guilds/{admin.session['guild_id']}/channels")
    general = next(each["id"] for each in channels if each["name"] == "general")
    silent = await admin.post(general, files=[("scene.png", draw([RED]))])
    mention = f"<@{admin.session['bot_user_id']}>"
    post = await admin.post(general, mention, files=[("scene.png", draw([GREEN]))])
    assert (await admin.reply_to(post))["content"] == "a green triangle"
    after = await admin.request("GET", f"/channels/{general}/messages?after={silent['id']}")
    assert len(after) == 2


async def test_a_worker_killed_with_work_in_hand_loses_nothing(stack: Stack, admin: Member) -> None:
    files = [(f"{number}.png", draw([RED, BLUE][number % 2 : number % 2 + 1])) for number in range(10)]
    posts = [await admin.post(admin.session["channel_id"], files=files) for _ in range(3)]
    stack.child("worker").kill()
    replies = await asyncio.gather(*(admin.reply_to(post, seconds=300) for post in posts))
    wanted = [f"{number + 1}. {'a blue square' if number % 2 else 'a red circle'}" for number in range(10)]
    assert [reply["content"].splitlines() for reply in replies] == [wanted] * 3
    answers = [kind for kind, data in admin.heard if kind == "MESSAGE_CREATE" and data["author"].get("bot")]
    assert len(answers) == len(
        {data["id"] for kind, data in admin.heard if kind == "MESSAGE_CREATE" and data["author"].get("bot")}
    )


async def test_ctrl_c_stops_all_of_it_and_nothing_is_forgotten(tmp_path: Path) -> None:
    async with running(tmp_path) as stack, Member(stack.session) as member:
        channel, token = stack.session["channel_id"], member.user["token"]
        reply = await member.reply_to(await member.post(channel, files=[("scene.png", draw([RED]))]))
        assert await stack.end(signal.SIGINT) == []
    async with running(tmp_path) as stack, Member(stack.session) as member:
        assert member.user["token"] == token
        kept = await member.request("GET", f"/channels/{channel}/messages")
        assert reply["id"] in [message["id"] for message in kept]
        assert await stack.end(signal.SIGKILL) == []
