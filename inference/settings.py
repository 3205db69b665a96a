"""What the queue and the worker can be told, read once from the environment and `.env`."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from inference.schema import Task

ModelSize = Literal["tiny", "base", "large"]
ChatEngineName = Literal["ollama", "transformers"]


class QueueSettings(BaseSettings):
    """Where Redis is, and how much may wait there. Bot and worker must be told the same."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True, populate_by_name=True)

    redis_url: SecretStr | None = Field(None, validation_alias="REDIS_URL")
    """A Redis server of yours (it may hold a password). None: one of our own in `data_dir`."""
    data_dir: Path = Field(Path("data"), validation_alias="BEHOLDER_DATA_DIR")
    queue_jobs: int = Field(500, ge=1, validation_alias="BEHOLDER_QUEUE_JOBS")
    """Jobs that may wait or run in all."""
    queue_bytes: int = Field(512 * 2**20, ge=2**20, validation_alias="BEHOLDER_QUEUE_BYTES")
    """Bytes of pictures that waiting jobs may hold in Redis."""
    jobs_per_person: int = Field(20, ge=1, validation_alias="BEHOLDER_JOBS_PER_PERSON")
    """Jobs that one person may have under way at a time (two full messages)."""
    picture_seconds: int = Field(24 * 3600, ge=60, le=24 * 3600, validation_alias="BEHOLDER_PICTURE_SECONDS")
    """How long a picture's bytes are kept in Redis: at most 24 h."""
    job_seconds: float = Field(600, gt=0, validation_alias="BEHOLDER_JOB_SECONDS")
    """A job's deadline, from its submit."""
    chat_context: int = Field(4096, ge=512, le=2**20, validation_alias="BEHOLDER_CHAT_CONTEXT")
    """Tokens that a conversation may have, pictures and answer included: the bot leaves older turns out
    beyond them, and it is Ollama's `num_ctx`."""


class WorkerSettings(QueueSettings):
    """What a worker can be told besides."""

    models: ModelSize = Field("base", validation_alias="BEHOLDER_MODELS")
    caption_model: str = Field("", validation_alias="BEHOLDER_CAPTION_MODEL")
    """A model's name on the hub or a folder, with an optional `@revision`; empty: the one of `models`."""
    answer_model: str = Field("", validation_alias="BEHOLDER_ANSWER_MODEL")
    match_model: str = Field("", validation_alias="BEHOLDER_MATCH_MODEL")
    tasks: Annotated[tuple[Task, ...], NoDecode] = Field(
        ("caption", "answer", "match", "converse"), min_length=1, validation_alias="BEHOLDER_TASKS"
    )
    """Which tasks the worker serves; in the environment separated by commas."""
    device: str = Field("auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$", validation_alias="BEHOLDER_DEVICE")
    batch: int = Field(8, ge=1, le=64, validation_alias="BEHOLDER_BATCH")
    """The most jobs in one forward pass."""
    ollama_host: str = Field("http://127.0.0.1:11434", min_length=1, validation_alias="OLLAMA_HOST")
    chat_engine: Literal["auto", "ollama", "transformers"] = Field(
        "auto", validation_alias="BEHOLDER_CHAT_ENGINE"
    )
    """What converses; `auto`: transformers where `models` are the tiny ones, else Ollama."""
    chat_model: str = Field("", validation_alias="BEHOLDER_CHAT_MODEL")
    """Its name in Ollama's library, or as that of the other models for transformers; empty: llava-phi3 in
    Ollama, and for transformers the one of `models`."""
    chats: int = Field(4, ge=1, le=64, validation_alias="BEHOLDER_CHATS")
    """Conversations that are answered at a time."""
    claim_seconds: float = Field(30, gt=0, validation_alias="BEHOLDER_CLAIM_SECONDS")
    """How long a job may stay in a silent worker's hands before another takes it over."""
    picture_pixels: int = Field(64_000_000, ge=1, validation_alias="BEHOLDER_PICTURE_PIXELS")
    picture_decode_seconds: float = Field(20, gt=0, validation_alias="BEHOLDER_PICTURE_DECODE_SECONDS")
    picture_memory_bytes: int = Field(2 * 2**30, ge=2**28, validation_alias="BEHOLDER_PICTURE_MEMORY_BYTES")
    """Address space of a decoding process."""

    @field_validator("tasks", mode="before")
    @classmethod
    def _split(cls, given: object) -> object:
        return (
            [part.strip() for part in given.split(",") if part.strip()] if isinstance(given, str) else given
        )

    @property
    def chat_with(self) -> ChatEngineName:
        """The engine that converses, as chosen or by the models' size."""
        if self.chat_engine == "auto":
            return "transformers" if self.models == "tiny" else "ollama"
        return self.chat_engine
