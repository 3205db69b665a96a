"""From the hub into the local cache: only the files that loading needs, and weights only as safetensors."""

import logging
from fnmatch import fnmatch
from pathlib import Path

from huggingface_hub import HfApi, constants, hf_hub_download, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

# The base of its connection errors, from whichever httpx this version of the hub's library uses.
from huggingface_hub.errors import HTTPError as ConnectionTrouble  # type: ignore[attr-defined]

from inference.models.catalogue import Checkpoint
from inference.models.errors import ModelUnavailable
from inference.models.local_cache import WEIGHTS, WEIGHTS_INDEX, complete
from inference.models.progress import Progress, hub_bar, shown

log = logging.getLogger(__name__)

FILES = (
    "config.json",
    "generation_config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "chat_template.jinja",
    "chat_template.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    WEIGHTS,
    WEIGHTS_INDEX,
    "model-*-of-*.safetensors",
)
"""Nothing else is ever fetched: no pickled weights, no code."""
CONVERSION_TITLE = "Adding `safetensors` variant of this model"
CONVERSION_AUTHOR = "SFconvertbot"
"""The hub's own converter, whose pull requests transformers itself trusts (its safetensors_conversion.py)."""


def folder_of(checkpoint: Checkpoint, progress: Progress | None = None) -> Path:
    """Have a model's files on this machine. Where they are here already, no request is made.

    Args:
        checkpoint: The model.
        progress: Told of every step; None: shown on the standard error stream.

    Returns:
        The folder with the files.

    Raises:
        ModelUnavailable: The model cannot be had, in a sentence that says what to do.
    """
    found = checkpoint.locally()
    if found is not None:
        return found
    if checkpoint.folder is not None:
        raise _bad_folder(checkpoint.folder)
    return _fetch(checkpoint, progress or shown())


def _bad_folder(folder: Path) -> ModelUnavailable:
    if not folder.is_dir():
        return ModelUnavailable(f"There is no folder {str(folder)!r} to load a model from: check its path.")
    return ModelUnavailable(
        f"The folder {str(folder)!r} does not hold a whole model: it takes config.json, a processor's and a "
        f"tokenizer's files, and the weights as {WEIGHTS}. Save it there with save_pretrained()."
    )


def _fetch(checkpoint: Checkpoint, progress: Progress) -> Path:
    try:
        return _download(checkpoint, progress)
    except HFValidationError as error:
        raise ModelUnavailable(
            f"{checkpoint.name!r} is no name of a model: write owner/name, or the path of a folder."
        ) from error
    except HfHubHTTPError as error:
        raise _refused(checkpoint, error) from error
    except (ConnectionTrouble, OfflineModeIsEnabled) as error:
        raise _unreachable(checkpoint, error) from error
    except OSError as error:  # a disk that is full, a cache folder that may not be written
        raise ModelUnavailable(f"The model {checkpoint} could not be fetched: {error}") from error


def _refused(checkpoint: Checkpoint, error: Exception) -> ModelUnavailable:
    if isinstance(error, GatedRepoError):
        return ModelUnavailable(
            f"The model {checkpoint.name!r} is only for those who accepted its terms: accept them on the hub "
            "and set HF_TOKEN."
        )
    if isinstance(error, RepositoryNotFoundError):
        return ModelUnavailable(
            f"The hub has no model named {checkpoint.name!r}: check the name (or, where it is private, set "
            "HF_TOKEN)."
        )
    if isinstance(error, RevisionNotFoundError):
        return ModelUnavailable(
            f"The model {checkpoint.name!r} has no revision {checkpoint.revision!r}: check what stands after "
            "the @."
        )
    return _unreachable(checkpoint, error)


def _unreachable(checkpoint: Checkpoint, error: Exception) -> ModelUnavailable:
    if constants.HF_HUB_OFFLINE:
        return ModelUnavailable(
            f"The model {checkpoint} is not in the local cache, and HF_HUB_OFFLINE forbids to fetch it: "
            "unset that and run `make models` once."
        )
    return ModelUnavailable(
        f"The model {checkpoint} is not in the local cache, and {constants.ENDPOINT} could not be asked "
        f"for it ({type(error).__name__}): check the connection and run `make models`, or set "
        "BEHOLDER_MODELS=tiny."
    )


def _download(checkpoint: Checkpoint, progress: Progress) -> Path:
    revision, commit, files = _listing(HfApi(), checkpoint)
    log.info("Fetching %s at %s, %d files", checkpoint.name, commit, len(files))
    # File by file at one commit, for a bar each; what is there already costs nothing.
    for file in files:
        hf_hub_download(checkpoint.name, file, revision=commit, tqdm_class=hub_bar(progress, file))
    # All is there: this writes down which commit the revision is, for the next start without a connection.
    folder = Path(snapshot_download(checkpoint.name, revision=revision, allow_patterns=list(FILES)))
    if not complete(folder):
        raise ModelUnavailable(
            f"The model {checkpoint} lacks a config, a processor's or a tokenizer's files on the hub: choose "
            "another model."
        )
    return folder


def _listing(api: HfApi, checkpoint: Checkpoint) -> tuple[str, str, list[str]]:
    """Find the revision that has safetensors, its commit, and the files to fetch, small ones first."""
    for revision in (checkpoint.revision, _conversion(api, checkpoint)):
        if revision is None:
            break
        info = api.model_info(checkpoint.name, revision=revision)
        files = [entry.rfilename for entry in info.siblings or [] if _wanted(entry.rfilename)]
        if info.sha is not None and any(file.endswith(".safetensors") for file in files):
            return revision, info.sha, sorted(files, key=lambda file: (file.endswith(".safetensors"), file))
    raise ModelUnavailable(
        f"The model {checkpoint} has no weights as safetensors, and pickled weights are never loaded here: "
        "choose a model or a revision (name@revision) that has them."
    )


def _wanted(file: str) -> bool:
    return "/" not in file and any(fnmatch(file, pattern) for pattern in FILES)


def _conversion(api: HfApi, checkpoint: Checkpoint) -> str | None:
    """Find the newest pull request in which the hub's own converter put main's weights as safetensors."""
    if checkpoint.revision != "main":
        return None
    found = [
        discussion
        for discussion in api.get_repo_discussions(
            checkpoint.name, author=CONVERSION_AUTHOR, discussion_type="pull_request"
        )
        # Anybody may open a pull request with this title: the author is what counts.
        if discussion.title == CONVERSION_TITLE
        and discussion.author == CONVERSION_AUTHOR
        and discussion.is_pull_request
    ]
    newest = max(found, key=lambda discussion: discussion.num, default=None)
    return newest.git_reference if newest else None
