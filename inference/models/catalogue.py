"""The checkpoint of each task, in three sizes. Free of torch and transformers.

A commit is pinned where one is known to have safetensors. `main` is named where it has none, and the hub's
own conversion of it is found instead: see docs/decisions/safetensors-only.md.
"""

from dataclasses import dataclass
from pathlib import Path

from inference.models.local_cache import cached_snapshot, complete
from inference.schema import Task
from inference.settings import ModelSize, WorkerSettings

TASKS: tuple[Task, ...] = ("caption", "answer", "match")
TINY_WEIGHTS = Path(__file__).parent.parent / "tiny" / "weights"


@dataclass(frozen=True)
class Checkpoint:
    """A model's name.

    Attributes:
        name: Its name on the hub (`owner/name`), or a folder's path.
        revision: A branch, tag or commit on the hub; ignored for a folder.
    """

    name: str
    revision: str = "main"

    @property
    def folder(self) -> Path | None:
        """Its folder; None where it is on the hub."""
        path = Path(self.name)
        return path if path.is_dir() or self.name.startswith(("/", "./", "../", "~")) else None

    def __str__(self) -> str:
        if self.folder is not None:
            return str(self.folder)
        return f"{self.name}@{self.revision}"

    @property
    def label(self) -> str:
        """Its name in logs, without a path of this machine."""
        if self.folder is None:
            return str(self)
        return f"tiny {self.folder.name}" if self.folder.parent == TINY_WEIGHTS else self.folder.name

    def locally(self) -> Path | None:
        """Return the folder with the model's files, without any request; None where files are missing."""
        if self.folder is not None:
            return self.folder if complete(self.folder) else None
        return cached_snapshot(self.name, self.revision)


CATALOGUE: dict[ModelSize, dict[Task, Checkpoint]] = {
    "tiny": {task: Checkpoint(str(TINY_WEIGHTS / task)) for task in TASKS},
    "base": {
        "caption": Checkpoint("Salesforce/blip-image-captioning-base"),
        "answer": Checkpoint("Salesforce/blip-vqa-base", "787b3d35d57e49572baabd22884b3d5a05acf072"),
        "match": Checkpoint("openai/clip-vit-base-patch16"),
    },
    "large": {
        "caption": Checkpoint(
            "Salesforce/blip-image-captioning-large", "353689b859fcf0523410b1806dace5fb46ecdf41"
        ),
        "answer": Checkpoint("Salesforce/blip-vqa-capfilt-large"),
        "match": Checkpoint("openai/clip-vit-large-patch14", "32bd64288804d66eefd0ccbe215aa642df71cc41"),
    },
}

CHAT: dict[ModelSize, Checkpoint] = {
    "tiny": Checkpoint(str(TINY_WEIGHTS / "converse")),
    "base": Checkpoint("llava-hf/llava-interleave-qwen-0.5b-hf"),
    "large": Checkpoint("llava-hf/llava-1.5-7b-hf"),
}
"""The chat models on transformers; Ollama has a library of its own."""


def parse(spec: str) -> Checkpoint:
    """Parse a setting: a folder, or a name on the hub with an optional `@revision`."""
    if Path(spec).is_dir():
        return Checkpoint(spec)
    name, _, revision = spec.partition("@")
    return Checkpoint(name, revision or "main")


def checkpoint_for(task: Task, settings: WorkerSettings) -> Checkpoint:
    """Return a task's checkpoint: the one that the settings name, otherwise the one of their size."""
    spec = {
        "caption": settings.caption_model,
        "answer": settings.answer_model,
        "match": settings.match_model,
    }[task]
    return parse(spec) if spec else CATALOGUE[settings.models][task]


def chat_checkpoint(settings: WorkerSettings) -> Checkpoint:
    """Return the chat model's checkpoint on transformers."""
    return parse(settings.chat_model) if settings.chat_model else CHAT[settings.models]


def served(settings: WorkerSettings) -> tuple[Task, ...]:
    """Return the tasks that a worker can serve: no `converse` where there is no chat model."""
    chat = chat_checkpoint(settings)
    lacks = settings.chat_with == "transformers" and not settings.chat_model and chat.folder is not None
    return tuple(task for task in settings.tasks if task != "converse" or not lacks or chat.locally())


def checkpoints(settings: WorkerSettings) -> dict[Task, Checkpoint]:
    """Return the checkpoints that a worker loads for its tasks; a chat model in Ollama is not among them."""
    return {
        task: chat_checkpoint(settings) if task == "converse" else checkpoint_for(task, settings)
        for task in served(settings)
        if task != "converse" or settings.chat_with == "transformers"
    }


def in_local_cache(wanted: ModelSize | WorkerSettings) -> bool:
    """Return whether models can be loaded without any request; only files are checked.

    Args:
        wanted: A size: all three of its models. Settings: the models of their tasks, overrides included.
    """
    try:
        return all(checkpoint.locally() is not None for checkpoint in _wanted(wanted))
    except ImportError:  # the bot's machine, without the worker's libraries
        return False


def _wanted(wanted: ModelSize | WorkerSettings) -> list[Checkpoint]:
    if isinstance(wanted, WorkerSettings):
        return list(checkpoints(wanted).values())
    return list(CATALOGUE[wanted].values())
