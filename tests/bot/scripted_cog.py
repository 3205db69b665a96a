"""A cog with one command whose work the test steers."""

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import Beholder
from bot.discord_api.outgoing import OutgoingMessage
from bot.errors import UserError
from bot.interactions.dispatcher import CommandContext
from tests.bot import scripted_command


class ScriptedCog(commands.Cog):
    def __init__(self, client: Beholder) -> None:
        self._client = client
        client.interactions.register("try", self._perform, task="caption")

    @app_commands.command(name="try", description="Try")
    async def trial(self, interaction: discord.Interaction, words: str, private: bool = False) -> None:
        if words == "bad":
            raise UserError("Those are bad words: choose others.")
        if words == "bug":
            raise ZeroDivisionError(words)
        await self._client.interactions.run(interaction, "try", {"words": words}, private=private)

    async def _perform(self, call: CommandContext) -> OutgoingMessage:
        scripted_command.current.calls.append(call)
        call.watch(scripted_command.current)
        await call.settle(seen=True)
        await scripted_command.current.gate.wait()

        async def clear() -> None:
            scripted_command.current.cleared += 1

        call.cleanup(clear)
        if scripted_command.current.wrong is not None:
            raise scripted_command.current.wrong
        return OutgoingMessage(f"@everyone {call.request.arguments['words']}")


async def setup(client: Beholder) -> None:
    await client.add_cog(ScriptedCog(client))
