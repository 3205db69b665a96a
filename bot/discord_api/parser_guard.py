"""A gateway event that discord.py cannot read costs that event, and not the connection.

discord.py lets what its parsers raise end the client. Discord's own events are well formed; those of servers
that others wrote may not be.
"""

import logging
from collections.abc import Callable
from typing import Any, Final

import discord

from inference.errors import error_place

log = logging.getLogger(__name__)

NEEDED: Final = frozenset({"READY", "RESUMED"})
"""Events without which there is no session: an error in one ends the connection, and the next is tried."""


def guard_parsers(client: discord.Client) -> None:
    """Have a client log and skip the events that it cannot read. Call it before it connects.

    Of an edit, the message itself can be read instead: `unreadable_message_edit` is dispatched, with the ids
    of its channel and of the message.
    """
    parsers = client._connection.parsers  # noqa: SLF001 - discord.py has no hook for this
    for name, parse in list(parsers.items()):
        if name not in NEEDED:
            parsers[name] = _guarded(client, name, parse)


def _guarded(client: discord.Client, name: str, parse: Callable[[Any], None]) -> Callable[[Any], None]:
    def guarded(data: Any) -> None:  # noqa: ANN401 - the payload of an event
        try:
            parse(data)
        except Exception as error:  # noqa: BLE001 - whatever it is, the next event can be read
            if name == "MESSAGE_UPDATE" and _has_ids(data):
                client.dispatch("unreadable_message_edit", int(data["channel_id"]), int(data["id"]))
                return
            # Its ids may help to find it; what members wrote stays out of the log.
            ids = {key: data.get(key) for key in ("id", "channel_id")} if isinstance(data, dict) else {}
            shown = ", ".join(f"{key} {value}" for key, value in ids.items() if str(value).isdecimal())
            log.error("gateway: %s (%s) cannot be read: %s", name, shown or "no ids", error_place(error))  # noqa: TRY400

    return guarded


def _has_ids(data: Any) -> bool:  # noqa: ANN401 - the payload of an event
    return isinstance(data, dict) and all(str(data.get(key)).isdecimal() for key in ("id", "channel_id"))
