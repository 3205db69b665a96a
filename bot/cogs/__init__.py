"""One file for each thing that people do."""

EXTENSIONS = (
    "bot.cogs.ask",
    "bot.cogs.errors",
    "bot.cogs.match",
    "bot.cogs.posts",
    "bot.cogs.preferences",
    "bot.cogs.threads",
)
"""What the client loads at its start; each has a `setup(client)`."""
