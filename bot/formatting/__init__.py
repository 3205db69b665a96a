"""What the bot says, as text of Discord messages."""
