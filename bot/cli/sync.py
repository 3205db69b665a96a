"""`beholder sync`: register the commands with Discord, whether they have changed or not."""

import asyncio
import sys

from bot.cli.bot import LOGIN_MISSING, MISCONFIGURED, StartupError, redis_for, startup_errors, use_playground
from bot.client import Beholder
from bot.command_sync import sync
from bot.settings import BotSettings


class Registrar(Beholder):
    """The bot with all its commands, without a gateway connection. The bot itself may run at the same time.

    Attributes:
        registered: The number of commands that were registered.
    """

    registered = 0

    @property
    def _queue_name(self) -> str:
        return f"{super()._queue_name}-sync"

    async def _sync(self) -> None:
        registered = await sync(self.tree, self.redis, self.application_id or 0, always=True)
        self.registered = len(registered or ())


async def run_sync(settings: BotSettings) -> int:
    """Register the commands with Discord. Idempotent.

    Args:
        settings: The bot's settings.

    Returns:
        The number of commands.

    Raises:
        StartupError: There is no token, or Discord or Redis cannot be used.
    """
    if settings.token is None:
        raise StartupError(LOGIN_MISSING, MISCONFIGURED)
    use_playground(settings)
    async with redis_for(settings) as url:
        client = Registrar(settings, url, content=False)
        try:
            with startup_errors(client):
                await client.login(settings.token.get_secret_value())
        finally:
            await client.close()
        return client.registered


def main() -> int:
    """Register the commands, and print the result.

    Returns:
        The exit code.
    """
    try:
        registered = asyncio.run(run_sync(BotSettings()))
    except StartupError as error:
        print(f"beholder: {error}", file=sys.stderr)
        return error.code
    print(f"Registered {registered} commands with Discord; clients show them once they are reloaded.")
    return 0
