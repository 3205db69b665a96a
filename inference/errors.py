"""The error tree. Each leaf has a code that is stable on the wire.

    BeholderError
    ├── PictureError            an image cannot be used; the others are not affected
    │   ├── NotAPicture         not_a_picture      the file is of no supported media type  (kind: video)
    │   ├── BrokenPicture       broken_picture     it is of a supported type and cannot be decoded
    │   ├── PictureTooLarge     picture_too_large  too many bytes or pixels        (limit, value, unit)
    │   ├── PictureTooSlow      picture_too_slow   decoding took too long or too much memory
    │   ├── PictureGone         picture_gone       its bytes are no longer kept: post it again
    │   └── NoPictureUsable     no_picture_usable  none of several can be used (not on the wire)
    ├── RequestError            the request cannot be served in this form
    │   ├── QuestionTooLong     question_too_long  (limit, value, unit)
    │   ├── LabelTooLong        label_too_long     (label: its number from 1, limit, value, unit)
    │   ├── ConversationTooLong conversation_too_long  (limit, value, picture_tokens, unit)
    │   └── NotServed           not_served         no worker serves this task or model
    ├── Busy                    come back later
    │   ├── QueueFull           queue_full         (retry_after: seconds)
    │   └── TooManyInFlight     too_many_in_flight (limit, open: jobs of one user; after a wait also
    │   │                                          retry_after: seconds)
    ├── Expired                 expired            no reply came before the deadline
    ├── ChatError               the chat model cannot reply
    │   ├── ChatUnavailable     chat_unavailable   Ollama cannot be reached    (where: host and port)
    │   ├── ChatNotOllama       chat_not_ollama    another server answers there         (where)
    │   ├── ChatNotAllowed      chat_not_allowed   Ollama, or a proxy before it, refuses this worker (where)
    │   ├── ChatBusy            chat_busy          Ollama is overloaded, also after retries
    │   │                       (retry_after: seconds, where it says so)
    │   ├── ChatNoVision        chat_no_vision     the model reads no pictures          (model)
    │   ├── ChatOutOfMemory     chat_out_of_memory Ollama has too little memory for it  (model)
    │   ├── ChatModelMissing    chat_model_missing Ollama has no such model and cannot fetch it  (model)
    │   ├── ChatModelPulling    chat_model_pulling the model is still being fetched at the deadline
    │   ├── ChatNotBegun        chat_not_begun     the model gave no sign in time          (seconds)
    │   └── ChatInterrupted     chat_interrupted   the generation broke off: ask again
    ├── JobFailed               the job failed for no reason in the request
    │   ├── ModelFailed         model_failed       the model raised
    │   └── WorkerLost          worker_lost        three workers ended while it ran isolated: given up
    └── QueueUnavailable        queue_unavailable  Redis cannot be reached

`detail` holds only numbers, limits and names from the settings: never user content.
"""

import traceback
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

Detail = dict[str, str | float]


class BeholderError(Exception):
    """The root of every error that may be shown to a user.

    Args:
        sentence: The cause, with its value, and what to do about it; for logs and developers. Discord users
            read the sentence that `bot/formatting/errors.py` makes from the code and the detail.
        detail: The numbers in that sentence.
    """

    code: ClassVar[str] = "error"

    def __init__(self, sentence: str = "", /, **detail: str | float) -> None:
        super().__init__(sentence or self.__doc__ or self.code)
        self.detail: Detail = detail


class PictureError(BeholderError):
    """The image cannot be used."""

    code = "picture"


class NotAPicture(PictureError):
    """The file is of no supported media type."""

    code = "not_a_picture"


class BrokenPicture(PictureError):
    """The file is of a supported media type and cannot be decoded."""

    code = "broken_picture"


class PictureTooLarge(PictureError):
    """The image has more bytes or pixels than are allowed."""

    code = "picture_too_large"


class PictureTooSlow(PictureError):
    """Decoding the image took more time or memory than is allowed."""

    code = "picture_too_slow"


class PictureGone(PictureError):
    """The image's bytes are no longer kept."""

    code = "picture_gone"


class NoPictureUsable(PictureError):
    """None of several images can be used.

    Attributes:
        errors: Why, for each in its order, by its number from 1.
    """

    code = "no_picture_usable"
    errors: Mapping[int, BeholderError] = MappingProxyType({})

    @classmethod
    def of(cls, errors: Mapping[int, BeholderError]) -> BeholderError:
        """Return the error of several images.

        Args:
            errors: Why each cannot be used, by its number from 1; at least one.

        Returns:
            One that names each; the one error where there is one image, or where all share a reason that has
            nothing to do with the images.
        """
        first = next(iter(errors.values()))
        shared = len({each.code for each in errors.values()}) == 1 and not isinstance(first, PictureError)
        if len(errors) == 1 or shared:
            return first
        error = cls("; ".join(f"image {number}: {each}" for number, each in errors.items()))
        error.errors = errors
        return error


class RequestError(BeholderError):
    """The request cannot be served in this form."""

    code = "request"


class QuestionTooLong(RequestError):
    """The question has more tokens than the model reads."""

    code = "question_too_long"


class LabelTooLong(RequestError):
    """A label has more tokens than the model reads."""

    code = "label_too_long"


class ConversationTooLong(RequestError):
    """The conversation has more tokens than the model reads."""

    code = "conversation_too_long"


class NotServed(RequestError):
    """No live worker serves this task."""

    code = "not_served"


class Busy(BeholderError):
    """The queue is at a limit: come back later."""

    code = "busy"


class QueueFull(Busy):
    """The queue is at its limit of jobs or of image bytes."""

    code = "queue_full"


class TooManyInFlight(Busy):
    """The user is at the limit of open jobs.

    Attributes:
        room_at: Unix time in seconds at which the first of them ends, at the latest; None where unknown.
    """

    code = "too_many_in_flight"
    room_at: float | None = None


class Expired(BeholderError):
    """The job's deadline passed before it was done."""

    code = "expired"


class ChatError(BeholderError):
    """The chat model cannot reply."""

    code = "chat"


class ChatUnavailable(ChatError):
    """Ollama cannot be reached."""

    code = "chat_unavailable"


class ChatNotOllama(ChatError):
    """The server at Ollama's address is another one."""

    code = "chat_not_ollama"


class ChatNotAllowed(ChatError):
    """Ollama, or a proxy before it, refuses this worker."""

    code = "chat_not_allowed"


class ChatBusy(ChatError):
    """Ollama is overloaded, also after retries."""

    code = "chat_busy"


class ChatNoVision(ChatError):
    """The chat model reads no pictures."""

    code = "chat_no_vision"


class ChatOutOfMemory(ChatError):
    """Ollama has too little memory for the chat model."""

    code = "chat_out_of_memory"


class ChatModelMissing(ChatError):
    """Ollama does not have the model and cannot fetch it."""

    code = "chat_model_missing"


class ChatModelPulling(ChatError):
    """Ollama is still fetching the model."""

    code = "chat_model_pulling"


class ChatNotBegun(ChatError):
    """The chat model gave no sign in time."""

    code = "chat_not_begun"


class ChatInterrupted(ChatError):
    """The generation broke off in the middle."""

    code = "chat_interrupted"


class JobFailed(BeholderError):
    """The job failed for no reason in the request."""

    code = "job_failed"


class ModelFailed(JobFailed):
    """The model raised an error on this job."""

    code = "model_failed"


class WorkerLost(JobFailed):
    """Three workers in a row ended while they ran this job isolated."""

    code = "worker_lost"


class QueueUnavailable(BeholderError):
    """Redis cannot be reached."""

    code = "queue_unavailable"


def _subtree(root: type[BeholderError]) -> list[type[BeholderError]]:
    return [root, *(leaf for child in root.__subclasses__() for leaf in _subtree(child))]


def from_code(code: str, detail: Detail) -> BeholderError:
    """Return the error that a `Failure` carries.

    Returns:
        The error with that code; a `JobFailed` that names the code where it is unknown.
    """
    for kind in _subtree(BeholderError):
        if kind.code == code:
            return kind("", **detail)
    return JobFailed(
        f"The worker replied with an unknown error code {code!r}: are bot and worker the same version?"
    )


def error_place(error: BaseException) -> str:
    """Name an error's type and place for the log, never its text: it may hold what members wrote."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
    return f"{type(error).__name__} at {place}"
