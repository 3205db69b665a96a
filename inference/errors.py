"""What can go wrong, as a tree; each leaf with a code that is stable on the wire.

    BeholderError
    ├── PictureError            the picture's fault: say so in its place, go on with the others
    │   ├── NotAPicture         not_a_picture      the bytes are no picture of a kind we read
    │   ├── BrokenPicture       broken_picture     it starts like one and cannot be decoded
    │   ├── PictureTooLarge     picture_too_large  too many bytes or pixels        (limit, value, unit)
    │   ├── PictureTooSlow      picture_too_slow   decoding took too long or too much memory
    │   └── PictureGone         picture_gone       its bytes are no longer kept: post it again
    ├── RequestError            what was asked cannot be done as it stands
    │   ├── QuestionTooLong     question_too_long  (limit, value, unit)
    │   ├── LabelTooLong        label_too_long     (label: its number from 1, limit, value, unit)
    │   ├── ConversationTooLong conversation_too_long  (limit, value, picture_tokens, unit)
    │   └── NotServed           not_served         no worker serves this task or model
    ├── Busy                    come back later
    │   ├── QueueFull           queue_full         (retry_after: seconds)
    │   └── TooManyInFlight     too_many_in_flight (limit: jobs of one person at a time)
    ├── Expired                 expired            nobody answered before the deadline
    ├── ChatError               the model that converses
    │   ├── ChatUnavailable     chat_unavailable   Ollama is not there         (where: host and port)
    │   ├── ChatModelMissing    chat_model_missing it has no such model, nor can it fetch it  (model)
    │   ├── ChatModelPulling    chat_model_pulling it is being fetched, and the deadline is here
    │   └── ChatInterrupted     chat_interrupted   it broke off in the middle: ask again
    ├── JobFailed               nobody's fault who asked
    │   ├── ModelFailed         model_failed       the model raised
    │   └── WorkerLost          worker_lost        it took three workers down: given up
    └── QueueUnavailable        queue_unavailable  Redis cannot be reached

`detail` holds only numbers and limits: never what people posted.
"""

from typing import ClassVar

Detail = dict[str, str | float]


class BeholderError(Exception):
    """The root of every error that a person may be told of.

    Args:
        sentence: What was wrong, with the value, and what to do; for logs and developers. People on Discord
            read the sentence that `bot/replies.py` makes from the code and the detail.
        detail: The numbers in it.
    """

    code: ClassVar[str] = "error"

    def __init__(self, sentence: str = "", /, **detail: str | float) -> None:
        super().__init__(sentence or self.__doc__ or self.code)
        self.detail: Detail = detail


class PictureError(BeholderError):
    """The picture cannot be used."""

    code = "picture"


class NotAPicture(PictureError):
    """The bytes are no picture of a kind that is read here."""

    code = "not_a_picture"


class BrokenPicture(PictureError):
    """The bytes start like a picture and cannot be decoded."""

    code = "broken_picture"


class PictureTooLarge(PictureError):
    """The picture has more bytes or pixels than are allowed."""

    code = "picture_too_large"


class PictureTooSlow(PictureError):
    """Decoding the picture took more time or memory than is allowed."""

    code = "picture_too_slow"


class PictureGone(PictureError):
    """The picture's bytes are no longer kept."""

    code = "picture_gone"


class RequestError(BeholderError):
    """What was asked cannot be done as it stands."""

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
    """No worker serves this task."""

    code = "not_served"


class Busy(BeholderError):
    """There is too much to do: come back later."""

    code = "busy"


class QueueFull(Busy):
    """The queue holds as many jobs, or as many bytes of pictures, as it may."""

    code = "queue_full"


class TooManyInFlight(Busy):
    """One person has as many jobs under way as one person may."""

    code = "too_many_in_flight"


class Expired(BeholderError):
    """The job's deadline passed before a worker came to it."""

    code = "expired"


class ChatError(BeholderError):
    """The model that converses cannot answer."""

    code = "chat"


class ChatUnavailable(ChatError):
    """Ollama is not there."""

    code = "chat_unavailable"


class ChatModelMissing(ChatError):
    """Ollama does not have the model and cannot fetch it."""

    code = "chat_model_missing"


class ChatModelPulling(ChatError):
    """Ollama is still fetching the model."""

    code = "chat_model_pulling"


class ChatInterrupted(ChatError):
    """The generation broke off in the middle."""

    code = "chat_interrupted"


class JobFailed(BeholderError):
    """The job failed through no fault of whoever asked."""

    code = "job_failed"


class ModelFailed(JobFailed):
    """The model raised an error on this job."""

    code = "model_failed"


class WorkerLost(JobFailed):
    """Three workers in a row went down with this job alone in hand."""

    code = "worker_lost"


class QueueUnavailable(BeholderError):
    """Redis cannot be reached."""

    code = "queue_unavailable"


def _leaves(root: type[BeholderError]) -> list[type[BeholderError]]:
    return [root, *(leaf for child in root.__subclasses__() for leaf in _leaves(child))]


def from_code(code: str, detail: Detail) -> BeholderError:
    """Make the error again that a `Failure` carries.

    Returns:
        The error of that code, or a `JobFailed` that names the code where it is not one of ours.
    """
    for kind in _leaves(BeholderError):
        if kind.code == code:
            return kind("", **detail)
    return JobFailed(
        f"The worker answered with an unknown error code {code!r}: are bot and worker the same version?"
    )
