"""Messages on their way in: from the gateway, or found in the channels after the bot was away."""
