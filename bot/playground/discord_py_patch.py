"""Make discord.py connect to another server than Discord.

discord.py has its addresses in three class attributes. It gets all others from the server.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import yarl
from discord import asset, gateway, http


def point_discord_at(api: str, gateway_url: str) -> None:
    """Make every discord.py client of this process use another server.

    Args:
        api: The base URL of the REST API, ending in `/api/v10`.
        gateway_url: The gateway's WebSocket address.
    """
    http.Route.BASE = api
    gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(gateway_url)
    asset.Asset.BASE = str(yarl.URL(api).origin())


@contextmanager
def discord_at(api: str, gateway_url: str) -> Iterator[None]:
    """Use another server until the block ends, then the one before. For tests."""
    before = http.Route.BASE, gateway.DiscordWebSocket.DEFAULT_GATEWAY, asset.Asset.BASE
    point_discord_at(api, gateway_url)
    try:
        yield
    finally:
        http.Route.BASE, gateway.DiscordWebSocket.DEFAULT_GATEWAY, asset.Asset.BASE = before
