"""Checkpoint -> engine."""

import json
import logging
from pathlib import Path
from typing import Any

import torch
from transformers import (
    BlipForConditionalGeneration,
    BlipForQuestionAnswering,
    BlipProcessor,
    CLIPModel,
    CLIPProcessor,
    LlavaForConditionalGeneration,
    LlavaProcessor,
)
from transformers.utils import logging as transformers_logging

from inference.engines import Engine
from inference.models.blip.answer import BlipAnswerer
from inference.models.blip.caption import BlipCaptioner
from inference.models.catalogue import Checkpoint, checkpoint_for
from inference.models.clip import ClipMatcher
from inference.models.device import device_for, dtype_for, limit_threads
from inference.models.errors import ModelUnavailable
from inference.models.hub_download import local_folder
from inference.models.llava import LlavaChat
from inference.models.progress import Progress
from inference.schema import Task
from inference.settings import WorkerSettings

log = logging.getLogger(__name__)

_CLASSES: dict[Task, tuple[str, Any, Any, Any]] = {
    "caption": ("blip", BlipForConditionalGeneration, BlipProcessor, BlipCaptioner),
    "answer": ("blip", BlipForQuestionAnswering, BlipProcessor, BlipAnswerer),
    "match": ("clip", CLIPModel, CLIPProcessor, ClipMatcher),
}
"""For each task: the config's model type, and the classes of model, processor and engine."""


def load(task: Task, settings: WorkerSettings, progress: Progress | None = None) -> Engine:
    """Load the engine of a task; download the model first where it is not in the local cache.

    Where it is in the cache, no request is made.

    Args:
        task: The task.
        settings: The model and the device.
        progress: Called with each step of a download; None: shown on standard error.

    Returns:
        An engine, not yet warmed up.

    Raises:
        ModelUnavailable: The model cannot be downloaded or has another architecture; the message says what to
            do.
    """
    limit_threads()
    checkpoint = checkpoint_for(task, settings)
    device = device_for(settings.device)
    folder = local_folder(checkpoint, progress)
    engine = load_folder(task, folder, checkpoint.label, device)
    log.info("loaded %s for %s on %s", engine.name, task, device)
    return engine


def load_folder(task: Task, folder: Path, name: str, device: torch.device) -> Engine:
    """Load a model from a folder with all its files.

    Args:
        task: The task that it serves.
        folder: The folder.
        name: The engine's name.
        device: The device.

    Raises:
        ModelUnavailable: It has another architecture, or its files are broken.
    """
    model_type, model_class, processor_class, engine_class = _CLASSES[task]
    model, processor = _load_parts(task, folder, name, device, (model_type, model_class, processor_class))
    engine: Engine = engine_class(model, processor, name)
    return engine


def load_llava(
    checkpoint: Checkpoint, settings: WorkerSettings, progress: Progress | None = None
) -> LlavaChat:
    """Load a chat model on transformers; download it first where it is not in the local cache.

    Args:
        checkpoint: The model.
        settings: `device`, `chats`, `chat_context`, `job_seconds`.
        progress: Called with each step of a download; None: shown on standard error.

    Raises:
        ModelUnavailable: The model cannot be downloaded, or has another architecture or no chat template.
    """
    limit_threads()
    device, name = device_for(settings.device), checkpoint.label
    folder = local_folder(checkpoint, progress)
    classes = "llava", LlavaForConditionalGeneration, LlavaProcessor
    model, processor = _load_parts("converse", folder, name, device, classes)
    if not processor.chat_template:
        raise ModelUnavailable(
            f"The model {name} has no chat template (chat_template): choose another "
            "as BEHOLDER_CHAT_MODEL, or one in Ollama with BEHOLDER_CHAT_ENGINE=ollama."
        )
    log.info("loaded %s for converse on %s", name, device)
    return LlavaChat(
        model,
        processor,
        name,
        context=settings.chat_context,
        chats=settings.chats,
        timeout_s=settings.job_seconds,
    )


def _load_parts(
    task: Task, folder: Path, name: str, device: torch.device, classes: tuple[str, Any, Any]
) -> tuple[Any, Any]:
    """Load a model, ready for use, and its processor."""
    model_type, model_class, processor_class = classes
    _check_architecture(folder, name, task, model_type, model_class.__name__)
    # Its progress bar, for a step of a second, would fill the log.
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        processor = processor_class.from_pretrained(
            folder, backend="pil", local_files_only=True, trust_remote_code=False
        )
        model, report = model_class.from_pretrained(
            folder,
            dtype=dtype_for(device),
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
    except Exception as error:  # transformers raises many types on broken files
        raise ModelUnavailable(f"The model {name} cannot be loaded from {folder}: {error}") from error
    _check_weights(name, model_class, report)
    return model.to(device).eval().requires_grad_(requires_grad=False), processor


def _check_architecture(folder: Path, name: str, task: Task, model_type: str, model_class: str) -> None:
    """Refuse a model of another architecture: some of them would load, and generate nonsense."""
    try:
        config = json.loads((folder / "config.json").read_bytes())
        found, saved_as = config["model_type"], config.get("architectures") or [model_class]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelUnavailable(f"The model {name} has no readable config.json in {folder}.") from error
    if found != model_type or model_class not in saved_as:
        raise ModelUnavailable(
            f"The model {name} is a {found!r} saved as {', '.join(saved_as)}, and the task {task!r} needs a "
            f"{model_class}: choose another."
        )


def _check_weights(name: str, model_class: type, report: dict[str, Any]) -> None:
    """Refuse weights of another model: transformers would initialise the missing ones randomly."""
    missing = sorted(report["missing_keys"])
    if missing:
        raise ModelUnavailable(
            f"The model {name} lacks {len(missing)} of the weights of a {model_class.__name__} (the first: "
            f"{missing[0]}): it was trained for another task."
        )
