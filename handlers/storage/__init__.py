"""The bot's state in Redis, except for conversations: open requests, read cursors, tokens, settings."""
