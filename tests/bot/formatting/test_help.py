"""What the bot says of itself, and which words ask for it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.formatting.help import MAX_REQUEST_LENGTH, help_text, is_help_request
from bot.formatting.markdown import MAX_MESSAGE_LENGTH, utf16_length

LARGEST_ID = 2**63 - 1
NAMES = ("describe", "ask", "match", "chat", "status", "help", "captions on", "captions off")


def test_commands_with_an_id_can_be_clicked_and_others_are_named() -> None:
    text = help_text({"ask": 17, "captions on": 18})
    assert "</ask:17>" in text
    assert "</captions on:18>" in text
    assert "`/describe`" in text
    assert "`/captions off`" in text


def test_it_fits_a_message_with_the_largest_ids_and_has_every_command() -> None:
    text = help_text(dict.fromkeys(NAMES, LARGEST_ID))
    assert utf16_length(text) < MAX_MESSAGE_LENGTH
    assert set(re.findall(r"</([a-z ]+):\d+>", text)) == set(NAMES)
    assert "{" not in text


def test_it_tells_which_picture_is_meant_in_the_order_of_the_rule() -> None:
    rule = help_text({}).partition("**Which picture I look at**")[2]
    places = [rule.index(each) for each in ("you give me", "reply to", "thread", "newest that people posted")]
    assert places == sorted(places)
    assert rule.count(".") == 3


@pytest.mark.parametrize(
    "text",
    [
        *(
            "hello",
            "Hi",
            "HELLO!",
            "hey there",
            "hellooo",
            "good morning",
            "hi beholder",
            "👋",
            ":wave:",
            "yo",
        ),
        *(
            "help",
            "HELP!!",
            "help me",
            "help me please",
            "please help",
            "I need help",
            "can you help me?",
            "/help",
        ),
        *("what can you do?", "What can you do", "what do you do?", "what are your commands?", "commands"),
        *(
            "who are you",
            "what are you?",
            "how do you work",
            "How do I use this bot?",
            "what\u2019s your name?",
        ),
        *(
            "hello, what can you do?",
            "Hi! Who are you and what can you do?",
            "hello 👋🏽",
            "héllo",
            "how are you?",
        ),
        *("<@1234567890> hello", "hi <a:wave:1234567890>", "hello\nhelp", "test"),
    ],
)
def test_a_greeting_or_a_question_about_the_bot_asks_for_help(text: str) -> None:
    assert is_help_request(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", "?", "🐱", "<@1234567890>", "what is this?", "hello kitty?", "help me read this sign"),
        *(
            "hey, what is this?",
            "hi, what color is it?",
            "who is this?",
            "what can you see?",
            "what do you see?",
        ),
        *("how does this work?", "what does this do?", "what are they doing?", "hello world?", "describe"),
        *(
            "can you help me with this sign?",
            "help me find the cat",
            "is anyone there?",
            "hi res or low res?",
        ),
        *("what are you looking at", "you", "please", "there", "hello " * MAX_REQUEST_LENGTH),
    ],
)
def test_a_question_that_may_be_about_a_picture_does_not(text: str) -> None:
    assert not is_help_request(text)


@given(
    st.sampled_from(["hello", "what can you do", "help me"]),
    st.text(st.characters(categories=["P", "So", "Zs"], exclude_characters="<>:_"), max_size=20),
    st.booleans(),
)
def test_punctuation_emoji_and_case_do_not_matter(words: str, around: str, loud: bool) -> None:
    assert is_help_request(f"{around} {words.upper() if loud else words} {around}")


@given(st.text(max_size=200))
def test_any_text_can_be_asked_about(text: str) -> None:
    assert is_help_request(text) in {True, False}
