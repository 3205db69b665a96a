"""Conversations: their history in Redis, the prompt made from it, and the answer. No discord, no torch."""
