"""discord.py, wrapped where the bot needs more than it gives: retries, edit limits, threads, messages."""
