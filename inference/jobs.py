"""The words on the wire: what the bot asks of a worker, and what comes back.

Everything here travels through Redis as JSON with a schema version. A reader that meets another version, an
unknown field or a value out of range gets a `pydantic.ValidationError`, never a half-read job.
"""

import hashlib
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

VERSION: Literal[1] = 1
MOST_PICTURES = 10
"""Discord's limit of attachments on a message."""
MOST_LABELS = 25
LONGEST_LABEL = 200
"""Characters; CLIP's own limit of 77 tokens is the worker's to check."""
LONGEST_QUESTION = 500
"""Characters; BLIP's text encoder takes 512 tokens."""

Task = Literal["caption", "answer", "match"]
Priority = Literal["waiting", "unasked"]
"""`waiting`: somebody waits for it (command, mention, thread). `unasked`: a post captioned unasked."""


class Word(BaseModel):
    """The base of everything on the wire: frozen, and nothing unknown gets in."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Picture(Word):
    """A picture's bytes in Redis, by reference.

    Attributes:
        scope: The server or DM that it belongs to (`guild:<id>` or `dm:<channel id>`). Nothing is shared
            across scopes.
        digest: SHA-256 of the bytes as they were posted, 64 hexadecimal digits.
        size: The bytes' number.
    """

    scope: str = Field(pattern=r"^(guild|dm):[0-9]{1,20}$")
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    size: int = Field(ge=1)

    @classmethod
    def of(cls, scope: str, data: bytes) -> "Picture":
        """Name the picture whose bytes are `data` in `scope`."""
        return cls(scope=scope, digest=hashlib.sha256(data).hexdigest(), size=len(data))


class AboutOne(Word):
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


class Caption(AboutOne):
    """Describe one picture."""

    task: Literal["caption"] = "caption"


class Answer(AboutOne):
    """Answer a question about one picture."""

    task: Literal["answer"] = "answer"
    question: str = Field(min_length=1, max_length=LONGEST_QUESTION)


class Match(Word):
    """Score every picture against every label; thumbnails come with the scores."""

    task: Literal["match"] = "match"
    thumbnail: ClassVar[bool] = True
    pictures: tuple[Picture, ...] = Field(min_length=1, max_length=MOST_PICTURES)
    labels: tuple[Annotated[str, Field(min_length=1, max_length=LONGEST_LABEL)], ...] = Field(
        min_length=1, max_length=MOST_LABELS
    )


Request = Annotated[Caption | Answer | Match, Field(discriminator="task")]


class Group(Word):
    """The jobs that one message made: its pictures belong together and may wait 10 ms for each other.

    Attributes:
        id: The same for all jobs of the message.
        size: How many jobs the group has in all.
    """

    id: str = Field(min_length=1, max_length=64)
    size: int = Field(ge=1, le=MOST_PICTURES)


class Job(Word):
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


class Illustrated(Word):
    """What comes with small copies of the pictures.

    Attributes:
        thumbnails: Small JPEG files of the pictures, upright and without metadata, in their order; none where
            they were not wanted, or where there was no room for them.
    """

    thumbnails: tuple[Picture, ...] = Field((), max_length=MOST_PICTURES)


class Captioned(Illustrated):
    """What a `Caption` came to."""

    task: Literal["caption"] = "caption"
    text: str


class Answered(Illustrated):
    """What an `Answer` came to."""

    task: Literal["answer"] = "answer"
    text: str


class Matched(Illustrated):
    """What a `Match` came to.

    Attributes:
        cosine: A row for each picture, a column for each label, cosine similarities from -1 to 1.
        share: The same shape, the softmax over the labels at the model's own temperature, 0 to 1; each row
            sums to 1.
    """

    task: Literal["match"] = "match"
    cosine: tuple[tuple[float, ...], ...]
    share: tuple[tuple[float, ...], ...]


Outcome = Annotated[Captioned | Answered | Matched, Field(discriminator="task")]


class Timings(Word):
    """How long each stage of a job took, in milliseconds.

    Attributes:
        waited: From submit until a worker took it.
        decode: Reading and decoding its pictures.
        forward: The model's work on the batch it was in.
        batch: How many jobs that batch had.
    """

    waited: float = 0
    decode: float = 0
    forward: float = 0
    batch: int = 1


class Result(Word):
    """A job that was done."""

    v: Literal[1] = VERSION
    kind: Literal["result"] = "result"
    job_id: str
    outcome: Outcome
    timings: Timings = Timings()


class Failure(Word):
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


class Delta(Word):
    """A piece of a text that is still being generated, for jobs that stream."""

    v: Literal[1] = VERSION
    kind: Literal["delta"] = "delta"
    job_id: str
    seq: int = Field(ge=0)
    text: str


Reply = Annotated[Result | Failure | Delta, Field(discriminator="kind")]
replies: TypeAdapter[Result | Failure | Delta] = TypeAdapter(Reply)
"""Reads a reply from JSON: `replies.validate_json(raw)`."""
