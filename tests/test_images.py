"""The Dockerfile and .dockerignore against the project: what is copied, and who runs it."""

import re
import shlex
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

from bot.__main__ import parser
from tests.composed import ROOT, Stage, dockerfile, environment_of, inherited

IMAGES = ("bot", "worker")
SECRETS = ("TOKEN", "PASSWORD", "SECRET")


@pytest.fixture
def stages() -> dict[str, Stage]:
    return dockerfile()


def allowed() -> list[str]:
    """Return what .dockerignore lets through of the top level, where its first rule lets nothing through."""
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    assert lines[0] == "*"
    return [line[1:] for line in lines if line[0] == "!"]


def tracked(*folders: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", *folders], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [Path(line) for line in listed.stdout.splitlines()]


def copied(stage: Stage) -> list[str]:
    """Return the sources in the build context that a stage copies."""
    words = [shlex.split(rest) for rest in stage.all("COPY")]
    return [source for line in words if not line[0].startswith("--from") for source in line[:-1]]


def test_every_copied_path_is_there_and_is_let_through(stages: dict[str, Stage]) -> None:
    sources = {source for stage in stages.values() for source in copied(stage)}
    assert {"pyproject.toml", "constraints.txt", "bot", "handlers", "inference"} <= sources
    assert sources == set(allowed())
    assert all((ROOT / source).exists() for source in sources)


def test_nothing_private_is_let_through() -> None:
    assert not {".env", ".git", "data", "tests", ".", "shared"} & set(allowed())
    assert "**/.env*" in (ROOT / ".dockerignore").read_text()


def test_what_is_copied_from_a_stage_is_copied_from_an_earlier_one(stages: dict[str, Stage]) -> None:
    order = list(stages)
    for name, stage in stages.items():
        sources = re.findall(r"(?:--from=|,from=)([\w-]+)", " ".join(rest for _, rest in stage.instructions))
        assert all(order.index(source) < order.index(name) for source in sources)
        assert stage.base in order[: order.index(name)] or re.fullmatch(
            r"[\w/]+:[\w.-]*\d[\w.-]*", stage.base
        )


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_runs_as_nobody_s_root_with_a_command_of_ours(stages: dict[str, Stage], image: str) -> None:
    said = dict(inherited(stages, image))
    user, _, group = said["USER"].partition(":")
    assert int(user) == int(group) >= 10_000
    assert f"useradd --uid {user}" in " ".join(stages["base"].all("RUN"))
    assert shlex.split(said["ENTRYPOINT"].strip("[]")) == ["beholder"]
    assert parser().parse_args(_words(said["CMD"])).command == image


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_s_health_check_is_a_command_of_ours(stages: dict[str, Stage], image: str) -> None:
    (check,) = stages[image].all("HEALTHCHECK")
    words = _words(check.partition("CMD ")[2])
    arguments = parser().parse_args(words[1:])
    assert (words[0], arguments.command, arguments.part) == ("beholder", "health", image)


def _words(form: str) -> list[str]:
    """Read an instruction's exec form: `["a", "b"]`."""
    return [word.strip(' "') for word in form.strip("[] ").split(",")]


def test_no_secret_is_in_a_layer(stages: dict[str, Stage]) -> None:
    for name, stage in stages.items():
        given = [*environment_of(stages, name), *stage.all("ARG")]
        assert not [word for word in given if any(secret in word.upper() for secret in SECRETS)], name


def test_the_small_image_gets_none_of_the_worker_s_packages(stages: dict[str, Stage]) -> None:
    words = " ".join(rest for _, rest in stages["bot-packages"].instructions + stages["bot"].instructions)
    assert "-r bot.txt" in words
    assert "-r worker.txt" not in words
    assert "worker-packages" not in words


def test_every_install_from_an_index_keeps_to_the_constraints(stages: dict[str, Stage]) -> None:
    runs = [
        rest
        for stage in stages.values()
        for rest in stage.all("RUN")
        if " install " in rest and "pip" in rest
    ]
    assert len(runs) == 4
    for run in runs:
        assert "-c constraints.txt" in run or ("--no-index" in run and "--no-deps" in run)


def test_the_lists_of_packages_are_those_of_pyproject(stages: dict[str, Stage], tmp_path: Path) -> None:
    (run,) = [rest for rest in stages["bot-packages"].all("RUN") if "tomllib" in rest]
    program = shlex.split(run.partition(" && ")[0])
    assert program[:2] == ["python", "-c"]
    (tmp_path / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    subprocess.run([sys.executable, "-c", program[2]], cwd=tmp_path, check=True)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert (tmp_path / "bot.txt").read_text().splitlines() == project["dependencies"]
    assert (tmp_path / "worker.txt").read_text().splitlines() == project["optional-dependencies"]["worker"]


def test_the_wheel_takes_every_file_of_ours_along() -> None:
    """The images run the wheel: what package-data does not name would be missing there and nowhere else."""
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["*"]
    files = [path for path in tracked("bot", "handlers", "inference") if path.suffix != ".py"]
    assert files
    for path in files:
        assert any(fnmatch(path.name, pattern) for pattern in patterns), path
