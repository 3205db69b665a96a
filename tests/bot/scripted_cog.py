"""A cog with one command, `/try`, whose work a test controls through `scripted_command`."""

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
    async def try_command(self, interaction: discord.Interaction, words: str, private: bool = False) -> None:
        if words == "bad":
            raise UserError("Those are bad words: choose others.")
        if words == "bug":
            raise ZeroDivisionError(words)
        await self._client.interactions.run(interaction, "try", {"words": words}, private=private)

    async def _perform(self, context: CommandContext) -> OutgoingMessage:
        scripted_command.current.calls.append(context)
        context.watch(scripted_command.current)
        await context.settle(seen=True)
        await scripted_command.current.gate.wait()

        async def count_cleanup() -> None:
            scripted_command.current.cleanups += 1

        context.cleanup(count_cleanup)
        if scripted_command.current.error is not None:
            raise scripted_command.current.error
        return OutgoingMessage(f"@everyone {context.request.arguments['words']}")


async def setup(client: Beholder) -> None:
    await client.add_cog(ScriptedCog(client))
