"""Lua scripts for changes in Redis that must be atomic, each in a file beside this one."""

from functools import cache
from importlib.resources import files
from typing import Literal

Name = Literal["accept_request", "amend_request", "edit_turn", "reset_conversation"]


@cache
def source(name: Name) -> str:
    """Return a script's source. Its header documents KEYS, ARGV and what it returns."""
    return (files(__package__) / f"{name}.lua").read_text()
