"""Interactions: commands, components and modals, from a user to the application, and its responses."""
