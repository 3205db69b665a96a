"""Discord's clock, from the Date header of its answers: ids and interactions carry its time, not ours."""

from email.utils import parsedate_to_datetime
from types import SimpleNamespace

import aiohttp

from inference.clock import ServerClock

TOLERANCE_S = 3.0
"""Seconds by which this machine's clock may differ: the header has whole seconds, and takes its time."""


def discord_clock(trace: aiohttp.TraceConfig) -> ServerClock:
    """Make a clock that learns from the answers to a client's requests, by the trace of its HTTP session."""
    clock = ServerClock(TOLERANCE_S)

    async def on_request_end(
        _: aiohttp.ClientSession, __: SimpleNamespace, end: aiohttp.TraceRequestEndParams
    ) -> None:
        try:
            clock.learn(parsedate_to_datetime(end.response.headers["Date"]).timestamp())
        except (KeyError, ValueError, TypeError):
            return

    trace.on_request_end.append(on_request_end)
    return clock
