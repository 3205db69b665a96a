"""The libraries that a worker needs beyond the bot's."""

import re
import tomllib

from inference.models.libraries import DECODING, LOADING, OLLAMA, needed
from inference.settings import WorkerSettings
from tests.composed import ROOT


def test_the_workers_libraries_are_those_of_its_extra() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extra = [re.match(r"[\w.-]+", each) for each in project["optional-dependencies"]["worker"]]
    assert {*DECODING, *LOADING, *OLLAMA} == {each[0].replace("-", "_") for each in extra if each}


def test_a_worker_that_only_converses_with_ollama_needs_no_torch() -> None:
    settings = WorkerSettings(_env_file=None, tasks=("converse",), chat_engine="ollama")
    assert set(needed(settings)) == {*DECODING, *OLLAMA}
