"""The loading code against a hub of our own.

Each step is a process: huggingface_hub reads HF_HOME and HF_ENDPOINT when it is imported.
"""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from inference.models.catalogue import TASKS, TINY_WEIGHTS
from inference.schema import Task
from tests.inference.models.stand_in_hub import CONVERSION_AUTHOR, StandInHub, commit_of, files_of

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Ended:
    """How a process ended, and what it printed."""

    code: int
    out: str
    err: str


class Newcomer:
    """A machine that has nothing in its cache and knows only the stand-in hub."""

    def __init__(self, home: Path, hub: StandInHub) -> None:
        self.home = home
        self.hub = hub

    async def run(self, module: str, **environment: str) -> Ended:
        """Run a module to its end."""
        return await self._run("-m", module, environment=environment)

    async def evaluate(self, program: str) -> Ended:
        """Run a program given as text to its end."""
        return await self._run("-c", program, environment={})

    async def _run(self, *arguments: str, environment: dict[str, str]) -> Ended:
        ours = {
            name: value for name, value in os.environ.items() if not name.startswith(("HF_", "BEHOLDER_"))
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *arguments,
            cwd=self.home,  # no .env of whoever runs the tests
            env={
                **ours,
                "PYTHONPATH": str(ROOT),
                "HF_HOME": str(self.home / "hf"),
                "HF_ENDPOINT": self.hub.url,
                "BEHOLDER_DEVICE": "cpu",
                "OMP_NUM_THREADS": "1",  # see conftest.py
                **environment,
            },
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        return Ended(process.returncode or 0, out.decode(), err.decode())


@pytest.fixture
async def hub() -> AsyncIterator[StandInHub]:
    async with StandInHub() as hub:
        yield hub


@pytest.fixture
def newcomer(tmp_path: Path, hub: StandInHub) -> Newcomer:
    return Newcomer(tmp_path, hub)


@pytest.fixture(scope="session")
def served() -> dict[Task, Path]:
    """What the hub serves: the models that are shipped."""
    return {task: TINY_WEIGHTS / task for task in TASKS}


def overrides(*tasks: Task, revision: str = "") -> dict[str, str]:
    names = {f"BEHOLDER_{task.upper()}_MODEL": f"ours/{task}{revision}" for task in tasks}
    return {**names, "BEHOLDER_TASKS": ",".join(tasks)}


async def test_models_are_fetched_with_their_progress_and_work_offline_afterwards(
    hub: StandInHub, newcomer: Newcomer, served: dict[Task, Path]
) -> None:
    for task in TASKS:
        # What must never be fetched lies beside what must.
        junk = {"pytorch_model.bin": b"pickle", "modeling.py": b"raise SystemExit", "tf_model.h5": b"h5"}
        hub.repositories[f"ours/{task}"] = {"main": {**files_of(served[task]), **junk}}
    first = await newcomer.run("tests.inference.models.load_and_run", **overrides(*TASKS))
    assert first.code == 0, first.err
    tenths = re.findall(r"Fetching model\.safetensors: (\d+) % of", first.err)
    assert tenths[0] == "0"
    assert tenths.count("100") == len(TASKS)
    assert not [line for line in hub.requests if re.search(r"\.(bin|py|h5)$", line)]

    await hub.stop()
    callers: list[int] = []

    def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        callers.append(1)
        writer.close()

    listener = await asyncio.start_server(hang_up, "127.0.0.1", hub.port)
    async with listener:
        again = await newcomer.run("tests.inference.models.load_and_run", **overrides(*TASKS))
    assert again.code == 0, again.err
    assert again.out == first.out
    assert len(again.out.splitlines()) == len(TASKS)
    assert "Fetching" not in again.err
    assert callers == []  # no request was even tried


async def test_what_is_cached_is_fetched_no_second_time(
    hub: StandInHub, newcomer: Newcomer, served: dict[Task, Path]
) -> None:
    hub.repositories["ours/match"] = {"main": files_of(served["match"])}
    first = await newcomer.run("inference.models.fetch", **overrides("match"))
    assert first.code == 0, first.err
    assert "match: ours/match@main is ready in" in first.out
    asked = list(hub.requests)
    again = await newcomer.run("inference.models.fetch", **overrides("match"))
    assert again.code == 0, again.err
    assert hub.requests == asked


async def test_a_revision_is_fetched_by_name_and_by_commit(
    hub: StandInHub, newcomer: Newcomer, served: dict[Task, Path]
) -> None:
    files = files_of(served["match"])
    hub.repositories["ours/match"] = {"main": {}, "v2": files}
    by_name = await newcomer.run("inference.models.fetch", **overrides("match", revision="@v2"))
    by_commit = await newcomer.run(
        "inference.models.fetch", **overrides("match", revision=f"@{commit_of(files)}")
    )
    assert (by_name.code, by_commit.code) == (0, 0), by_name.err + by_commit.err
    missing = await newcomer.run("inference.models.fetch", **overrides("match", revision="@v3"))
    assert missing.code == 1
    assert "The model 'ours/match' has no revision 'v3'" in missing.err


async def test_a_broken_connection_is_taken_up_where_it_broke(
    hub: StandInHub, newcomer: Newcomer, served: dict[Task, Path]
) -> None:
    files = files_of(served["caption"])
    hub.repositories["ours/caption"] = {"main": files}
    hub.cut["model.safetensors"] = 1000
    ended = await newcomer.run("inference.models.fetch", **overrides("caption"))
    assert ended.code == 0, ended.err
    (fetched,) = (newcomer.home / "hf/hub").rglob("snapshots/*/model.safetensors")
    assert fetched.read_bytes() == files["model.safetensors"]


async def test_half_a_model_does_not_count_as_cached(
    hub: StandInHub, newcomer: Newcomer, served: dict[Task, Path]
) -> None:
    files = files_of(served["match"])
    hub.repositories["ours/match"] = {"main": files}
    await newcomer.run("inference.models.fetch", **overrides("match"))
    (weights,) = (newcomer.home / "hf/hub").rglob("snapshots/*/model.safetensors")
    program = (
        "import sys; from inference.models.catalogue import parse; found = parse('ours/match').locally();"
        "print(found is not None, 'torch' in sys.modules, 'transformers' in sys.modules)"
    )
    assert (await newcomer.evaluate(program)).out.split() == ["True", "False", "False"]
    weights.unlink()
    assert (await newcomer.evaluate(program)).out.split() == ["False", "False", "False"]


async def test_a_model_without_safetensors_is_refused_in_a_sentence(
    hub: StandInHub, newcomer: Newcomer, served: dict[Task, Path]
) -> None:
    files = files_of(served["caption"])
    files["pytorch_model.bin"] = files.pop("model.safetensors")
    hub.repositories["ours/caption"] = {"main": files}
    # A stranger's pull request of the right title is not the hub's own conversion.
    hub.repositories["ours/caption"]["refs/pr/1"] = files_of(served["caption"])
    hub.conversions["ours/caption"] = [(1, "stranger")]
    ended = await newcomer.run("inference.models.fetch", **overrides("caption"))
    assert ended.code == 1
    assert "The model ours/caption@main has no weights as safetensors" in ended.err
    assert "choose a model or a revision (name@revision) that has them" in ended.err
    assert "Traceback" not in ended.err
    assert not list((newcomer.home / "hf").rglob("*.bin"))


async def test_the_hub_s_own_conversion_is_found_and_works_offline(
    hub: StandInHub, newcomer: Newcomer, served: dict[Task, Path]
) -> None:
    whole = files_of(served["match"])
    pickled = {name: data for name, data in whole.items() if not name.endswith(".safetensors")}
    hub.repositories["ours/match"] = {
        "main": {**pickled, "pytorch_model.bin": b"pickle"},
        "refs/pr/2": {**whole, "config.json": b"{}"},  # an older conversion
        "refs/pr/10": whole,
    }
    hub.conversions["ours/match"] = [(10, CONVERSION_AUTHOR), (2, CONVERSION_AUTHOR), (11, "stranger")]
    ended = await newcomer.run("inference.models.fetch", **overrides("match"))
    assert ended.code == 0, ended.err
    assert f"snapshots/{commit_of(whole)}" in ended.out
    await hub.stop()
    again = await newcomer.run("inference.models.fetch", **overrides("match"))
    assert again.out == ended.out


async def test_a_name_that_the_hub_does_not_know_is_told(newcomer: Newcomer) -> None:
    ended = await newcomer.run("inference.models.fetch", **overrides("caption"))
    assert ended.code == 1
    assert ended.err.strip().splitlines()[-1].startswith("The hub has no model named 'ours/caption'")
    assert "Traceback" not in ended.err


async def test_a_hub_out_of_reach_is_told(hub: StandInHub, newcomer: Newcomer) -> None:
    await hub.stop()
    ended = await newcomer.run("inference.models.fetch", **overrides("caption"))
    assert ended.code == 1
    assert f"is not in the local cache, and {hub.url} could not be reached" in ended.err
    assert "run `make models`, or set BEHOLDER_MODELS=tiny" in ended.err
    assert "Traceback" not in ended.err


async def test_offline_mode_is_told(newcomer: Newcomer) -> None:
    ended = await newcomer.run("inference.models.fetch", **overrides("caption"), HF_HUB_OFFLINE="1")
    assert ended.code == 1
    assert "HF_HUB_OFFLINE forbids to download it" in ended.err


async def test_a_name_that_is_none_is_told(newcomer: Newcomer) -> None:
    given = {**overrides("caption"), "BEHOLDER_CAPTION_MODEL": "not a name/at all/really"}
    ended = await newcomer.run("inference.models.fetch", **given)
    assert ended.code == 1
    assert "'not a name/at all/really' is no name of a model" in ended.err
