"""`beholder`, with Discord's description watching its pocket Discord: `python -m tests.e2e.judged FILE run`.

What the judge has seen and found by now stands in FILE, whatever kills the process.
"""

import json
import sys
from pathlib import Path
from unittest.mock import patch

from bot.__main__ import main
from bot.playground.server import PocketDiscord
from bot.playground.testing.observers import Observation, RestExchange
from tests.openapi import Judge


class WatchedDiscord(PocketDiscord):
    """A pocket Discord with a judge.

    Attributes:
        file: Where the judge's findings go.
    """

    file: Path

    async def start(self) -> None:
        """Listen, with the judge among the observers."""
        await super().start()
        judge = Judge(requests=self._is_checked)

        def watch(observation: Observation) -> None:
            judge(observation)
            new = self.file.with_suffix(".new")
            new.write_text(json.dumps({"rest": judge.rest, "events": judge.events, "found": judge.found}))
            new.replace(self.file)

        self.observers.append(watch)

    def _is_checked(self, exchange: RestExchange) -> bool:
        """What the bot asks for has to fit even where it is refused."""
        return exchange.user_id in {None, self.world.bot.id} or exchange.status < 300


if __name__ == "__main__":
    WatchedDiscord.file = Path(sys.argv[1])
    with patch("bot.cli.run.PocketDiscord", WatchedDiscord):
        sys.exit(main(sys.argv[2:]))
