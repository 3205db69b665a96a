"""Count, over REST, what each request came to."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.bot.command_calls import EPHEMERAL, LOADING
from tests.chaos.traffic import Person, Request, Traffic
from tests.e2e.member import Message

LATE = re.compile(r"For <@\d+>, who asked some time ago")
"""An answer to a command whose interaction can no longer be answered."""


@dataclass
class Tally:
    """What the requests came to.

    Attributes:
        posted: How many there were.
        answered_once: With exactly one answer, the right one.
        lost: Without a right answer.
        twice: With more than one message.
        odd: Lines about those that are not answered once, and about messages that answer nothing.
    """

    posted: int = 0
    answered_once: int = 0
    lost: int = 0
    twice: int = 0
    odd: list[str] = field(default_factory=list)


async def count(traffic: Traffic) -> Tally:
    """Read every channel, and count the answers to each request."""
    tally = Tally(posted=len(traffic.requests))
    answers: dict[str, list[Message]] = {}
    admin = traffic.people[0]
    places = [(admin, channel) for channel in (*traffic.captioned, *traffic.others)]
    places += [(each, each.direct) for each in traffic.people]
    places += [(each, each.thread) for each in traffic.people]
    late: Counter[str] = Counter()
    for person, channel in places:
        for message in await _messages(person, channel):
            if message["author"]["id"] != admin.session["bot_user_id"] or message["flags"] & EPHEMERAL:
                continue
            about = _about(message)
            if about is not None:
                answers.setdefault(about, []).append(message)
            elif LATE.search(message["content"]):
                late[channel] += 1
    for request in traffic.requests:
        _judge(request, answers.get(request.id, []), traffic, tally)
    for interaction in traffic.tried.ids & answers.keys():
        tally.twice += 1
        tally.odd.append(f"refused, and answered all the same: {_shown(answers[interaction])}")
    for channel, number in late.items():
        tally.twice += number
        tally.odd.append(f"{number} late answers in channel {channel}")
    return tally


def _judge(request: Request, found: list[Message], traffic: Traffic, tally: Tally) -> None:
    right = [each for each in found if traffic.is_right(request, each)]
    if len(found) == len(right) == 1:
        tally.answered_once += 1
        return
    if not right:
        tally.lost += 1
    if len(found) > 1:
        tally.twice += 1
    tally.odd.append(
        f"{request.kind} {request.id} in {request.channel}: expected {request.expected!r}, "
        f"found {_shown(found)}"
    )


def _about(message: Message) -> str | None:
    """Return the id of the message or interaction that a message answers."""
    about = (message.get("interaction_metadata") or {}).get("id")
    about = about or (message.get("message_reference") or {}).get("message_id")
    return None if about is None else str(about)


def _shown(found: Iterable[Message]) -> str:
    return (
        " | ".join(f"{each['content']!r}{' (loading)' if each['flags'] & LOADING else ''}" for each in found)
        or "nothing"
    )


async def _messages(person: Person, channel: str) -> list[Message]:
    """Read a whole channel, the newest first."""
    found: list[Message] = []
    before = ""
    while True:
        page = await person.request("GET", f"/channels/{channel}/messages?limit=100{before}")
        found += page
        if len(page) < 100:
            return found
        before = f"&before={page[-1]['id']}"
