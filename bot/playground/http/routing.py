"""REST routing: authenticate a request, apply faults and rate limits, call its handler, send the answer."""

import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from aiohttp import web

from bot.playground.errors import ApiError, ErrorCode, field_error
from bot.playground.forms.base import Form
from bot.playground.forms.body import Body, Upload, read_body
from bot.playground.pocket import Pocket
from bot.playground.ratelimits import RateLimitResult
from bot.playground.state.permissions import Permission
from bot.playground.state.records import Channel, Guild, Message, User
from bot.playground.testing.faults import Fault, FaultKind
from bot.playground.testing.observers import RestExchange

M = TypeVar("M", bound=Form)

MAJOR_PARAMETERS = ("channel_id", "guild_id", "webhook_id", "webhook_token")


class ConnectionAborted(Exception):
    """Raised to abort the connection, where a fault says so."""


@dataclass(frozen=True)
class Reply:
    """A handler's answer with a status of its own."""

    status: int
    body: Any = None


@dataclass
class Call:
    """One API request as its handler gets it.

    Attributes:
        pocket: The pocket Discord.
        params: Path parameters.
        query: Query parameters.
        body: The parsed body.
        caller: The authenticated user, None without a token.
    """

    pocket: Pocket
    params: dict[str, str]
    query: dict[str, str]
    body: Body
    caller: User | None

    @property
    def user(self) -> User:
        """The authenticated user.

        Raises:
            ApiError: There is no valid token.
        """
        if self.caller is None:
            raise ApiError(ErrorCode.UNAUTHORIZED)
        return self.caller

    @property
    def uploads(self) -> dict[int, Upload]:
        """The uploaded files by number."""
        return self.body.uploads

    def form(self, model: type[M]) -> M:
        """Return the body as a form.

        Raises:
            ApiError: It is invalid.
        """
        return self.body.read_as(model)

    def id(self, name: str) -> int:
        """Return an id from the path. `@me` is the caller's.

        Raises:
            ApiError: It is no snowflake.
        """
        value = self.params[name]
        if value == "@me":
            return self.user.id
        if not value.isdigit():
            raise field_error((name,), f'Value "{value}" is not snowflake.')
        return int(value)

    def int_query(self, name: str, default: int, least: int, most: int) -> int:
        """Return an integer from the query.

        Raises:
            ApiError: It is no integer, or out of bounds.
        """
        text = self.query.get(name, str(default))
        if not text.isdigit() or not least <= int(text) <= most:
            raise field_error((name,), f"int value should be between {least} and {most}.")
        return int(text)

    def channel(self, needed: int = 0, *, name: str = "channel_id") -> Channel:
        """Return the path's channel, if the caller can see it and has the permissions `needed`.

        Raises:
            ApiError: There is no such channel, or the caller lacks a permission.
        """
        return self.channel_by_id(self.id(name), needed)

    def channel_by_id(self, channel_id: int, needed: int = 0) -> Channel:
        """Return a channel by id, as `channel` does."""
        channel = self.pocket.world.channels.get(channel_id)
        if channel is None:
            raise ApiError(ErrorCode.UNKNOWN_CHANNEL)
        bits = self.pocket.world.permissions(channel, self.user.id)
        if not bits & Permission.VIEW_CHANNEL:
            raise ApiError(ErrorCode.MISSING_ACCESS)
        if needed & ~bits:
            raise ApiError(ErrorCode.MISSING_PERMISSIONS)
        return channel

    def has_permissions(self, channel: Channel, needed: int) -> bool:
        """Tell whether the caller has all permissions of a bit set in a channel."""
        return not needed & ~self.pocket.world.permissions(channel, self.user.id)

    def message(self, channel: Channel) -> Message:
        """Return the path's message, if it is visible to the caller.

        Raises:
            ApiError: There is no such message.
        """
        message = self.pocket.world.message(channel.id, self.id("message_id"))
        if message is None or message.ephemeral_to not in {None, self.user.id}:
            raise ApiError(ErrorCode.UNKNOWN_MESSAGE)
        return message

    def guild(self) -> Guild:
        """Return the path's guild, if the caller is a member.

        Raises:
            ApiError: There is no such guild, or the caller is no member.
        """
        guild = self.pocket.world.guilds.get(self.id("guild_id"))
        if guild is None:
            raise ApiError(ErrorCode.UNKNOWN_GUILD)
        if self.user.id not in guild.members:
            raise ApiError(ErrorCode.MISSING_ACCESS)
        return guild


Handler = Callable[[Call], Awaitable[Any]]


@dataclass(frozen=True)
class Route:
    """A handler with its method and path template.

    Attributes:
        public: Whether it needs no Authorization header.
        limited: Whether rate limits apply.
    """

    method: str
    template: str
    handler: Handler
    public: bool = False
    limited: bool = True


class Routes(list[Route]):
    """The routes of one module, in the order in which they were added."""

    def add(
        self, method: str, template: str, *, public: bool = False, limited: bool = True
    ) -> Callable[[Handler], Handler]:
        """Register the decorated handler.

        A handler returns JSON for 200, None for 204, or a `Reply`.
        """

        def register(handler: Handler) -> Handler:
            self.append(Route(method, template, handler, public, limited))
            return handler

        return register


VIA = "1.1 pocket"
"""The Via header, by which discord.py knows an answer of the API's."""


@dataclass
class Exchange:
    """What is known of a request while it is answered, for observers."""

    started: float = field(default_factory=time.perf_counter)
    caller: User | None = None
    body: Body = field(default_factory=Body)
    headers: dict[str, str] = field(default_factory=dict)
    via: str = VIA


class Endpoint:
    """The aiohttp handler of one route."""

    def __init__(self, pocket: Pocket, route: Route) -> None:
        self._pocket = pocket
        self._route = route

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        """Answer a request, or abort its connection where a fault says so."""
        exchange = Exchange()
        try:
            reply = await self._answer_or_error(request, exchange)
        except ConnectionAborted:
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=500)
        self._observe(request, exchange, reply)
        return respond(reply, exchange.headers, exchange.via)

    async def _answer_or_error(self, request: web.Request, exchange: Exchange) -> Reply:
        try:
            return await self._answer(request, exchange)
        except ApiError as error:
            return Reply(error.status, error.body)

    async def _answer(self, request: web.Request, exchange: Exchange) -> Reply:
        exchange.caller = caller = self._authenticate(request)
        fault = self._fault(caller)
        if fault is not None and fault.kind is not FaultKind.CUT_AFTER:
            exchange.body = await read_body(request, self._pocket.limits)
            return self._apply_fault(fault, exchange)
        limit = self._check_rate_limit(request, caller)
        exchange.headers |= limit.headers
        exchange.body = await read_body(request, self._pocket.limits)
        if limit.retry_after is not None:
            return _too_many(limit)
        call = Call(self._pocket, dict(request.match_info), dict(request.query), exchange.body, caller)
        answer = await self._route.handler(call)
        if fault is not None:
            raise ConnectionAborted
        if isinstance(answer, Reply):
            return answer
        return Reply(204) if answer is None else Reply(200, answer)

    def _authenticate(self, request: web.Request) -> User | None:
        header = request.headers.get("Authorization")
        user = self._pocket.world.user_by_authorization(header) if header else None
        if user is None and not self._route.public:
            raise ApiError(ErrorCode.UNAUTHORIZED)
        return user

    def _fault(self, caller: User | None) -> Fault | None:
        """Return the fault to apply to this request, None for users other than the bot."""
        if caller is not None and not caller.bot:
            return None
        return self._pocket.faults.take(self._route.method, self._route.template)

    def _apply_fault(self, fault: Fault, exchange: Exchange) -> Reply:
        if fault.kind is FaultKind.CUT_BEFORE:
            raise ConnectionAborted
        if fault.kind is FaultKind.REFUSED:
            exchange.via = ""
            exchange.headers["Retry-After"] = str(fault.retry_after_s)
            body = {"message": "You are being blocked from accessing our API temporarily.", "code": 0}
            return Reply(429, body | {"retry_after": fault.retry_after_s, "global": False})
        return Reply(fault.status, {"message": f"{fault.status}: Internal Server Error", "code": 0})

    def _check_rate_limit(self, request: web.Request, caller: User | None) -> RateLimitResult:
        if not self._route.limited:
            return RateLimitResult({})
        major = "/".join(request.match_info.get(name, "") for name in MAJOR_PARAMETERS)
        return self._pocket.rates.check(
            caller.id if caller else 0,
            f"{self._route.method} {self._route.template}",
            major,
            member=caller is not None and not caller.bot,
        )

    def _observe(self, request: web.Request, exchange: Exchange, reply: Reply) -> None:
        self._pocket.observers.notify(
            RestExchange(
                user_id=exchange.caller.id if exchange.caller else None,
                method=self._route.method,
                template=self._route.template,
                path=request.path.removeprefix("/api/v10"),
                query=dict(request.query),
                request=exchange.body.json,
                files=tuple(f"files[{number}]" for number in exchange.body.uploads),
                status=reply.status,
                answer=reply.body,
                seconds=time.perf_counter() - exchange.started,
            )
        )


def respond(reply: Reply, headers: dict[str, str], via: str = VIA) -> web.Response:
    """Build the HTTP response, with the content type and the Via header that discord.py expects.

    Args:
        reply: The answer.
        headers: Its other headers.
        via: Empty: the answer is not the API's, and has no such header.
    """
    headers = headers | ({"Via": via} if via else {})
    if reply.body is None:
        return web.Response(status=reply.status, headers=headers)
    headers["Content-Type"] = "application/json"
    return web.Response(status=reply.status, headers=headers, body=json.dumps(reply.body).encode())


def _too_many(limit: RateLimitResult) -> Reply:
    return Reply(
        429,
        {
            "message": "You are being rate limited.",
            "code": 0,
            "retry_after": limit.retry_after,
            "global": limit.is_global,
        },
    )
