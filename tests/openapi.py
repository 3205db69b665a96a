"""Check a pocket Discord's traffic against Discord's OpenAPI description.

A `Judge` is an observer of the pocket Discord. It validates each request, each answer and each gateway event
against the description, and collects findings; a test asserts that there are none. `DEPARTURES` has what the
description leaves out, and where discord.py itself departs from it.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import best_match
from jsonschema.validators import extend
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from bot.playground.testing.observers import GatewayFrame, Observation, RestExchange

DESCRIPTION = Path(__file__).resolve().parents[2] / "shared" / "specs" / "discord-openapi.json"
"""Discord's description. It is not part of the project; tests that need it skip without it."""

URI = "urn:discord"
JSON = "application/json"

UNIONS = {"oneOf", "anyOf"}
NULL_OR = "x-null-or"
"""Keyword of ours: null, or a value of the schema."""
BY_TYPE = "x-by-type"
"""Keyword of ours: the schemas of a discriminated union by the value of `type`."""


@dataclass(frozen=True)
class Departure:
    """A known difference from the description.

    Attributes:
        where: `METHOD template`, or `*` for every route.
        at: The field of the request in question, a regular expression for its path; "" for the whole route.
        reason: Why it is let through.
        becomes: Converts the field before it is validated.
        answers: Whether it applies to answers and events too, not to requests only.
    """

    where: str
    at: str
    reason: str
    becomes: Callable[[Any], Any] = str
    answers: bool = False


IDS_AS_NUMBERS = (
    "discord.py sends ids as numbers in places, and Discord takes them; the description has strings"
)
BITS_AS_STRINGS = (
    "discord.py sends bit sets as strings, as Discord's reference has them; the description has numbers"
)
CLIENTS = "what clients ask for isn't described, only what bots do"

FORWARDS = (
    "the description has replies alone among the types of reference, and forwards' snapshots beside them"
)

DEPARTURES: tuple[Departure, ...] = (
    Departure("GET /guilds/{guild_id}/application-command-index", "", CLIENTS),
    Departure("GET /channels/{channel_id}/application-command-index", "", CLIENTS),
    Departure("POST /interactions", "", CLIENTS),
    Departure("*", r"(/data|/message)?/attachments/\d+/id", IDS_AS_NUMBERS),
    Departure("*", r"/message_reference/(message|channel|guild)_id", IDS_AS_NUMBERS),
    Departure("*", r"(/data)?/allowed_mentions/(users|roles)/\d+", IDS_AS_NUMBERS),
    Departure("*", r"/recipient_id|/messages/\d+|/parent_id|/roles/\d+", IDS_AS_NUMBERS),
    Departure("*", r"(/permission_overwrites/\d+)?/(allow|deny)", BITS_AS_STRINGS, int),
    Departure("*", r".*/message_reference/type", FORWARDS, lambda _: 0, answers=True),
)

EVENTS = {
    "MESSAGE_CREATE": ("", "MessageResponse"),
    "MESSAGE_UPDATE": ("", "MessageResponse"),
    "CHANNEL_CREATE": ("", "channel"),
    "CHANNEL_UPDATE": ("", "channel"),
    "CHANNEL_DELETE": ("", "channel"),
    "THREAD_CREATE": ("", "ThreadResponse"),
    "THREAD_UPDATE": ("", "ThreadResponse"),
    "GUILD_CREATE": ("", "GuildResponse"),
    "GUILD_ROLE_CREATE": ("role", "GuildRoleResponse"),
    "GUILD_ROLE_UPDATE": ("role", "GuildRoleResponse"),
    "GUILD_MEMBER_UPDATE": ("", "GuildMemberResponse"),
    "GUILD_MEMBERS_CHUNK": ("members", "members"),
    "READY": ("user", "UserPIIResponse"),
    "TYPING_START": ("member", "GuildMemberResponse"),
    "MESSAGE_REACTION_ADD": ("member", "GuildMemberResponse"),
}
"""Events whose data, or a part of it, has a schema: (key of the part, schema)."""

COMPOSED_SCHEMAS: dict[str, Any] = {
    "channel": {
        "oneOf": [
            {"$ref": f"{URI}#/components/schemas/{name}"}
            for name in ("GuildChannelResponse", "PrivateChannelResponse", "ThreadResponse")
        ]
    },
    "members": {"type": "array", "items": {"$ref": f"{URI}#/components/schemas/GuildMemberResponse"}},
}
"""Schemas composed of those of the description."""


@cache
def description() -> dict[str, Any]:
    """Return Discord's description, or skip the test where it isn't there."""
    if not DESCRIPTION.is_file():
        pytest.skip(f"Discord's OpenAPI description is not in {DESCRIPTION.parent}")
    found: dict[str, Any] = json.loads(DESCRIPTION.read_text())
    cleared: dict[str, Any] = _with_fast_unions(found, found["components"]["schemas"])
    return cleared


FORMATS = FormatChecker(formats=())


@FORMATS.checks("date-time", raises=ValueError)
def _is_date_time(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


@FORMATS.checks("uri", raises=ValueError)
def _is_uri(value: object) -> bool:
    return not isinstance(value, str) or bool(urlsplit(value).scheme)


@FORMATS.checks("int32")
def _is_int32(value: object) -> bool:
    return not isinstance(value, int) or -(1 << 31) <= value < 1 << 31


def _branches(members: list[Any], known: dict[str, Any]) -> dict[Any, Any] | None:
    """Return a union's members by the values of their `type`, None where that doesn't discriminate."""
    found: dict[Any, Any] = {}
    for each in members:
        target = known.get(each.get("$ref", "").rsplit("/", 1)[-1], {})
        values = target.get("properties", {}).get("type", {}).get("enum")
        if not values or "type" not in target.get("required", ()) or found.keys() & set(values):
            return None
        found |= dict.fromkeys(values, each)
    return found or None


def _with_fast_unions(schema: Any, known: dict[str, Any]) -> Any:
    """Return a schema with `NULL_OR`, `BY_TYPE` and enums in place of unions, where they mean the same.

    They validate one member instead of all, and so are faster, and their errors name the field that is wrong.
    """
    if isinstance(schema, list):
        return [_with_fast_unions(each, known) for each in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: _with_fast_unions(each, known) for key, each in schema.items() if key not in UNIONS}
    for union in UNIONS & schema.keys():
        members = [each for each in schema[union] if each != {"type": "null"}]
        branches = _branches(members, known)
        if branches is not None:
            types = {"type": "object", "properties": {"type": {"enum": list(branches)}}, "required": ["type"]}
            found: Any = types | {BY_TYPE: branches}
        elif len(members) == 1:
            found = _with_fast_unions(members[0], known)
        elif all("const" in each for each in members):
            found = {"enum": [each["const"] for each in members]}
        else:
            found = {union: [_with_fast_unions(each, known) for each in members]}
        kept.setdefault("allOf", []).append({NULL_OR: found} if len(members) < len(schema[union]) else found)
    return kept


def _validate_null_or(validator: Any, schema: Any, value: object, _: object) -> Iterator[Any]:
    """Validate a value other than null."""
    if value is not None:
        yield from validator.descend(value, schema)


def _validate_by_type(validator: Any, branches: dict[Any, Any], value: object, _: object) -> Iterator[Any]:
    """Validate an object by the union's member for its `type`."""
    kind = value.get("type") if isinstance(value, dict) else None
    if isinstance(kind, int | str) and kind in branches:
        yield from validator.descend(value, branches[kind])


Validator = extend(Draft202012Validator, {NULL_OR: _validate_null_or, BY_TYPE: _validate_by_type})  # type: ignore[no-untyped-call]


@cache
def _registry() -> Registry[Any]:
    resource = Resource.from_contents(description(), default_specification=DRAFT202012)
    registry: Registry[Any] = Registry().with_resource(URI, resource)
    return registry


def problems(schema: dict[str, Any], value: object) -> Iterator[tuple[str, str]]:
    """Yield the errors of a value as `(/path, message)`."""
    validator = Validator(_absolute(schema), registry=_registry(), format_checker=FORMATS)
    for error in validator.iter_errors(value):
        inner = best_match([error]) or error
        yield "".join(f"/{step}" for step in inner.absolute_path), inner.message[:300]


def _absolute(schema: Any) -> Any:
    """Make references absolute."""
    if isinstance(schema, dict):
        return {
            key: URI + value if key == "$ref" and value.startswith("#") else _absolute(value)
            for key, value in schema.items()
        }
    return [_absolute(each) for each in schema] if isinstance(schema, list) else schema


class Judge:
    """An observer that validates all traffic of a pocket Discord.

    Attributes:
        found: The findings, one line each.
        rest: How many REST exchanges were checked.
        events: How many gateway events were checked.
    """

    def __init__(self, *, requests: Callable[[RestExchange], bool] = lambda _: True) -> None:
        """Start without findings.

        Args:
            requests: Tells whether to validate a request. Tests send invalid ones on purpose.
        """
        description()
        self._requests = requests
        self.found: list[str] = []
        self.rest = 0
        self.events = 0

    def __call__(self, observation: Observation) -> None:
        """Validate an exchange or an event."""
        try:
            if isinstance(observation, RestExchange):
                self._check_exchange(observation)
            elif observation.sent:
                self._check_event(observation)
        except Exception as error:
            # An observer's exception is only logged, so it has to be a finding too.
            self.found.append(f"the judge failed: {type(error).__name__}: {error}")
            raise

    def _check_exchange(self, exchange: RestExchange) -> None:
        where = f"{exchange.method} {exchange.template}"
        if _departure(where, "") is not None:
            return
        path = description()["paths"].get(exchange.template, {})
        operation = path.get(exchange.method.lower())
        if operation is None:
            self.found.append(f"{where}: not described")
            return
        self.rest += 1
        if self._requests(exchange):
            self._check_request(where, operation, exchange)
        self._check_answer(where, operation, exchange)

    def _check_request(self, where: str, operation: dict[str, Any], exchange: RestExchange) -> None:
        known = {
            each["name"]: each["schema"] for each in operation.get("parameters", ()) if each["in"] == "query"
        }
        for name, value in exchange.query.items():
            if name not in known:
                self.found.append(f"{where}: query {name} is not described")
            else:
                self._check(f"{where}: query {name}", known[name], _typed(known[name], value))
        body = operation.get("requestBody")
        files_alone = exchange.files and exchange.request is None
        if body is not None and not files_alone and (exchange.request is not None or body.get("required")):
            request = _without_departures(where, exchange.request, answers=False)
            self._check(f"{where}: request", body["content"][JSON]["schema"], request)

    def _check_answer(self, where: str, operation: dict[str, Any], exchange: RestExchange) -> None:
        responses = operation["responses"]
        status = str(exchange.status)
        response = responses.get(status) or responses.get(f"{status[0]}XX")
        if response is None:
            if exchange.status < 500:
                self.found.append(f"{where}: {status} is not described")
            return
        if "$ref" in response:
            response = description()["components"]["responses"][response["$ref"].rsplit("/", 1)[1]]
        content = response.get("content", {}).get(JSON)
        if content is None:
            if exchange.answer is not None:
                self.found.append(f"{where}: {status} has a body")
            return
        answer = _without_departures(where, exchange.answer, answers=True)
        self._check(f"{where}: {status} answer", content["schema"], answer)

    def _check_event(self, frame: GatewayFrame) -> None:
        name = frame.payload.get("t")
        if name not in EVENTS:
            return
        part, schema = EVENTS[name]
        data = _without_departures(name, frame.payload["d"], answers=True)
        if part and part not in data:
            return
        self.events += 1
        wanted = COMPOSED_SCHEMAS.get(schema) or {"$ref": f"#/components/schemas/{schema}"}
        self._check(f"{name}: event", wanted, data[part] if part else data)

    def _check(self, what: str, schema: dict[str, Any], value: object) -> None:
        self.found += [f"{what}{path}: {message}" for path, message in problems(schema, value)]

    def verdict(self) -> str:
        """Return the distinct findings, one line each. Empty where there are none."""
        return "\n".join(dict.fromkeys(self.found))


def _departure(where: str, at: str, *, answers: bool = False) -> Departure | None:
    """Return the departure for a field, or for a whole route, None where there is none."""
    known = (each for each in DEPARTURES if each.where in {"*", where} and (each.answers or not answers))
    return next((each for each in known if re.fullmatch(each.at, at)), None)


def _without_departures(where: str, value: Any, at: str = "", *, answers: bool) -> Any:
    """Return a request, an answer or an event with its known departures converted."""
    if isinstance(value, dict):
        return {
            key: _without_departures(where, each, f"{at}/{key}", answers=answers)
            for key, each in value.items()
        }
    if isinstance(value, list):
        return [
            _without_departures(where, each, f"{at}/{number}", answers=answers)
            for number, each in enumerate(value)
        ]
    departure = _departure(where, at, answers=answers)
    return value if departure is None or value is None else departure.becomes(value)


def _typed(schema: dict[str, Any], value: str) -> Any:
    """Convert a query parameter to the type of its schema."""
    if schema.get("type") == "integer" and value.lstrip("-").isdigit():
        return int(value)
    if schema.get("type") == "boolean" and value.lower() in {"true", "false", "1", "0"}:
        return value.lower() in {"true", "1"}
    return value
