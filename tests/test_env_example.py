""".env.example: every name in it is listened to, every setting is in it, and its defaults are true."""

import re
import subprocess

import pytest
from pydantic_settings import BaseSettings

from bot.settings import BotSettings, LogSettings, RunSettings, known_names, unknown_names
from inference.settings import WorkerSettings
from tests.composed import FILES, ROOT, load, variables

LINES = re.findall(r"^#?([A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE)
NAMES = [name for name, _ in LINES]
COMPOSE = {"COMPOSE_FILE"}
"""Compose's own."""
ROOMS: tuple[type[BaseSettings], ...] = (WorkerSettings, BotSettings, RunSettings, LogSettings)
LISTENED = {
    str(field.validation_alias): (room, name) for room in ROOMS for name, field in room.model_fields.items()
}


def test_no_name_is_there_twice() -> None:
    assert len(NAMES) == len(set(NAMES))


def test_every_name_is_listened_to() -> None:
    composed = set().union(*(variables(load(file)) for file in FILES))
    assert set(NAMES) <= known_names() | set(LISTENED) | composed | COMPOSE


def test_every_setting_is_in_it() -> None:
    assert known_names() | set(LISTENED) <= set(NAMES)


def test_as_it_is_it_sets_only_what_has_no_default() -> None:
    text = (ROOT / ".env.example").read_text()
    assert re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE) == [("DISCORD_TOKEN", ""), ("REDIS_PASSWORD", "")]
    assert not unknown_names({}, ROOT / ".env.example")


@pytest.mark.parametrize(("name", "shown"), [line for line in LINES if line[0] in LISTENED and line[1]])
def test_a_default_that_it_shows_is_the_default(
    name: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    room, field = LISTENED[name]
    for each in LISTENED:
        monkeypatch.delenv(each, raising=False)
    default = getattr(room(_env_file=None), field)
    monkeypatch.setenv(name, shown)
    assert getattr(room(_env_file=None), field) == default


def test_a_filled_in_copy_is_never_committed() -> None:
    ignored = subprocess.run(["git", "check-ignore", "-q", ".env"], cwd=ROOT, check=False)
    assert ignored.returncode == 0
