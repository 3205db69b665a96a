"""Members who post pictures, ask about them and talk in threads, at a fixed rate."""

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import aiohttp

from tests.bot.command_calls import EPHEMERAL, FILE, TEXT, option
from tests.bot.conversation_steps import buttons, press
from tests.chaos.scenes import Scene
from tests.e2e.member import Member, Message

Kind = Literal["post", "mention", "dm", "ask", "describe", "turn"]
MIX: Mapping[Kind, float] = {
    "post": 0.35,
    "mention": 0.2,
    "dm": 0.1,
    "ask": 0.15,
    "describe": 0.1,
    "turn": 0.1,
}
"""Shares of the requests. `ask` brings its picture; `describe` is about the newest in its channel."""
BURST = 10
"""Requests that come at once: the rate is kept by the pauses between them."""
STATED_S = 10.0
"""Seconds within which Discord says whether an interaction was taken."""
AGAIN_S = 1.0
"""Seconds after which a member tries a command again that was refused."""


@dataclass(eq=False)
class Request:
    """What a member asked for.

    Attributes:
        kind: How.
        channel: Its channel.
        expected: The words of the right answer; empty for `describe`, until `Traffic.expect` has found them.
        id: The id of its message, or of its interaction.
        sent: Unix time in seconds.
        answered: Unix time in seconds at which the right answer was seen.
    """

    kind: Kind
    channel: str
    expected: str
    id: str
    sent: float
    answered: float | None = None


@dataclass
class Tried:
    """Interactions that were visibly refused, so that their member tried again.

    Attributes:
        ids: Theirs.
        reasons: How often for which reason.
    """

    ids: set[str] = field(default_factory=set)
    reasons: Counter[str] = field(default_factory=Counter)


class Person(Member):
    """A member, who tells `Traffic` of each message that appears."""

    def __init__(self, session: Mapping[str, Any], index: int, traffic: "Traffic") -> None:
        super().__init__(session, index)
        self._traffic = traffic
        self.thread = ""
        self.direct = ""
        self.talking = asyncio.Lock()
        self.calls = 0

    async def note(self, kind: str, data: dict[str, Any]) -> None:
        if kind in {"MESSAGE_CREATE", "MESSAGE_UPDATE"}:
            self._traffic.seen(data)


class Traffic:
    """Sends requests, and watches for their answers.

    Args:
        session: Of the pocket Discord.
        scenes: The pictures.
        chance: Chooses members, channels and pictures.
        captioned: Channels with captions on.
        others: Channels without.

    Attributes:
        requests: What was sent, in this order.
        tried: The interactions that were refused.
    """

    def __init__(
        self,
        session: Mapping[str, Any],
        scenes: Sequence[Scene],
        chance: random.Random,
        captioned: Sequence[str],
        others: Sequence[str],
    ) -> None:
        self.requests: list[Request] = []
        self.tried = Tried()
        self.people: list[Person] = []
        self.captioned = captioned
        self.others = others
        self._session = session
        self._scenes = scenes
        self._chance = chance
        self._mention = f"<@{session['bot_user_id']}>"
        self._by_id: dict[str, Request] = {}
        self._early: dict[str, list[Message]] = {}
        self._refused: dict[str, asyncio.Future[str]] = {}
        self._pictures: dict[str, list[tuple[int, str]]] = {}
        self._commands: dict[str, dict[str, Any]] = {}

    @property
    def open(self) -> list[Request]:
        """The requests without the right answer so far."""
        return [each for each in self.requests if each.answered is None]

    def seen(self, message: Message) -> None:
        """Take in a message that appeared or changed; several members may see it."""
        if message.get("author", {}).get("id") != self._session["bot_user_id"]:
            return
        about = (message.get("interaction_metadata") or {}).get("id")
        about = about or (message.get("message_reference") or {}).get("message_id")
        if about is None:
            return
        waiting = self._refused.get(about)
        if waiting is not None and message["flags"] & EPHEMERAL and message["content"]:
            if not waiting.done():
                waiting.set_result(message["content"])
            return
        request = self._by_id.get(about)
        if request is None:
            self._early.setdefault(about, []).append(message)
        elif request.answered is None and self.is_right(request, message):
            request.answered = time.time()

    def is_right(self, request: Request, message: Message) -> bool:
        """Tell whether a message is the right and finished answer to a request."""
        expected = self.expect(request)
        lines = str(message["content"]).splitlines()
        if request.kind == "turn":
            # The buttons of an answer move to the next one.
            return lines[:1] == [expected] and not buttons(message).keys() & {"Stop", "Retry"}
        if request.kind == "ask":
            return len(lines) > 1 and lines[1] == expected
        return lines[:1] == [expected]

    def expect(self, request: Request) -> str:
        """Return what is right: for `describe`, the caption of the newest picture before the interaction."""
        if not request.expected:
            before = [each for each in self._pictures[request.channel] if each[0] < int(request.id)]
            request.expected = max(before)[1]
        return request.expected

    def _register(self, request: Request) -> None:
        self.requests.append(request)
        self._by_id[request.id] = request
        for message in self._early.pop(request.id, []):
            self.seen(message)

    async def prepare(self) -> None:
        """Open the DMs and the threads, and post a first picture in each channel, while all is well."""
        first, *_ = self.people
        index = await first.request("GET", f"/guilds/{self._session['guild_id']}/application-command-index")
        self._commands = {each["name"]: each for each in index["application_commands"] if each["type"] == 1}
        for channel in (*self.captioned, *self.others):
            await self._post_in(first, channel, self._chance.choice(self._scenes))
        await asyncio.gather(*(self._prepare(each) for each in self.people))

    async def _prepare(self, person: Person) -> None:
        person.direct = await person.direct_channel()
        await person.reply_to(await person.post(person.direct, files=self._file(self._scenes[0])))
        channel = self._chance.choice(self.captioned)
        posted = await self._post_in(person, channel, self._chance.choice(self._scenes))
        caption = await person.reply_to(posted)
        await press(person, caption, "Talk about it")
        await person.hear(lambda kind, data: kind == "THREAD_CREATE" and data["id"] == posted["id"])
        person.thread = posted["id"]
        await person.hear(
            lambda _, data: (
                data.get("channel_id") == person.thread and "Regenerate" in buttons(data) if data else False
            )
        )

    async def _post_in(self, person: Person, channel: str, scene: Scene, content: str = "") -> Message:
        message = await person.post(channel, content, files=self._file(scene))
        self._pictures.setdefault(channel, []).append((int(message["id"]), scene.caption))
        return message

    @staticmethod
    def _file(scene: Scene) -> list[tuple[str, bytes]]:
        return [(scene.name, scene.data)]

    async def send(self, count: int, per_second: float) -> None:
        """Send requests in bursts at a fixed rate; return when each was accepted."""
        sending: list[asyncio.Task[None]] = []
        kinds, weights = list(MIX), list(MIX.values())
        clock = asyncio.get_running_loop().time
        started = clock()
        for number in range(count):
            await asyncio.sleep(started + number // BURST * BURST / per_second - clock())
            kind = self._chance.choices(kinds, weights)[0]
            person, scene = self._chance.choice(self.people), self._chance.choice(self._scenes)
            channel = self._chance.choice(self.captioned if kind == "post" else self.others)
            sending.append(asyncio.create_task(self._send(kind, person, channel, scene)))
        await asyncio.gather(*sending)

    async def _send(self, kind: Kind, person: Person, channel: str, scene: Scene) -> None:
        if kind in {"ask", "describe"}:
            await self._call(kind, person, channel, scene)
        elif kind == "turn":
            async with person.talking:
                sent = time.time()
                message = await person.post(person.thread, scene.question, files=self._file(scene))
                request = Request(kind, person.thread, scene.answer, message["id"], sent)
                self._register(request)
                await self._until_answered(request)
        else:
            sent = time.time()
            if kind == "dm":
                channel = person.direct
                message = await person.post(channel, files=self._file(scene))
            else:
                words = self._mention if kind == "mention" else ""
                message = await self._post_in(person, channel, scene, words)
            self._register(Request(kind, channel, scene.caption, message["id"], sent))

    @staticmethod
    async def _until_answered(request: Request) -> None:
        while request.answered is None:  # noqa: ASYNC110 - the member waits as long as it takes
            await asyncio.sleep(0.1)

    async def _call(self, kind: Kind, person: Person, channel: str, scene: Scene) -> None:
        """Call a command, again where it is visibly refused, until it is accepted."""
        while True:
            sent = time.time()
            start = len(person.heard)
            nonce = await self._interact(kind, person, channel, scene)
            created = await person.hear(partial(_is_created, nonce), start=start)
            interaction = str(created["id"])
            refused = self._refused[interaction] = asyncio.get_running_loop().create_future()
            stated = await person.hear(partial(_is_stated, interaction), start=start, seconds=STATED_S)
            reason = "the application did not respond"
            if "reason_code" not in stated:
                request = Request(kind, channel, scene.answer if kind == "ask" else "", interaction, sent)
                self._register(request)
                answering = asyncio.create_task(self._until_answered(request))
                await asyncio.wait([answering, refused], return_when=asyncio.FIRST_COMPLETED)
                answering.cancel()
                if not refused.done():
                    return
                reason = refused.result()
                self.requests.remove(request)
                del self._by_id[interaction]
            self.tried.ids.add(interaction)
            self.tried.reasons[reason] += 1
            await asyncio.sleep(AGAIN_S)

    async def _interact(self, kind: Kind, person: Person, channel: str, scene: Scene) -> str:
        person.calls += 1
        nonce = f"{person.user['id']}{person.calls}"
        files = self._file(scene) if kind == "ask" else []
        options = (
            [option(TEXT, "question", scene.question), option(FILE, "image", 0)] if kind == "ask" else []
        )
        command = self._commands[kind]
        data = {
            "id": command["id"],
            "version": command["version"],
            "name": kind,
            "type": 1,
            "options": options,
            "attachments": [{"id": str(number), "filename": name} for number, (name, _) in enumerate(files)],
        }
        body = {
            "type": 2,
            "application_id": self._session["application_id"],
            "channel_id": channel,
            "session_id": "1",
            "nonce": nonce,
            "data": data,
        }
        form = aiohttp.FormData()
        form.add_field("payload_json", json.dumps(body), content_type="application/json")
        for number, (name, raw) in enumerate(files):
            form.add_field(f"files[{number}]", raw, filename=name, content_type="application/octet-stream")
        await person.request("POST", "/interactions", data=form)
        return nonce


def _is_created(nonce: str, kind: str, data: Mapping[str, Any]) -> bool:
    return kind == "INTERACTION_CREATE" and data.get("nonce") == nonce


def _is_stated(interaction: str, kind: str, data: Mapping[str, Any]) -> bool:
    return kind in {"INTERACTION_SUCCESS", "INTERACTION_FAILURE"} and data.get("id") == interaction
