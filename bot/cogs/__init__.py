"""One file for each thing that people do."""

EXTENSIONS = ("bot.cogs.posts",)
"""What the client loads at its start; each has a `setup(client)`."""
