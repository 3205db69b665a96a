"""The queue's Lua scripts, each a file beside this one: steps that must be atomic in Redis.

Every script gets the same KEYS (`Keys.for_scripts`), which `common.lua` names; ids and streams come in ARGV.
The scripts build key names themselves, so they run on a single Redis server, not on a cluster.
"""

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal

from inference.queue.connection import Client, translated
from inference.queue.keys import Keys

if TYPE_CHECKING:
    from redis.commands.core import AsyncScript

Name = Literal[
    "announce_loading",
    "beat",
    "begin_generation",
    "cancel",
    "claim_abandoned",
    "close",
    "count_attempt",
    "ensure_groups",
    "expire",
    "finish",
    "has_abandoned",
    "hold_deadline",
    "leave",
    "loading",
    "position",
    "publish_delta",
    "renew",
    "reserve_image",
    "submit",
    "take",
    "withdraw_loading",
    "workers_ready",
]


@cache
def source(name: str) -> str:
    """Return a script's source, after that of `common.lua`."""
    folder = files(__package__)
    return "\n".join((folder / f"{part}.lua").read_text() for part in ("common", name))


class Scripts:
    """Runs the scripts on one server with one set of keys.

    Args:
        redis: For short commands; its answers are bytes.
        keys: The key names.
    """

    def __init__(self, redis: Client, keys: Keys) -> None:
        self._redis = redis
        self._keys = list(keys.for_scripts)
        self._scripts: dict[Name, AsyncScript] = {}

    async def __call__(self, name: Name, *arguments: str | bytes | float) -> Any:  # noqa: ANN401 - each its own
        """Run a script.

        Returns:
            The script's result: nested lists of bytes and integers, None for Lua's false.

        Raises:
            QueueUnavailable: Redis went away, does not answer, or refuses.
        """
        if name not in self._scripts:
            self._scripts[name] = self._redis.register_script(source(name))
        async with translated():
            return await self._scripts[name](keys=self._keys, args=list(arguments))
