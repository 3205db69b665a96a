"""Discord's rate limits: a window for each route and channel, and one for all requests together.

Discord publishes no numbers; these are what was seen of it, and clients must read the headers.
"""

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass, field

DEFAULT_LIMIT = (50, 1.0)
"""Requests in seconds for a route without a limit of its own, so that the global one bites first."""

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
"""Requests in seconds by route. Source: headers that bot authors have reported."""

SWEEP_ABOVE = 1000

GLOBAL_LIMIT = (50, 1.0)
"""Source: Discord's reference, "Rate limits": 50 requests a second for each bot."""


@dataclass
class Rates:
    """What applies. Change the fields at any time.

    Attributes:
        enabled: Whether requests are ever refused. The headers are sent all the same.
        members: Whether people are held to the limits too, and not only the bot.
        routes: Requests in seconds by `METHOD template`.
        default: The limit of every other route.
        global_limit: The limit of all routes together.
    """

    enabled: bool = True
    members: bool = False
    routes: dict[str, tuple[int, float]] = field(default_factory=lambda: dict(SEEN))
    default: tuple[int, float] = DEFAULT_LIMIT
    global_limit: tuple[int, float] = GLOBAL_LIMIT


@dataclass
class Window:
    """A stretch of time in which so many requests are allowed. Times are the clock's seconds."""

    limit: int
    ends: float
    used: int = 0


@dataclass(frozen=True)
class RateLimitResult:
    """Whether a request goes through, and the headers that say where its bucket stands."""

    headers: dict[str, str]
    retry_after: float | None = None
    is_global: bool = False


class RateLimits:
    """The windows of every user."""

    def __init__(self, rates: Rates, clock: Callable[[], float]) -> None:
        self.rates = rates
        self._clock = clock
        self._windows: dict[tuple[int, str], Window] = {}

    def check(self, user_id: int, route: str, major: str, *, member: bool = False) -> RateLimitResult:
        """Count a request and decide about it.

        Args:
            user_id: Who asks, 0 for a webhook's token: those don't count towards the limit of all together.
            route: `METHOD template`.
            major: The channel, server or webhook that the bucket is for.
            member: Whether a person asks, not the bot.
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
        """Return the window that runs now, a new one where the last is over."""
        window = self._windows.get((user_id, key))
        if window is None or window.ends <= self._clock():
            self._sweep()
            window = self._windows[user_id, key] = Window(limit, self._clock() + seconds)
        return window

    def _sweep(self) -> None:
        """Forget windows that are over, once there are many."""
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
