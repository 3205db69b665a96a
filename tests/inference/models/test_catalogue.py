"""Checkpoints by size, task and settings, and the local cache."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from inference.models import catalogue
from inference.models.catalogue import (
    CATALOGUE,
    TASKS,
    Checkpoint,
    chat_checkpoint,
    checkpoint_for,
    checkpoints,
    in_local_cache,
    parse,
    served,
)
from inference.models.local_cache import complete
from inference.schema import Task
from inference.settings import WorkerSettings

WHOLE = ("config.json", "preprocessor_config.json", "tokenizer.json", "model.safetensors")


def settings(**given: str) -> WorkerSettings:
    return WorkerSettings(_env_file=None, **given)  # type: ignore[arg-type]


def make(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_text("{}")
    return folder


def test_every_size_has_a_model_for_every_task() -> None:
    assert {size: set(models) for size, models in CATALOGUE.items()} == {
        size: set(TASKS) for size in CATALOGUE
    }
    assert set(CATALOGUE) == {"tiny", "base", "large"}


@pytest.mark.parametrize(
    ("spec", "name", "revision"),
    [
        ("owner/name", "owner/name", "main"),
        ("owner/name@v2", "owner/name", "v2"),
        ("owner/name@refs/pr/4", "owner/name", "refs/pr/4"),
        ("owner/name@", "owner/name", "main"),
    ],
)
def test_a_name_may_carry_its_revision(spec: str, name: str, revision: str) -> None:
    assert parse(spec) == Checkpoint(name, revision)


def test_a_folder_is_taken_as_it_is_even_with_an_at_in_its_name(tmp_path: Path) -> None:
    folder = make(tmp_path / "mine@home", *WHOLE)
    checkpoint = parse(str(folder))
    assert checkpoint.folder == folder
    assert checkpoint.locally() == folder
    assert checkpoint.label == "mine@home"


@pytest.mark.parametrize("spec", ["./not/there", "/not/there", "../not/there"])
def test_a_path_that_is_not_there_is_no_name_on_the_hub(spec: str) -> None:
    assert parse(spec).folder is not None
    assert parse(spec).locally() is None


def test_each_model_can_be_set_alone() -> None:
    chosen = settings(answer_model="mine/vqa@v1", models="large")
    assert checkpoint_for("answer", chosen) == Checkpoint("mine/vqa", "v1")
    assert checkpoint_for("caption", chosen) == CATALOGUE["large"]["caption"]


def test_the_local_cache_is_asked_for_the_settings_tasks_only(tmp_path: Path) -> None:
    folder = make(tmp_path / "match", *WHOLE)
    assert in_local_cache(settings(tasks="match", match_model=str(folder)))
    assert not in_local_cache(
        settings(tasks="match,caption", match_model=str(folder), caption_model="no/such")
    )


@pytest.mark.parametrize("missing", WHOLE)
def test_a_folder_that_lacks_a_file_is_not_whole(tmp_path: Path, missing: str) -> None:
    assert complete(make(tmp_path / "whole", *WHOLE))
    assert not complete(make(tmp_path / "part", *(name for name in WHOLE if name != missing)))


def test_sharded_weights_count_with_every_shard(tmp_path: Path) -> None:
    folder = make(tmp_path, *WHOLE[:3], "model-1-of-2.safetensors")
    index = {"weight_map": {"a": "model-1-of-2.safetensors", "b": "model-2-of-2.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    assert not complete(folder)
    make(folder, "model-2-of-2.safetensors")
    assert complete(folder)


@pytest.mark.parametrize("index", ["", "[]", "{}", '{"weight_map": 3}', '{"weight_map": {}}'])
def test_a_broken_index_names_no_weights(tmp_path: Path, index: str) -> None:
    folder = make(tmp_path, *WHOLE[:3])
    (folder / "model.safetensors.index.json").write_text(index)
    assert not complete(folder)


@pytest.mark.parametrize("module", ["catalogue", "local_cache", "errors"])
def test_the_bot_may_import_it_without_torch_transformers_or_the_hub(module: str) -> None:
    program = (
        f"import sys, inference.models.{module}; "
        "print([name for name in ('torch', 'transformers', 'huggingface_hub') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("task", TASKS)
def test_large_and_base_differ(task: Task) -> None:
    assert CATALOGUE["base"][task] != CATALOGUE["large"][task]


def test_what_ollama_runs_is_not_ours_to_load() -> None:
    assert set(served(settings())) == {*TASKS, "converse"}
    assert set(checkpoints(settings())) == set(TASKS)
    here = settings(chat_engine="transformers", chat_model="mine/llava@v1")
    assert checkpoints(here)["converse"] == Checkpoint("mine/llava", "v1")


def test_the_tiny_models_serve_conversations_once_they_have_one_for_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(catalogue.CHAT, "tiny", Checkpoint(str(tmp_path / "converse")))
    tiny = settings(models="tiny")
    assert set(served(tiny)) == set(TASKS)
    make(tmp_path / "converse", *WHOLE)
    assert set(served(tiny)) == set(checkpoints(tiny)) == {*TASKS, "converse"}
    assert in_local_cache(tiny)
    # Where somebody names one, it has to be there.
    assert "converse" in served(settings(models="tiny", chat_model="./not/there"))


def test_a_size_on_the_hub_converses_on_transformers_when_told_to() -> None:
    big = settings(models="base", chat_engine="transformers")
    assert "converse" in served(big)
    assert chat_checkpoint(big).folder is None
