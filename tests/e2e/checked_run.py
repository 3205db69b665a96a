"""`python -m tests.e2e.checked_run FILE run`: `beholder run`, checked against Discord's description.

FILE has the judge's counts and findings after each exchange, so that a SIGKILL doesn't lose them.
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
    """A pocket Discord whose traffic is checked.

    Attributes:
        file: The file for the judge's findings.
    """

    file: Path

    async def start(self) -> None:
        """Start, with a judge as an observer."""
        await super().start()
        judge = Judge(requests=self._is_checked)

        def watch(observation: Observation) -> None:
            judge(observation)
            new = self.file.with_suffix(".new")
            new.write_text(json.dumps({"rest": judge.rest, "events": judge.events, "found": judge.found}))
            new.replace(self.file)

        self.observers.append(watch)

    def _is_checked(self, exchange: RestExchange) -> bool:
        """Tell whether to check a request: all of the bot's, and others' where they were accepted."""
        return exchange.user_id in {None, self.world.bot.id} or exchange.status < 300


if __name__ == "__main__":
    WatchedDiscord.file = Path(sys.argv[1])
    with patch("bot.cli.run.PocketDiscord", WatchedDiscord):
        sys.exit(main(sys.argv[2:]))
