"""Captions: of posted pictures, in channels that have them on, in DMs, and where the bot is mentioned."""
