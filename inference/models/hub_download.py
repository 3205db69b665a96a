"""Downloads models from the hub into the local cache.

Only the files that are loaded, and weights only as safetensors.
"""

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

# The base of its connection errors, of whichever httpx this version of the hub's library uses.
from huggingface_hub.errors import HTTPError as HubConnectionError  # type: ignore[attr-defined]

from inference.models.catalogue import Checkpoint
from inference.models.errors import ModelUnavailable
from inference.models.local_cache import WEIGHTS, WEIGHTS_INDEX, complete
from inference.models.progress import Progress, default_progress, hub_bar

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
"""The only files that are downloaded: no pickled weights, no code."""
CONVERSION_TITLE = "Adding `safetensors` variant of this model"
CONVERSION_AUTHOR = "SFconvertbot"
"""The hub's own converter, whose pull requests transformers itself trusts (its safetensors_conversion.py)."""


def local_folder(checkpoint: Checkpoint, progress: Progress | None = None) -> Path:
    """Return the folder with a model's files, after downloading them where they are missing.

    Where they are in the cache, no request is made.

    Args:
        checkpoint: The model.
        progress: Called with each step; None: shown on standard error.

    Raises:
        ModelUnavailable: The model cannot be downloaded, or the folder is incomplete; the message says what
            to do.
    """
    found = checkpoint.locally()
    if found is not None:
        return found
    if checkpoint.folder is not None:
        raise _bad_folder(checkpoint.folder)
    return _download(checkpoint, progress or default_progress())


def _bad_folder(folder: Path) -> ModelUnavailable:
    if not folder.is_dir():
        return ModelUnavailable(f"There is no folder {str(folder)!r} to load a model from: check its path.")
    return ModelUnavailable(
        f"The folder {str(folder)!r} does not hold a complete model: it needs config.json, a processor's and "
        f"a tokenizer's files, and the weights as {WEIGHTS}. Save it there with save_pretrained()."
    )


def _download(checkpoint: Checkpoint, progress: Progress) -> Path:
    try:
        return _download_files(checkpoint, progress)
    except HFValidationError as error:
        raise ModelUnavailable(
            f"{checkpoint.name!r} is no name of a model: write owner/name, or the path of a folder."
        ) from error
    except HfHubHTTPError as error:
        raise _http_error(checkpoint, error) from error
    except (HubConnectionError, OfflineModeIsEnabled) as error:
        raise _unreachable(checkpoint, error) from error
    except OSError as error:  # a full disk, a cache folder without write permission
        raise ModelUnavailable(f"The model {checkpoint} could not be downloaded: {error}") from error


def _http_error(checkpoint: Checkpoint, error: Exception) -> ModelUnavailable:
    if isinstance(error, GatedRepoError):
        return ModelUnavailable(
            f"The model {checkpoint.name!r} is only for users who accepted its terms: accept them on the "
            "hub and set HF_TOKEN."
        )
    if isinstance(error, RepositoryNotFoundError):
        return ModelUnavailable(
            f"The hub has no model named {checkpoint.name!r}: check the name (or, where it is private, set "
            "HF_TOKEN)."
        )
    if isinstance(error, RevisionNotFoundError):
        return ModelUnavailable(
            f"The model {checkpoint.name!r} has no revision {checkpoint.revision!r}: check the part after "
            "the @."
        )
    return _unreachable(checkpoint, error)


def _unreachable(checkpoint: Checkpoint, error: Exception) -> ModelUnavailable:
    if constants.HF_HUB_OFFLINE:
        return ModelUnavailable(
            f"The model {checkpoint} is not in the local cache, and HF_HUB_OFFLINE forbids to download it: "
            "unset that and run `make models` once."
        )
    return ModelUnavailable(
        f"The model {checkpoint} is not in the local cache, and {constants.ENDPOINT} could not be reached "
        f"({type(error).__name__}): check the connection and run `make models`, or set BEHOLDER_MODELS=tiny."
    )


def _download_files(checkpoint: Checkpoint, progress: Progress) -> Path:
    revision, commit, files = _listing(HfApi(), checkpoint)
    log.info("downloading %s at %s, %d files", checkpoint.name, commit, len(files))
    # File by file at one commit, for a progress bar each; files that are there already cost nothing.
    for file in files:
        hf_hub_download(checkpoint.name, file, revision=commit, tqdm_class=hub_bar(progress, file))
    # All files are there: this records the revision's commit, for the next start without a connection.
    folder = Path(snapshot_download(checkpoint.name, revision=revision, allow_patterns=list(FILES)))
    if not complete(folder):
        raise ModelUnavailable(
            f"The model {checkpoint} lacks a config, a processor's or a tokenizer's files on the hub: choose "
            "another model."
        )
    return folder


def _listing(api: HfApi, checkpoint: Checkpoint) -> tuple[str, str, list[str]]:
    """Return the revision that has safetensors, its commit, and the files to download, small ones first."""
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
    """Return the newest pull request in which the hub's own converter added main's weights as safetensors."""
    if checkpoint.revision != "main":
        return None
    found = [
        discussion
        for discussion in api.get_repo_discussions(
            checkpoint.name, author=CONVERSION_AUTHOR, discussion_type="pull_request"
        )
        # Any user may open a pull request with this title, so the author is checked.
        if discussion.title == CONVERSION_TITLE
        and discussion.author == CONVERSION_AUTHOR
        and discussion.is_pull_request
    ]
    newest = max(found, key=lambda discussion: discussion.num, default=None)
    return newest.git_reference if newest else None
