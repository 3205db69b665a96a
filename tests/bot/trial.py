"""A cog with one command whose work the test steers."""

import discord
from discord import app_commands
from discord.ext import commands

from bot.call import CommandContext, UserError
from bot.client import Beholder
from bot.original import OutgoingMessage
from tests.bot import script


class Trial(commands.Cog):
    def __init__(self, client: Beholder) -> None:
        self._client = client
        client.commanding.register("try", self._perform, task="caption")

    @app_commands.command(name="try", description="Try")
    async def trial(self, interaction: discord.Interaction, words: str, private: bool = False) -> None:
        if words == "bad":
            raise UserError("Those are bad words: choose others.")
        if words == "bug":
            raise ZeroDivisionError(words)
        await self._client.commanding.run(interaction, "try", {"words": words}, private=private)

    async def _perform(self, call: CommandContext) -> OutgoingMessage:
        script.current.calls.append(call)
        call.watch(script.current)
        await call.settle(seen=True)
        await script.current.gate.wait()

        async def clear() -> None:
            script.current.cleared += 1

        call.afterwards(clear)
        if script.current.wrong is not None:
            raise script.current.wrong
        return OutgoingMessage(f"@everyone {call.request.arguments['words']}")


async def setup(client: Beholder) -> None:
    await client.add_cog(Trial(client))
