"""The wire format between bot and worker: requests, jobs and replies.

All of it goes through Redis as JSON with a schema version. Reading another version, an unknown field or a
value out of range raises a `pydantic.ValidationError`; a job is never read in part.
"""

import hashlib
import operator
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

VERSION: Literal[1] = 1
MAX_PICTURES = 10
"""Discord's limit of attachments in a message."""
MAX_LABELS = 25
MAX_LABEL_LENGTH = 200
"""Characters; the worker checks CLIP's own limit of 77 tokens."""
MAX_QUESTION_LENGTH = 500
"""Characters; BLIP's text encoder takes 512 tokens."""
MAX_TURNS = 200
MAX_CHAT_PICTURES = 20
"""Images in a conversation that is sent to a worker: each takes hundreds of tokens of a model's context."""
MAX_TURN_LENGTH = 4000
"""Characters; Discord's limit for messages of Nitro subscribers."""
MAX_SPEAKER_LENGTH = 80
"""Characters of a display name; Discord's own limit is 32."""

Task = Literal["caption", "answer", "match", "converse"]
Priority = Literal["waiting", "unasked"]
"""`waiting`: a user waits for the result (command, mention, thread). `unasked`: a message is captioned
unasked."""


class WireModel(BaseModel):
    """Base of all wire models: frozen, and unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Scope = Annotated[str, Field(pattern=r"^(guild|dm):[0-9]{1,20}$")]
"""The guild (`guild:<id>`) or DM (`dm:<channel id>`) that data belongs to. Nothing is shared across
scopes."""


class Picture(WireModel):
    """A reference to an image file in Redis.

    Attributes:
        scope: The guild or DM that it belongs to.
        digest: SHA-256 of the file as it was posted, 64 hexadecimal digits.
        size: The file's bytes.
    """

    scope: Scope
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    size: int = Field(ge=1)

    @classmethod
    def of(cls, scope: str, data: bytes) -> "Picture":
        """Return the reference to the file `data` in `scope`."""
        return cls(scope=scope, digest=hashlib.sha256(data).hexdigest(), size=len(data))


class SinglePictureRequest(WireModel):
    """A request about one image.

    Attributes:
        thumbnail: Whether the result is to have its thumbnail.
    """

    picture: Picture
    thumbnail: bool = False

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """The images that the worker has to decode."""
        return (self.picture,)

    @property
    def scope(self) -> str:
        """The guild or DM that the request belongs to."""
        return self.picture.scope


class Caption(SinglePictureRequest):
    """Request to describe one image."""

    task: Literal["caption"] = "caption"


class Answer(SinglePictureRequest):
    """Request to answer a question about one image."""

    task: Literal["answer"] = "answer"
    question: str = Field(min_length=1, max_length=MAX_QUESTION_LENGTH)


class Match(WireModel):
    """Request to score every image against every label; the result has thumbnails.

    Attributes:
        partial: Whether images that cannot be used are left out of the result, which names them; otherwise
            the first of them fails the job.
    """

    task: Literal["match"] = "match"
    thumbnail: ClassVar[bool] = True
    pictures: tuple[Picture, ...] = Field(min_length=1, max_length=MAX_PICTURES)
    labels: tuple[Annotated[str, Field(min_length=1, max_length=MAX_LABEL_LENGTH)], ...] = Field(
        min_length=1, max_length=MAX_LABELS
    )
    # Left out where it is false, as before there was such a field.
    partial: bool = Field(False, exclude_if=operator.not_)

    @property
    def scope(self) -> str:
        """The guild or DM that the request belongs to."""
        return self.pictures[0].scope


class Turn(WireModel):
    """One turn of a conversation.

    Attributes:
        role: `user` for users, `assistant` for the bot.
        speaker: The user's display name, as untrusted as the text; empty where it does not matter.
        text: The text; may be empty where there are images.
        pictures: The images that were posted with it, in order.
    """

    role: Literal["user", "assistant"]
    speaker: str = Field("", max_length=MAX_SPEAKER_LENGTH)
    text: str = Field(max_length=MAX_TURN_LENGTH)
    pictures: tuple[Picture, ...] = Field((), max_length=MAX_PICTURES)


class Converse(WireModel):
    """Request for the next reply of a conversation; it is streamed.

    Attributes:
        scope: The guild or DM that the conversation belongs to; it may have no images that name it.
        turns: The turns so far, the oldest first, trimmed to the model's context by the submitter. The last
            is a user's.
    """

    task: Literal["converse"] = "converse"
    thumbnail: ClassVar[bool] = False
    scope: Scope
    turns: tuple[Turn, ...] = Field(min_length=1, max_length=MAX_TURNS)

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """The images of all turns, in order; one that was posted twice is there twice."""
        return tuple(picture for turn in self.turns for picture in turn.pictures)

    @model_validator(mode="after")
    def _answerable(self) -> Self:
        if self.turns[-1].role != "user":
            raise ValueError("the last turn is the bot's: there is nothing to answer")
        if len(self.pictures) > MAX_CHAT_PICTURES:
            raise ValueError(
                f"{len(self.pictures)} images in one conversation; {MAX_CHAT_PICTURES} are allowed"
            )
        return self


Request = Annotated[Caption | Answer | Match | Converse, Field(discriminator="task")]


def in_one_scope(request: Request) -> bool:
    """Return whether a request and all its images belong to the same guild or DM."""
    return {picture.scope for picture in request.pictures} <= {request.scope}


class Group(WireModel):
    """The jobs of one message's images; they may wait 10 ms for each other to be in one batch.

    Attributes:
        id: The same for all jobs of the message.
        size: The number of jobs in the group.
    """

    id: str = Field(min_length=1, max_length=64)
    size: int = Field(ge=1, le=MAX_PICTURES)


class Job(WireModel):
    """A request with the data that the queue needs.

    Attributes:
        id: Made from the request's identity (`job_id`), so that a retry is the same job.
        priority: The one of the task's two streams that it is added to.
        asker: Discord's id of the user, for the limit of open jobs.
        reply_to: The name of the bot whose reply stream gets the replies (not the whole key).
        submitted: Unix time in seconds.
        deadline: Unix time in seconds after which the job is dropped.
    """

    v: Literal[1] = VERSION
    id: str = Field(pattern=r"^[0-9a-f]{32}$")
    request: Request
    priority: Priority
    asker: str = Field(pattern=r"^[0-9]{1,20}$")
    group: Group
    reply_to: str = Field(min_length=1, max_length=64)
    submitted: float = Field(ge=0, allow_inf_nan=False)
    deadline: float = Field(ge=0, allow_inf_nan=False)


def job_id(*parts: str | int) -> str:
    """Return a job's id, made from the parts that identify the request: the same parts give the same id.

    Args:
        parts: For a message: its id, the attachment's id, the task, and the question or labels.

    Returns:
        32 hexadecimal digits (128 bits of SHA-256 over the parts, each with its length before it).
    """
    digest = hashlib.sha256()
    for part in parts:
        raw = str(part).encode()
        digest.update(f"{len(raw)}:".encode() + raw)
    return digest.hexdigest()[:32]


class ResultWithThumbnails(WireModel):
    """An outcome with thumbnails.

    Attributes:
        thumbnails: JPEG files of the images, upright and without metadata, in their order; empty where none
            were requested, or the queue had no room for them.
        cut_off: The images whose files are cut off, by their numbers in the request, from 1: the outcome is
            about what is there of them.
    """

    thumbnails: tuple[Picture, ...] = Field((), max_length=MAX_PICTURES)
    cut_off: tuple[Annotated[int, Field(ge=1, le=MAX_PICTURES)], ...] = Field(
        (), max_length=MAX_PICTURES, exclude_if=operator.not_
    )


class Captioned(ResultWithThumbnails):
    """The outcome of a `Caption`."""

    task: Literal["caption"] = "caption"
    text: str


class Answered(ResultWithThumbnails):
    """The outcome of an `Answer`."""

    task: Literal["answer"] = "answer"
    text: str


class UnusablePicture(WireModel):
    """An image of a request that is left out of its result.

    Attributes:
        number: Its number in the request, from 1.
        code: The code of an `inference.errors.PictureError`.
        detail: The numbers for the error's sentence, never user content.
    """

    number: int = Field(ge=1, le=MAX_PICTURES)
    code: str
    detail: dict[str, str | float] = {}


class Matched(ResultWithThumbnails):
    """The outcome of a `Match`.

    Attributes:
        unusable: The images that could not be used, by their numbers; the others have rows and thumbnails.
        cosine: Cosine similarities from -1 to 1: a row for each image, a column for each label.
        share: Of the same shape: the softmax over the labels at the model's own temperature, 0 to 1; each row
            sums to 1.
    """

    task: Literal["match"] = "match"
    cosine: tuple[tuple[float, ...], ...]
    share: tuple[tuple[float, ...], ...]
    unusable: tuple[UnusablePicture, ...] = Field((), max_length=MAX_PICTURES, exclude_if=operator.not_)


class Conversed(WireModel):
    """The outcome of a `Converse`.

    Attributes:
        text: The whole reply, or the text so far when it was cancelled.
        prompt_tokens: Tokens of the conversation, images included; None when unknown.
        reply_tokens: Tokens of the reply; None when unknown.
        stopped: Whether it was cancelled (`InferenceClient.stop`).
        cut_off: Whether it ended at the limit of its tokens, and not by itself.
        in_thought: Whether it ended while the model was still thinking. Thoughts are not part of the text.
        cut_off_files: The images whose files are cut off, by their numbers in the request, from 1.
    """

    task: Literal["converse"] = "converse"
    text: str
    prompt_tokens: int | None = None
    reply_tokens: int | None = None
    stopped: bool = False
    cut_off: bool = False
    in_thought: bool = False
    cut_off_files: tuple[Annotated[int, Field(ge=1, le=MAX_CHAT_PICTURES)], ...] = Field(
        (), max_length=MAX_CHAT_PICTURES, exclude_if=operator.not_
    )


Outcome = Annotated[Captioned | Answered | Matched | Conversed, Field(discriminator="task")]


class Timings(WireModel):
    """Durations of a job's stages, in milliseconds.

    Attributes:
        waited: From the submission until a worker claimed it.
        decode: Fetching, decoding and preparing its images.
        forward: The model's forward pass on its batch.
        batch: The number of jobs in that batch.
        done: Unix time in seconds at which the model was done; the time after it is the reply's delivery.
    """

    waited: float = 0
    decode: float = 0
    forward: float = 0
    batch: int = 1
    done: float | None = None


class Result(WireModel):
    """The final reply to a job that succeeded."""

    v: Literal[1] = VERSION
    kind: Literal["result"] = "result"
    job_id: str
    outcome: Outcome
    timings: Timings = Timings()


class Failure(WireModel):
    """The final reply to a job that failed.

    Attributes:
        code: An `inference.errors.BeholderError.code`.
        detail: The numbers for the error's sentence (limits, sizes), never user content.
    """

    v: Literal[1] = VERSION
    kind: Literal["failure"] = "failure"
    job_id: str
    code: str
    detail: dict[str, str | float] = {}


class Delta(WireModel):
    """A piece of a text that is still being generated, for jobs that stream.

    Attributes:
        attempt: From 0. A job that lost its worker is generated anew by another, whose text may differ: the
            deltas of an attempt replace all those of earlier attempts.
        seq: From 0 in each attempt.
        text: The continuation of the previous delta's text.
        anew: Whether it replaces the text of all deltas before: they were thoughts.
    """

    v: Literal[1] = VERSION
    kind: Literal["delta"] = "delta"
    job_id: str
    attempt: int = Field(0, ge=0)
    seq: int = Field(ge=0)
    text: str
    anew: bool = False


class Progress(WireModel):
    """Progress of a long step before a job can begin.

    Attributes:
        what: `pulling`: the model is being fetched; `retrying`: the model server is overloaded, and is asked
            again; `thinking`: the model thinks before it answers.
        done: The fraction done, 0 to 1; None when unknown.
    """

    v: Literal[1] = VERSION
    kind: Literal["progress"] = "progress"
    job_id: str
    what: Literal["pulling", "retrying", "thinking"] = "pulling"
    done: float | None = Field(None, ge=0, le=1, allow_inf_nan=False)


Reply = Annotated[Result | Failure | Delta | Progress, Field(discriminator="kind")]
replies: TypeAdapter[Result | Failure | Delta | Progress] = TypeAdapter(Reply)
"""Parses a reply from JSON: `replies.validate_json(raw)`."""
