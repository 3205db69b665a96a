"""What the bot does with a picture: captions, answers, scores, conversations. No discord, no torch."""
