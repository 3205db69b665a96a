"""Conversations about pictures: in threads of the bot's, or in place by replies."""
