"""docker-compose.yml and the Dockerfile as data, read the way Compose and the engine read them."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent
FILES = ("docker-compose.yml", "docker-compose.cpu.yml")
VARIABLE = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<name>\w+)(?::(?P<how>[-?])(?P<word>[^}]*))?\})")
"""The forms of interpolation that our files use; any other `$` fails the test that looks for them."""


class RequiredVariable(Exception):
    """`${NAME:?sentence}` where NAME is not set."""


class _Loader(yaml.SafeLoader):
    """Knows Compose's `!reset`: what the file before this one said is taken away."""


_Loader.add_constructor("!reset", lambda _loader, _node: [])


def load(name: str) -> dict[str, Any]:
    """Read a Compose file, merge keys resolved, variables as they stand."""
    loaded: dict[str, Any] = yaml.load((ROOT / name).read_text(), Loader=_Loader)  # noqa: S506 - a safe one
    return loaded


def interpolate(value: Any, environment: Mapping[str, str]) -> Any:
    """Put variables in for their names, everywhere below `value`.

    Raises:
        RequiredVariable: One is missing that must be set; the exception's text is its sentence.
    """
    if isinstance(value, dict):
        return {key: interpolate(each, environment) for key, each in value.items()}
    if isinstance(value, list):
        return [interpolate(each, environment) for each in value]
    if not isinstance(value, str):
        return value

    def put(match: re.Match[str]) -> str:
        if match["dollar"]:
            return "$"
        given = environment.get(match["name"], "")
        if match["how"] == "?" and not given:
            raise RequiredVariable(match["word"])
        return given or (match["word"] if match["how"] == "-" else "")

    return VARIABLE.sub(put, value)


def variables(value: Any) -> set[str]:
    """Collect the names that a file, or a part of one, takes from `.env`."""
    if isinstance(value, dict):
        passed_on = {name for name, each in value.get("environment", {}).items() if each is None}
        return passed_on.union(*map(variables, value.values()))
    if isinstance(value, list):
        return set().union(*map(variables, value))
    return (
        {match["name"] for match in VARIABLE.finditer(value) if match["name"]}
        if isinstance(value, str)
        else set()
    )


@dataclass
class Stage:
    """One `FROM` of the Dockerfile.

    Attributes:
        base: The image or stage that it starts from.
        instructions: Those of its own, in order: the keyword, and the rest of the line.
    """

    base: str
    instructions: list[tuple[str, str]] = field(default_factory=list)

    def all(self, keyword: str) -> list[str]:
        """Return what stands behind each of its `keyword` instructions."""
        return [rest for word, rest in self.instructions if word == keyword]


def dockerfile() -> dict[str, Stage]:
    """Read the Dockerfile: its stages by name, in order."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    stages: dict[str, Stage] = {}
    for line in re.sub(r"\\\n\s*", "", text).splitlines():
        keyword, _, rest = line.strip().partition(" ")
        if keyword == "FROM":
            base, _, name = rest.split()
            current = stages[name] = Stage(base)
        elif keyword:
            current.instructions.append((keyword, rest))
    return stages


def inherited(stages: Mapping[str, Stage], name: str) -> list[tuple[str, str]]:
    """Return a stage's instructions with those of the stages that it starts from before them."""
    stage = stages[name]
    return [*(inherited(stages, stage.base) if stage.base in stages else []), *stage.instructions]


def environment_of(stages: Mapping[str, Stage], name: str) -> dict[str, str]:
    """Return the variables that an image sets."""
    words = [shlex.split(rest) for keyword, rest in inherited(stages, name) if keyword == "ENV"]
    return {key: value for line in words for key, _, value in (word.partition("=") for word in line)}
