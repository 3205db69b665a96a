"""Sending, editing and deleting messages, and what they are made of."""
