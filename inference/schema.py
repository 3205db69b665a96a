"""The words on the wire: what the bot asks of a worker, and what comes back.

Everything here travels through Redis as JSON with a schema version. A reader that meets another version, an
unknown field or a value out of range gets a `pydantic.ValidationError`, never a half-read job.
"""

import hashlib
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

VERSION: Literal[1] = 1
MAX_PICTURES = 10
"""Discord's limit of attachments on a message."""
MAX_LABELS = 25
MAX_LABEL_LENGTH = 200
"""Characters; CLIP's own limit of 77 tokens is the worker's to check."""
MAX_QUESTION_LENGTH = 500
"""Characters; BLIP's text encoder takes 512 tokens."""
MAX_TURNS = 200
MAX_CHAT_PICTURES = 20
"""Pictures in a conversation as it goes to a worker: each takes hundreds of tokens of a model's context."""
MAX_TURN_LENGTH = 4000
"""Characters; Discord's limit for the messages of whoever pays it most."""
MAX_SPEAKER_LENGTH = 80
"""Characters of a display name; Discord's own limit is 32."""

Task = Literal["caption", "answer", "match", "converse"]
Priority = Literal["waiting", "unasked"]
"""`waiting`: somebody waits for it (command, mention, thread). `unasked`: a post captioned unasked."""


class WireModel(BaseModel):
    """The base of everything on the wire: frozen, and nothing unknown gets in."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Scope = Annotated[str, Field(pattern=r"^(guild|dm):[0-9]{1,20}$")]
"""The server or DM that something belongs to."""


class Picture(WireModel):
    """A picture's bytes in Redis, by reference.

    Attributes:
        scope: The server or DM that it belongs to (`guild:<id>` or `dm:<channel id>`). Nothing is shared
            across scopes.
        digest: SHA-256 of the bytes as they were posted, 64 hexadecimal digits.
        size: The bytes' number.
    """

    scope: Scope
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    size: int = Field(ge=1)

    @classmethod
    def of(cls, scope: str, data: bytes) -> "Picture":
        """Name the picture whose bytes are `data` in `scope`."""
        return cls(scope=scope, digest=hashlib.sha256(data).hexdigest(), size=len(data))


class SinglePictureRequest(WireModel):
    """A request about one picture.

    Attributes:
        thumbnail: Whether a small copy of it is wanted beside the words.
    """

    picture: Picture
    thumbnail: bool = False

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """Return the pictures that the worker has to decode."""
        return (self.picture,)

    @property
    def scope(self) -> str:
        """Return the server or DM that the request belongs to."""
        return self.picture.scope


class Caption(SinglePictureRequest):
    """Describe one picture."""

    task: Literal["caption"] = "caption"


class Answer(SinglePictureRequest):
    """Answer a question about one picture."""

    task: Literal["answer"] = "answer"
    question: str = Field(min_length=1, max_length=MAX_QUESTION_LENGTH)


class Match(WireModel):
    """Score every picture against every label; thumbnails come with the scores."""

    task: Literal["match"] = "match"
    thumbnail: ClassVar[bool] = True
    pictures: tuple[Picture, ...] = Field(min_length=1, max_length=MAX_PICTURES)
    labels: tuple[Annotated[str, Field(min_length=1, max_length=MAX_LABEL_LENGTH)], ...] = Field(
        min_length=1, max_length=MAX_LABELS
    )

    @property
    def scope(self) -> str:
        """Return the server or DM that the request belongs to."""
        return self.pictures[0].scope


class Turn(WireModel):
    """What one side said in a conversation.

    Attributes:
        role: `user` for people, `assistant` for the bot.
        speaker: The display name of the person, as hostile as the text; empty where it does not matter.
        text: What was said; may be empty where there are pictures.
        pictures: What was posted with it, in order.
    """

    role: Literal["user", "assistant"]
    speaker: str = Field("", max_length=MAX_SPEAKER_LENGTH)
    text: str = Field(max_length=MAX_TURN_LENGTH)
    pictures: tuple[Picture, ...] = Field((), max_length=MAX_PICTURES)


class Converse(WireModel):
    """Say what comes next in a conversation; its answer streams.

    Attributes:
        scope: The server or DM that the conversation belongs to: it may have no picture that says so.
        turns: What was said so far, the oldest first, trimmed to the model's context by whoever asks. The
            last is a person's.
    """

    task: Literal["converse"] = "converse"
    thumbnail: ClassVar[bool] = False
    scope: Scope
    turns: tuple[Turn, ...] = Field(min_length=1, max_length=MAX_TURNS)

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """Return the pictures of all turns, in order; one that was posted twice is there twice."""
        return tuple(picture for turn in self.turns for picture in turn.pictures)

    @model_validator(mode="after")
    def _answerable(self) -> Self:
        if self.turns[-1].role != "user":
            raise ValueError("the last turn is the bot's: there is nothing to answer")
        if len(self.pictures) > MAX_CHAT_PICTURES:
            raise ValueError(f"{len(self.pictures)} pictures in one conversation; {MAX_CHAT_PICTURES} may be")
        return self


Request = Annotated[Caption | Answer | Match | Converse, Field(discriminator="task")]


def in_one_scope(request: Request) -> bool:
    """Say whether a request and all its pictures belong to the same server or DM."""
    return {picture.scope for picture in request.pictures} <= {request.scope}


class Group(WireModel):
    """The jobs that one message made: its pictures belong together and may wait 10 ms for each other.

    Attributes:
        id: The same for all jobs of the message.
        size: How many jobs the group has in all.
    """

    id: str = Field(min_length=1, max_length=64)
    size: int = Field(ge=1, le=MAX_PICTURES)


class Job(WireModel):
    """One piece of work for a worker.

    Attributes:
        id: Made from the request (`job_id`), so that a retry is the same job.
        priority: Which of the task's two streams it goes to.
        asker: Discord's id of the person, for the in-flight limit.
        reply_to: The bot's reply stream (its name, not the whole key).
        submitted: Unix time in seconds.
        deadline: Unix time in seconds after which nobody wants the answer.
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
    """Make a job's id from what identifies the request: the same parts, the same id.

    Args:
        parts: For a post: the message's id, the attachment's id, the task, and the text that was asked.

    Returns:
        32 hexadecimal digits (128 bits of SHA-256 over the parts, each with its length before it).
    """
    digest = hashlib.sha256()
    for part in parts:
        raw = str(part).encode()
        digest.update(f"{len(raw)}:".encode() + raw)
    return digest.hexdigest()[:32]


class ResultWithThumbnails(WireModel):
    """What comes with small copies of the pictures.

    Attributes:
        thumbnails: Small JPEG files of the pictures, upright and without metadata, in their order; none where
            they were not wanted, or where there was no room for them.
    """

    thumbnails: tuple[Picture, ...] = Field((), max_length=MAX_PICTURES)


class Captioned(ResultWithThumbnails):
    """What a `Caption` came to."""

    task: Literal["caption"] = "caption"
    text: str


class Answered(ResultWithThumbnails):
    """What an `Answer` came to."""

    task: Literal["answer"] = "answer"
    text: str


class Matched(ResultWithThumbnails):
    """What a `Match` came to.

    Attributes:
        cosine: A row for each picture, a column for each label, cosine similarities from -1 to 1.
        share: The same shape, the softmax over the labels at the model's own temperature, 0 to 1; each row
            sums to 1.
    """

    task: Literal["match"] = "match"
    cosine: tuple[tuple[float, ...], ...]
    share: tuple[tuple[float, ...], ...]


class Conversed(WireModel):
    """What a `Converse` came to.

    Attributes:
        text: The whole answer, or what there was of it when it was stopped.
        prompt_tokens: What the conversation took of the model's context, pictures included; None: not known.
        reply_tokens: The answer's tokens; None: not known.
        stopped: Somebody stopped it (`InferenceClient.stop`).
    """

    task: Literal["converse"] = "converse"
    text: str
    prompt_tokens: int | None = None
    reply_tokens: int | None = None
    stopped: bool = False


Outcome = Annotated[Captioned | Answered | Matched | Conversed, Field(discriminator="task")]


class Timings(WireModel):
    """How long each stage of a job took, in milliseconds.

    Attributes:
        waited: From submit until a worker took it.
        decode: Reading and decoding its pictures.
        forward: The model's work on the batch it was in.
        batch: How many jobs that batch had.
        done: Unix time in seconds at which the model was done; what comes after it is the reply's way.
    """

    waited: float = 0
    decode: float = 0
    forward: float = 0
    batch: int = 1
    done: float | None = None


class Result(WireModel):
    """A job that was done."""

    v: Literal[1] = VERSION
    kind: Literal["result"] = "result"
    job_id: str
    outcome: Outcome
    timings: Timings = Timings()


class Failure(WireModel):
    """A job that could not be done, and why.

    Attributes:
        code: An `inference.errors.BeholderError.code`.
        detail: What the error's sentence needs (limits, sizes), never what people posted.
    """

    v: Literal[1] = VERSION
    kind: Literal["failure"] = "failure"
    job_id: str
    code: str
    detail: dict[str, str | float] = {}


class Delta(WireModel):
    """A piece of a text that is still being generated, for jobs that stream.

    Attributes:
        attempt: From 0; a job that lost its worker is begun anew by another, whose text need not be the same.
            The pieces of an attempt replace all those of the attempts before it.
        seq: From 0 in each attempt.
        text: What comes after the text of the piece before.
    """

    v: Literal[1] = VERSION
    kind: Literal["delta"] = "delta"
    job_id: str
    attempt: int = Field(0, ge=0)
    seq: int = Field(ge=0)
    text: str


class Progress(WireModel):
    """What a worker has to do before it can begin with a job, where that takes long.

    Attributes:
        what: `pulling`: it fetches the model.
        done: From 0 to 1; None where that is not known.
    """

    v: Literal[1] = VERSION
    kind: Literal["progress"] = "progress"
    job_id: str
    what: Literal["pulling"] = "pulling"
    done: float | None = Field(None, ge=0, le=1, allow_inf_nan=False)


Reply = Annotated[Result | Failure | Delta | Progress, Field(discriminator="kind")]
replies: TypeAdapter[Result | Failure | Delta | Progress] = TypeAdapter(Reply)
"""Reads a reply from JSON: `replies.validate_json(raw)`."""
