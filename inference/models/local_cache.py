"""Finds downloaded models in the hub's local cache, without any request. Free of torch and transformers.

huggingface_hub is imported where it is used: the bot imports this module, and may run where it is not
installed.
"""

import json
from collections.abc import Iterator
from pathlib import Path

WEIGHTS = "model.safetensors"
WEIGHTS_INDEX = "model.safetensors.index.json"
_ONE_OF = (
    ("config.json",),
    ("preprocessor_config.json", "processor_config.json"),
    ("tokenizer.json", "vocab.json", "vocab.txt"),
)


def complete(folder: Path) -> bool:
    """Return whether a folder has all files that loading needs: config, processor, tokenizer, safetensors.

    A file counts when it exists: the hub's library links a file into a snapshot only once it is complete.
    """
    return all(any((folder / name).is_file() for name in names) for names in _ONE_OF) and has_weights(folder)


def has_weights(folder: Path) -> bool:
    """Return whether a folder has a model's weights as safetensors, with every shard that its index names."""
    if (folder / WEIGHTS).is_file():
        return True
    try:
        index = json.loads((folder / WEIGHTS_INDEX).read_bytes())
        shards = set(index["weight_map"].values())
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return False
    return bool(shards) and all((folder / shard).is_file() for shard in shards)


def cached_snapshot(name: str, revision: str) -> Path | None:
    """Return the folder of a model that was downloaded before.

    Where `main` has no safetensors, the hub's own conversion of it was downloaded instead
    (`inference/models/hub_download.py`): that is found as well, the newest first.

    Args:
        name: The model's name on the hub, `owner/name`.
        revision: A branch, a tag or a full commit hash.

    Returns:
        The snapshot's folder; None where it does not exist or is incomplete.
    """
    if not _is_name(name):
        return None
    for candidate in (revision, *(_cached_conversions(name) if revision == "main" else ())):
        folder = _snapshot(name, candidate)
        if folder is not None and complete(folder):
            return folder
    return None


def _is_name(name: str) -> bool:
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]  # noqa: PLC0415

    try:
        validate_repo_id(name)
    except ValueError:
        return False
    return True


def _snapshot(name: str, revision: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache  # noqa: PLC0415

    found = try_to_load_from_cache(name, "config.json", revision=revision)
    return Path(found).parent if isinstance(found, str) else None


def _cached_conversions(name: str) -> Iterator[str]:
    from huggingface_hub import constants  # noqa: PLC0415
    from huggingface_hub.file_download import repo_folder_name  # noqa: PLC0415

    refs = Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=name, repo_type="model") / "refs/refs/pr"
    numbers = [int(ref.name) for ref in refs.glob("*") if ref.name.isdecimal()]
    return (f"refs/pr/{number}" for number in sorted(numbers, reverse=True))
