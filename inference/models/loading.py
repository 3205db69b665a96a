"""From a checkpoint's name to an engine."""

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
from inference.models.device import device_for, dtype_for, use_our_cores
from inference.models.errors import ModelUnavailable
from inference.models.hub_download import folder_of
from inference.models.llava import LlavaChat
from inference.models.progress import Progress
from inference.schema import Task
from inference.settings import WorkerSettings

log = logging.getLogger(__name__)

_KINDS: dict[Task, tuple[str, Any, Any, Any]] = {
    "caption": ("blip", BlipForConditionalGeneration, BlipProcessor, BlipCaptioner),
    "answer": ("blip", BlipForQuestionAnswering, BlipProcessor, BlipAnswerer),
    "match": ("clip", CLIPModel, CLIPProcessor, ClipMatcher),
}
"""For each task: the config's model type, the model's class, the processor's, the engine's."""


def load(task: Task, settings: WorkerSettings, progress: Progress | None = None) -> Engine:
    """Load the model that serves a task, fetching it first where the local cache lacks it.

    Where the cache has it, no request is made.

    Args:
        task: The task.
        settings: Which model, on which device.
        progress: Told of every step of a download; None: shown on the standard error stream.

    Returns:
        An engine, not yet warmed up.

    Raises:
        ModelUnavailable: The model cannot be had or is of another kind, in a sentence that says what to do.
    """
    use_our_cores()
    checkpoint = checkpoint_for(task, settings)
    device = device_for(settings.device)
    folder = folder_of(checkpoint, progress)
    engine = load_folder(task, folder, checkpoint.label, device)
    log.info("Loaded %s for %s on %s", engine.name, task, device)
    return engine


def load_folder(task: Task, folder: Path, name: str, device: torch.device) -> Engine:
    """Load a model from a folder with all its files.

    Args:
        task: The task it is to serve.
        folder: The folder.
        name: What the engine is called.
        device: Where it runs.

    Raises:
        ModelUnavailable: It is of another kind, or its files are broken.
    """
    model_type, model_class, processor_class, engine_class = _KINDS[task]
    model, processor = _parts(task, folder, name, device, (model_type, model_class, processor_class))
    engine: Engine = engine_class(model, processor, name)
    return engine


def load_llava(
    checkpoint: Checkpoint, settings: WorkerSettings, progress: Progress | None = None
) -> LlavaChat:
    """Load a model that converses, fetching it first where the local cache lacks it.

    Args:
        checkpoint: Which.
        settings: On which device, how many conversations at a time, of what length.
        progress: Told of every step of a download; None: shown on the standard error stream.

    Raises:
        ModelUnavailable: The model cannot be had or is of another kind.
    """
    use_our_cores()
    device, name = device_for(settings.device), checkpoint.label
    folder = folder_of(checkpoint, progress)
    kind = "llava", LlavaForConditionalGeneration, LlavaProcessor
    model, processor = _parts("converse", folder, name, device, kind)
    if not processor.chat_template:
        raise ModelUnavailable(
            f"The model {name} does not say how a conversation is put to it (chat_template): choose another "
            "as BEHOLDER_CHAT_MODEL, or one in Ollama with BEHOLDER_CHAT_ENGINE=ollama."
        )
    log.info("Loaded %s for converse on %s", name, device)
    return LlavaChat(
        model,
        processor,
        name,
        context=settings.chat_context,
        chats=settings.chats,
        timeout_s=settings.job_seconds,
    )


def _parts(
    task: Task, folder: Path, name: str, device: torch.device, kind: tuple[str, Any, Any]
) -> tuple[Any, Any]:
    """Load a model, ready for use, and its processor."""
    model_type, model_class, processor_class = kind
    _check_kind(folder, name, task, model_type, model_class.__name__)
    # Its bar, for what takes a second, would be all that a log shows.
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
    except Exception as error:  # whatever a broken file makes transformers raise
        raise ModelUnavailable(f"The model {name} cannot be loaded from {folder}: {error}") from error
    _check_whole(name, model_class, report)
    return model.to(device).eval().requires_grad_(requires_grad=False), processor


def _check_kind(folder: Path, name: str, task: Task, model_type: str, model_class: str) -> None:
    """Refuse a model of another architecture: some of them would load, and babble."""
    try:
        config = json.loads((folder / "config.json").read_bytes())
        found, made_as = config["model_type"], config.get("architectures") or [model_class]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelUnavailable(f"The model {name} has no readable config.json in {folder}.") from error
    if found != model_type or model_class not in made_as:
        raise ModelUnavailable(
            f"The model {name} is a {found!r} made as {', '.join(made_as)}, and the task {task!r} takes a "
            f"{model_class}: choose another."
        )


def _check_whole(name: str, model_class: type, report: dict[str, Any]) -> None:
    """Refuse weights of another model: transformers would fill what is missing with random numbers."""
    missing = sorted(report["missing_keys"])
    if missing:
        raise ModelUnavailable(
            f"The model {name} lacks {len(missing)} of the weights of a {model_class.__name__} (the first: "
            f"{missing[0]}): it was made for another task."
        )
