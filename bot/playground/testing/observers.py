"""Observers: callbacks for each REST exchange and each gateway frame."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bot.playground.state.records import Json

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RestExchange:
    """One API request with its answer.

    Attributes:
        user_id: The caller, None without a valid token.
        method: The HTTP method.
        template: The path template as in Discord's description, for example `/channels/{channel_id}`.
        path: The request's path, without `/api/v10`.
        query: The query parameters.
        request: The JSON body, or a multipart body's `payload_json`.
        files: The names of a multipart body's file fields.
        status: The answer's status.
        answer: The answer's JSON body.
        seconds: Duration of the request.
    """

    user_id: int | None
    method: str
    template: str
    path: str
    query: dict[str, str]
    request: Any
    files: tuple[str, ...]
    status: int
    answer: Any
    seconds: float


@dataclass(frozen=True)
class GatewayFrame:
    """One gateway payload, `{op, d, s, t}`, sent to a user's client or received from it."""

    user_id: int | None
    sent: bool
    payload: Json


Observation = RestExchange | GatewayFrame
Observer = Callable[[Observation], None]


class Observers(list[Observer]):
    """The callbacks, called in order. An exception of one is logged and doesn't affect the others."""

    def notify(self, observation: Observation) -> None:
        """Call all observers."""
        for observer in list(self):
            try:
                observer(observation)
            except Exception:
                log.exception("Observer failed")
