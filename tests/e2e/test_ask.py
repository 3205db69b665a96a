"""`/ask` and `/describe` in the whole house, with the tiny models, called as Discord's clients call them."""

import pytest

from tests.bot.command_calls import FILE, TEXT, CommandCaller, option
from tests.e2e.member import Member, Message
from tests.e2e.scenes import Thing, draw

BOTH = draw([Thing("blue", "square", 0.3, 0.3, 0.2), Thing("yellow", "triangle", 0.7, 0.7, 0.2)])
RED = draw([Thing("red", "circle", 0.5, 0.5, 0.25)])


async def called(ada: Member, name: str, question: str | None, picture: bytes | None) -> Message:
    channel = ada.session["channel_id"]
    texts = [] if question is None else [option(TEXT, "question", question)]
    images = [] if picture is None else [option(FILE, "image", 0)]
    files = [] if picture is None else [("scene.png", picture)]
    caller = CommandCaller(ada)
    await caller.call(channel, name, *texts, *images, files=files)
    return await caller.outcome(await caller.placeholder(channel))


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("how many objects are there?", "2"),
        ("What color is the triangle?", "yellow"),
        ("what shape is the blue object?", "square"),
        ("is there a circle?", "no"),
    ],
)
async def test_a_question_about_an_uploaded_picture(ada: Member, question: str, answer: str) -> None:
    done = await called(ada, "ask", question, BOTH)
    assert answer in done["content"].replace("?", " ").replace("*", " ").split()
    assert len(done["attachments"]) == 1


async def test_a_picture_is_described(ada: Member) -> None:
    done = await called(ada, "describe", None, BOTH)
    assert "a blue square and a yellow triangle" in done["content"]


async def test_without_a_picture_the_newest_one_is_asked_about_and_named(ada: Member) -> None:
    post = await ada.post(ada.session["channel_id"], files=[("red.png", RED)])
    await ada.reply_to(post)
    done = await called(ada, "ask", "what color is the circle?", None)
    assert "red" in done["content"]
    assert f"/{ada.session['channel_id']}/{post['id']}" in done["content"]
