"""`python -m bot.playground`: a pocket Discord alone, for development."""

import argparse
import asyncio
import contextlib
from pathlib import Path

from bot.playground.server import PocketDiscord, serve


def main() -> None:
    """Read the arguments and serve until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("data/playground"), help="the folder for its data")
    parser.add_argument("--port", type=int, default=8420)
    arguments = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(arguments.data, port=arguments.port, started=_say))


def _say(discord: PocketDiscord) -> None:
    print(f"A pocket Discord: {discord.url}/playground/session")  # noqa: T201


if __name__ == "__main__":
    main()
