"""What watches the pocket Discord: each REST exchange and each gateway frame, as it happens."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bot.playground.state.records import Json

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RestExchange:
    """One request with its answer.

    Attributes:
        user_id: Who asked, none without a valid token.
        method: The HTTP method.
        template: The route as Discord's description writes it, for example `/channels/{channel_id}`.
        path: The path asked for, below `/api/v10`.
        query: The query's values.
        request: The JSON body, or a multipart body's `payload_json`.
        files: The names of a multipart body's file fields.
        status: The answer's status.
        answer: The answer's JSON body.
        seconds: How long it took.
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
    """One gateway payload, `{op, d, s, t}`, sent to a user's client or come from it."""

    user_id: int | None
    sent: bool
    payload: Json


Observation = RestExchange | GatewayFrame
Observer = Callable[[Observation], None]


class Observers(list[Observer]):
    """Callbacks that are told. One that fails is logged and does no harm to the others."""

    def notify(self, observation: Observation) -> None:
        """Tell every observer."""
        for observer in list(self):
            try:
                observer(observation)
            except Exception:
                log.exception("an observer failed")
