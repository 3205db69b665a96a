"""The bot's features without Discord and without torch: captions, answers, matches and chat about images."""
