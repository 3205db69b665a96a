"""Discord's rate limits: a bucket for each user, route and major parameter, and a global one for each user.

Discord publishes no numbers per route. These were observed; clients must read the headers.
"""

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass, field

DEFAULT_LIMIT = (50, 1.0)
"""(requests, seconds) of a route that is not in `SEEN`. The global limit is reached first."""

SEEN = {
    "POST /channels/{channel_id}/messages": (5, 5.0),
    "PATCH /channels/{channel_id}/messages/{message_id}": (5, 5.0),
    "DELETE /channels/{channel_id}/messages/{message_id}": (5, 1.0),
    "GET /channels/{channel_id}/messages": (5, 1.0),
    "GET /channels/{channel_id}/messages/{message_id}": (5, 1.0),
    "POST /channels/{channel_id}/typing": (5, 5.0),
    "PUT /channels/{channel_id}/messages/{message_id}/reactions/{emoji_name}/@me": (1, 0.25),
    "DELETE /channels/{channel_id}/messages/{message_id}/reactions/{emoji_name}/@me": (1, 0.25),
    "POST /webhooks/{webhook_id}/{webhook_token}": (5, 2.0),
    "PATCH /webhooks/{webhook_id}/{webhook_token}/messages/{message_id}": (5, 2.0),
    "PATCH /webhooks/{webhook_id}/{webhook_token}/messages/@original": (5, 2.0),
}
"""(requests, seconds) by route. Source: headers that bot authors have reported."""

SWEEP_ABOVE = 1000

GLOBAL_LIMIT = (50, 1.0)
"""(requests, seconds) of each bot on all routes together. Source: Discord's reference, "Rate limits"."""


@dataclass
class Rates:
    """The limits that apply. The fields may be changed at any time.

    Attributes:
        enabled: Whether requests over a limit are refused. The headers are sent in any case.
        members: Whether the limits apply to users too, not only to the bot.
        routes: (requests, seconds) by `METHOD template`.
        default: The limit of all other routes.
        global_limit: The limit of one user's requests on all routes together.
    """

    enabled: bool = True
    members: bool = False
    routes: dict[str, tuple[int, float]] = field(default_factory=lambda: dict(SEEN))
    default: tuple[int, float] = DEFAULT_LIMIT
    global_limit: tuple[int, float] = GLOBAL_LIMIT


@dataclass
class Window:
    """A fixed window: `limit` requests until `ends`, in seconds of the clock."""

    limit: int
    ends: float
    used: int = 0


@dataclass(frozen=True)
class RateLimitResult:
    """The decision about a request, and its X-RateLimit headers.

    Attributes:
        headers: The headers of the answer.
        retry_after: Seconds until the request may be repeated, None where it is allowed.
        is_global: Whether the global limit refused it.
    """

    headers: dict[str, str]
    retry_after: float | None = None
    is_global: bool = False


class RateLimits:
    """The current windows of all users."""

    def __init__(self, rates: Rates, clock: Callable[[], float]) -> None:
        self.rates = rates
        self._clock = clock
        self._windows: dict[tuple[int, str], Window] = {}

    def check(self, user_id: int, route: str, major: str, *, member: bool = False) -> RateLimitResult:
        """Count a request, unless it is over a limit.

        Args:
            user_id: The user, 0 for requests with a webhook token: the global limit doesn't count them.
            route: `METHOD template`.
            major: The major parameters: channel, guild or webhook.
            member: Whether the user is not the bot.
        """
        limited = self.rates.enabled and (self.rates.members or not member)
        limit, seconds = self.rates.routes.get(route, self.rates.default)
        global_window = self._window(user_id, "everything", *self.rates.global_limit)
        if limited and user_id and global_window.used >= global_window.limit:
            wait = self._left(global_window)
            return RateLimitResult(
                {"X-RateLimit-Global": "true", **_refused(wait, "global")}, wait, is_global=True
            )
        bucket = self._window(user_id, f"{route} {major}", limit, seconds)
        if limited and bucket.used >= bucket.limit:
            wait = self._left(bucket)
            return RateLimitResult(self._headers(bucket, route) | _refused(wait, "user"), wait)
        global_window.used += 1
        bucket.used += 1
        return RateLimitResult(self._headers(bucket, route))

    def _window(self, user_id: int, key: str, limit: int, seconds: float) -> Window:
        """Return the current window, a new one where the last has ended."""
        window = self._windows.get((user_id, key))
        if window is None or window.ends <= self._clock():
            self._sweep()
            window = self._windows[user_id, key] = Window(limit, self._clock() + seconds)
        return window

    def _sweep(self) -> None:
        """Drop windows that have ended, once there are many."""
        if len(self._windows) > SWEEP_ABOVE:
            now = self._clock()
            self._windows = {key: window for key, window in self._windows.items() if window.ends > now}

    def _left(self, window: Window) -> float:
        return max(0.001, round(window.ends - self._clock(), 3))

    def _headers(self, window: Window, route: str) -> dict[str, str]:
        return {
            "X-RateLimit-Limit": str(window.limit),
            "X-RateLimit-Remaining": str(max(0, window.limit - window.used)),
            "X-RateLimit-Reset": f"{window.ends:.3f}",
            "X-RateLimit-Reset-After": f"{self._left(window):.3f}",
            "X-RateLimit-Bucket": hashlib.md5(route.encode(), usedforsecurity=False).hexdigest(),
        }


def _refused(wait: float, scope: str) -> dict[str, str]:
    return {"Retry-After": str(math.ceil(wait)), "X-RateLimit-Scope": scope}
