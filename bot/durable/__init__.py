"""Requests that survive restarts: one registry of those that run, and replies that are sent once."""
