"""What the bot does with a picture: one file for each capability. No discord, no torch."""
