"""The features, an extension each (`bot.client.EXTENSIONS`). They do not import each other: see `get_cog`."""
