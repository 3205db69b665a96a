"""What the bot keeps in Redis besides conversations: open requests, read cursors, tokens, settings."""
