"""A discord.py application with each kind of command, component and response."""

import io
from typing import Any

import discord
from discord import app_commands

from tests.bot.playground.discord_py_client import Bot


class Choosing(discord.ui.View):
    """Buttons and selects, each with another kind of response."""

    @discord.ui.button(label="Again", custom_id="again")
    async def again(self, interaction: discord.Interaction, _: Any) -> None:
        await interaction.response.edit_message(content="pressed", view=None)

    @discord.ui.button(label="Tell", custom_id="tell")
    async def tell(self, interaction: discord.Interaction, _: Any) -> None:
        await interaction.response.send_modal(Telling())

    @discord.ui.button(label="Off", custom_id="off", disabled=True)
    async def off(self, interaction: discord.Interaction, _: Any) -> None: ...

    @discord.ui.select(
        custom_id="pick",
        options=[discord.SelectOption(label=each) for each in ("red", "blue", "green")],
        max_values=2,
    )
    async def pick(self, interaction: discord.Interaction, select: Any) -> None:
        await interaction.response.send_message(" and ".join(select.values), ephemeral=True)

    @discord.ui.select(cls=discord.ui.UserSelect, custom_id="who")
    async def who(self, interaction: discord.Interaction, select: Any) -> None:
        await interaction.response.defer()
        await interaction.followup.send(select.values[0].name)


class Telling(discord.ui.Modal, title="Tell me"):
    """A modal with a text input and a file upload."""

    text: discord.ui.Label[Any] = discord.ui.Label(
        text="What", component=discord.ui.TextInput(custom_id="text", max_length=20)
    )
    files: discord.ui.Label[Any] = discord.ui.Label(
        text="Files", component=discord.ui.FileUpload(custom_id="files", required=False)
    )

    async def on_submit(self, interaction: discord.Interaction) -> None:
        text: Any = self.text.component
        files: Any = self.files.component
        sizes = [len(await each.read()) for each in files.values]
        await interaction.response.send_message(f"{text.value} {sizes}")


def example_commands(client: Bot) -> app_commands.CommandTree[Bot]:
    """Return the command tree, not synced yet."""
    tree = app_commands.CommandTree(client)
    chat: tuple[Any, ...] = (now, later, wrong, more, show, layout, complete, repeat, take, forever)
    every: tuple[Any, ...] = (*chat, describe, greet)
    for command in every:
        tree.add_command(command)
    return tree


@app_commands.command(description="Answer at once")
async def now(interaction: discord.Interaction, private: bool = False) -> None:
    await interaction.response.send_message("at once", ephemeral=private)


@app_commands.command(description="Answer later")
async def later(interaction: discord.Interaction, image: discord.Attachment, private: bool = False) -> None:
    await interaction.response.defer(ephemeral=private, thinking=True)
    file = discord.File(io.BytesIO(await image.read()), "same.png")
    await interaction.edit_original_response(content=f"{image.width}x{image.height}", attachments=[file])


@app_commands.command(description="Say what went wrong")
async def wrong(interaction: discord.Interaction) -> None:
    await interaction.response.defer(thinking=True)
    await interaction.delete_original_response()
    await interaction.followup.send("that went wrong", ephemeral=True)


@app_commands.command(description="Follow up")
async def more(interaction: discord.Interaction) -> None:
    await interaction.response.send_message("first")
    second = await interaction.followup.send(
        "second", file=discord.File(io.BytesIO(b"x"), "x.txt"), wait=True
    )
    await second.edit(content="second, changed")
    third = await interaction.followup.send("third", wait=True)
    await third.delete()


@app_commands.command(description="Show components")
async def show(interaction: discord.Interaction) -> None:
    await interaction.response.send_message("choose", view=Choosing())


@app_commands.command(description="Show a layout")
async def layout(interaction: discord.Interaction) -> None:
    view = discord.ui.LayoutView()
    view.add_item(discord.ui.Container(discord.ui.TextDisplay("hello"), discord.ui.Separator()))
    await interaction.response.send_message(view=view)


@app_commands.command(description="Complete")
async def complete(interaction: discord.Interaction, color: str) -> None:
    await interaction.response.send_message(color)


@complete.autocomplete("color")
async def colors(_: discord.Interaction, current: str) -> list[app_commands.Choice[str]]:
    found = [each for each in ("red", "green", "blue") if each.startswith(current)]
    return [app_commands.Choice(name=each, value=each) for each in found]


@app_commands.command(description="Answer with the text of the option, as it has reached the application")
async def repeat(interaction: discord.Interaction, text: str) -> None:
    await interaction.response.send_message(text)


@app_commands.command(description="Take everything")
async def take(
    interaction: discord.Interaction,
    whole: app_commands.Range[int, 1, 5],
    number: float,
    who: discord.Member,
    role: discord.Role,
    where: discord.TextChannel,
) -> None:
    await interaction.response.send_message(f"{whole} {number} {who.name} {role.name} {where.name}")


@app_commands.context_menu(name="Describe")
async def describe(interaction: discord.Interaction, message: discord.Message) -> None:
    await interaction.response.send_message(f"{message.content} {len(message.attachments)}", ephemeral=True)


@app_commands.context_menu(name="Greet")
async def greet(interaction: discord.Interaction, user: discord.Member) -> None:
    await interaction.response.send_message(f"hello {user.name}")


@app_commands.command(description="Wait too long")
async def forever(_: discord.Interaction) -> None: ...
