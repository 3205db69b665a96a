"""Discord: what people see and press. Knows discord.py and the handlers."""
