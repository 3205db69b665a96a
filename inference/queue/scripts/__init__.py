"""What must happen at once in Redis: scripts in Lua, each a file beside this one.

Every script gets the same KEYS (`Keys.for_scripts`), to which `common.lua` gives names; ids and streams that
a script needs besides come in ARGV. Keys are made inside the scripts, so this is for one Redis server, not
for a cluster.
"""

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal

from inference.queue.connection import Client, translated
from inference.queue.keys import Keys

if TYPE_CHECKING:
    from redis.commands.core import AsyncScript

Name = Literal[
    "abandoned",
    "attempt",
    "beat",
    "begin",
    "claim",
    "close",
    "delta",
    "finish",
    "groups",
    "leave",
    "position",
    "ready",
    "renew",
    "reserve",
    "stop",
    "submit",
    "take",
]


@cache
def source(name: str) -> str:
    """Read a script with what it shares with the others before it."""
    folder = files(__package__)
    return "\n".join((folder / f"{part}.lua").read_text() for part in ("common", name))


class Scripts:
    """The scripts on one server and with one set of keys.

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
            What it returns: nested lists of bytes and integers, None for Lua's false.

        Raises:
            QueueUnavailable: Redis went away, does not answer, or refuses.
        """
        if name not in self._scripts:
            self._scripts[name] = self._redis.register_script(source(name))
        async with translated():
            return await self._scripts[name](keys=self._keys, args=list(arguments))
