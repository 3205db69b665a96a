"""Folders -> engines, and the models that are refused."""

import contextlib
import json
import os
import shutil
from pathlib import Path

import pytest
import torch

from inference.models import device
from inference.models.device import device_for, dtype_for
from inference.models.errors import ModelUnavailable
from inference.models.loading import load, load_folder
from inference.schema import Task
from inference.settings import WorkerSettings

CPU = torch.device("cpu")
ALL: tuple[Task, ...] = ("caption", "answer", "match")


def settings(**given: str) -> WorkerSettings:
    return WorkerSettings(_env_file=None, device="cpu", **given)  # type: ignore[arg-type]


@pytest.mark.parametrize("task", ALL)
def test_a_folder_is_loaded_in_float32_for_inference_only(folders: dict[Task, Path], task: Task) -> None:
    engine = load(task, settings(**{f"{task}_model": str(folders[task])}))
    model = engine._model  # type: ignore[attr-defined]
    assert engine.name == task
    assert not model.training
    assert {weights.dtype for weights in model.parameters()} == {torch.float32}
    assert not any(weights.requires_grad for weights in model.parameters())


def test_a_folder_that_is_not_there_is_told() -> None:
    with pytest.raises(ModelUnavailable, match=r"There is no folder 'not/there' to load a model from"):
        load("caption", settings(caption_model="./not/there"))


def test_a_folder_without_safetensors_is_refused(folders: dict[Task, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(folders["caption"], tmp_path / "mine")
    torch.save({}, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelUnavailable, match=r"the weights as model\.safetensors"):
        load("caption", settings(caption_model=str(folder)))


def test_a_model_of_another_kind_is_refused(folders: dict[Task, Path]) -> None:
    with pytest.raises(ModelUnavailable, match="is a 'clip' saved as CLIPModel, and the task 'answer'"):
        load_folder("answer", folders["match"], "mine", CPU)


@pytest.mark.parametrize(("task", "made_for"), [("answer", "caption"), ("caption", "answer")])
def test_a_model_for_another_task_is_refused_and_not_filled_with_noise(
    folders: dict[Task, Path], task: Task, made_for: Task
) -> None:
    with pytest.raises(ModelUnavailable, match=f"and the task '{task}' needs a Blip"):
        load_folder(task, folders[made_for], "mine", CPU)


def test_missing_weights_are_not_filled_with_noise(folders: dict[Task, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(folders["caption"], tmp_path / "mine")
    config = json.loads((folder / "config.json").read_text())
    config["architectures"] = ["BlipForQuestionAnswering"]
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelUnavailable, match=r"lacks .* of the weights of a BlipForQuestionAnswering"):
        load_folder("answer", folder, "mine", CPU)


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "processor_config.json"])
def test_a_broken_file_is_told(folders: dict[Task, Path], tmp_path: Path, name: str) -> None:
    folder = shutil.copytree(folders["match"], tmp_path / "mine")
    (folder / name).write_bytes(b"\x00broken")
    with pytest.raises(ModelUnavailable, match="The model mine cannot be loaded from"):
        load_folder("match", folder, "mine", CPU)


@pytest.mark.parametrize("config", ["", "[]", "{}"])
def test_a_broken_config_is_told(folders: dict[Task, Path], tmp_path: Path, config: str) -> None:
    folder = shutil.copytree(folders["match"], tmp_path / "mine")
    (folder / "config.json").write_text(config)
    with pytest.raises(ModelUnavailable, match="no readable config"):
        load_folder("match", folder, "mine", CPU)


def test_code_that_a_model_brings_is_never_run(folders: dict[Task, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(folders["match"], tmp_path / "mine")
    ran = tmp_path / "ran"
    (folder / "theirs.py").write_text(f"open({str(ran)!r}, 'w')\nclass Theirs: pass\n")
    theirs = {
        "AutoModel": "theirs.Theirs",
        "AutoProcessor": "theirs.Theirs",
        "AutoTokenizer": ["theirs.T", None],
    }
    for name in ("config.json", "processor_config.json", "tokenizer_config.json"):
        config = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps({**config, "auto_map": theirs}))
    with contextlib.suppress(ModelUnavailable):
        load_folder("match", folder, "mine", CPU)
    assert not ran.exists()


def test_without_a_gpu_auto_is_the_cpu_and_cuda_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert device_for("auto") == CPU
    assert device_for("cpu") == CPU
    with pytest.raises(ModelUnavailable, match="BEHOLDER_DEVICE is cuda:1, and torch finds 0 GPUs"):
        device_for("cuda:1")


def test_with_a_gpu_auto_is_the_gpu_in_float16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert device_for("auto").type == "cuda"
    assert device_for("cuda:0").index == 0
    assert dtype_for(torch.device("cuda")) is torch.float16
    assert dtype_for(CPU) is torch.float32


@pytest.mark.parametrize(
    ("quota", "cores"), [("150000 100000", 2), ("50000 100000", 1), ("max 100000", 64), ("6400000 1", 64)]
)
def test_a_container_s_share_of_the_cores_counts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, quota: str, cores: int
) -> None:
    (tmp_path / "cpu.max").write_text(quota)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
    assert device.available_cores(tmp_path / "cpu.max") == cores
