"""One gate before all requests to Discord: it closes while Discord refuses this address.

discord.py waits by itself for a rate limit that Discord's API states. A refusal by what stands before the
API (Cloudflare: a 429 without a `Via` header) it raises at once, and each request would be tried again on its
own.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from types import SimpleNamespace

import aiohttp

log = logging.getLogger(__name__)

REFUSED = frozenset({401, 403, 429})
WINDOW_S = 600.0
BANNED_AT = 10_000
"""Answers with a status of `REFUSED` in `WINDOW_S` after which Discord bans an address; 429 with the scope
`shared` do not count. Source: Discord's reference, "Invalid Request Limit"."""
MAX_REFUSALS = BANNED_AT // 2
"""From so many on, requests wait until the oldest refusal is out of the window."""
DEFAULT_RETRY_S = 5.0
"""Seconds for which the gate is closed by a refusal that names none."""
MAX_RETRY_S = 3600.0


class RefusalGate:
    """Lets requests through, unless Discord has said when to come back; then one at first, to try.

    Args:
        clock: Seconds on a clock that never goes back.
        max_refusals: Refusals in `WINDOW_S` from which on requests wait.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, *, max_refusals: int = MAX_REFUSALS
    ) -> None:
        self._clock = clock
        self._max_refusals = max_refusals
        self._refusals: deque[float] = deque()
        self._closed_until = 0.0
        self._closed_since: float | None = None
        self._trial: asyncio.Event | None = None
        """Set when the request that tries whether Discord takes requests again has its answer."""

    def add_to(self, trace: aiohttp.TraceConfig) -> None:
        """Have the requests of a client pass the gate, by the trace of its HTTP session."""
        trace.on_request_start.append(self._on_request_start)
        trace.on_request_end.append(self._on_request_end)
        trace.on_request_exception.append(self._on_request_exception)

    @property
    def refusals(self) -> int:
        """The refusals that count toward a ban now."""
        now = self._clock()
        while self._refusals and self._refusals[0] <= now - WINDOW_S:
            self._refusals.popleft()
        return len(self._refusals)

    @property
    def closed_for_s(self) -> float:
        """Seconds for which no request is sent; 0.0 where they are."""
        until = self._closed_until
        if self.refusals >= self._max_refusals:
            until = max(until, self._refusals[0] + WINDOW_S)
        return max(0.0, until - self._clock())

    async def wait(self) -> bool:
        """Wait until a request may be sent.

        Returns:
            Whether it tries for the others, which wait until `answered` is called for it.
        """
        while True:
            if (seconds := self.closed_for_s) > 0:
                await asyncio.sleep(seconds)
            elif self._trial is not None:
                await self._trial.wait()
            elif self._closed_since is not None:
                self._trial = asyncio.Event()
                return True
            else:
                return False

    def answered(self, status: int | None, headers: Mapping[str, str], *, trial: bool) -> None:
        """Take in the answer to a request.

        Args:
            status: Its status; None: there was none.
            headers: Its headers.
            trial: Whether it tried for the others.
        """
        now = self._clock()
        if status in REFUSED and headers.get("X-RateLimit-Scope") != "shared":
            self._refusals.append(now)
            if len(self._refusals) % 1000 == 0:
                log.warning("Discord has refused %d requests in %.0f s", self.refusals, WINDOW_S)
        if status == 429 and "Via" not in headers:
            self._close(now, headers)
        elif trial and status is not None:
            log.info("Discord takes requests again after %.1f s", now - (self._closed_since or now))
            self._closed_since = None
        if trial and self._trial is not None:
            self._trial.set()
            self._trial = None

    def _close(self, now: float, headers: Mapping[str, str]) -> None:
        try:
            seconds = float(headers["Retry-After"])
        except (KeyError, ValueError):
            seconds = DEFAULT_RETRY_S
        seconds = min(MAX_RETRY_S, max(0.0, seconds))
        if self._closed_since is None:
            self._closed_since = now
            log.warning("Discord refuses all requests (429): none is sent for %.1f s", seconds)
        self._closed_until = max(self._closed_until, now + seconds)

    async def _on_request_start(
        self, _: aiohttp.ClientSession, context: SimpleNamespace, __: aiohttp.TraceRequestStartParams
    ) -> None:
        context.trial = await self.wait()

    async def _on_request_end(
        self, _: aiohttp.ClientSession, context: SimpleNamespace, end: aiohttp.TraceRequestEndParams
    ) -> None:
        self.answered(end.response.status, end.response.headers, trial=context.trial)

    async def _on_request_exception(
        self, _: aiohttp.ClientSession, context: SimpleNamespace, __: aiohttp.TraceRequestExceptionParams
    ) -> None:
        self.answered(None, {}, trial=getattr(context, "trial", False))
