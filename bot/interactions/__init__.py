"""Slash commands, message menus and buttons: from an interaction to its one visible outcome."""
