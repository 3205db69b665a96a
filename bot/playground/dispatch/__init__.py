"""Dispatch of events to gateway sessions, by visibility, intents and shard."""
