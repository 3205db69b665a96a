"""Settings of the queue and the worker, read once from the environment and `.env`."""

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from inference.ollama_address import address
from inference.schema import Task

MAX_SECONDS = 7 * 24 * 3600
"""Seconds of a setting, at most: longer ones are mistakes, and some would overflow a timer."""
MAX_JOBS = 1_000_000
MAX_BYTES = 2**46
"""Bytes of a setting, at most: less than what the kernel takes as a limit, and exact in Redis's Lua."""

ModelSize = Literal["tiny", "base", "large"]
ChatEngineName = Literal["ollama", "transformers"]


class QueueSettings(BaseSettings):
    """The queue's Redis and its limits. Bot and worker must have the same."""

    model_config = SettingsConfigDict(
        env_file=".env", extra="ignore", frozen=True, populate_by_name=True, allow_inf_nan=False
    )

    redis_url: SecretStr | None = Field(None, validation_alias="REDIS_URL")
    """URL of the operator's Redis (it may hold a password). None: the embedded one in `data_dir`."""
    data_dir: Path = Field(Path("data"), validation_alias="BEHOLDER_DATA_DIR")
    queue_jobs: int = Field(500, ge=1, le=MAX_JOBS, validation_alias="BEHOLDER_QUEUE_JOBS")
    """Open jobs in all, at most."""
    queue_bytes: int = Field(512 * 2**20, ge=2**20, le=MAX_BYTES, validation_alias="BEHOLDER_QUEUE_BYTES")
    """Bytes of images that open jobs may hold in Redis."""
    jobs_per_person: int = Field(20, ge=1, le=MAX_JOBS, validation_alias="BEHOLDER_JOBS_PER_PERSON")
    """Open jobs of one user, at most (two full messages)."""
    picture_seconds: int = Field(24 * 3600, ge=60, le=24 * 3600, validation_alias="BEHOLDER_PICTURE_SECONDS")
    """Seconds for which an image's bytes are kept in Redis; at most 24 h."""
    job_seconds: float = Field(600, gt=0, le=MAX_SECONDS, validation_alias="BEHOLDER_JOB_SECONDS")
    """Seconds from a job's submission to its deadline."""
    chat_context: int = Field(4096, ge=512, le=2**20, validation_alias="BEHOLDER_CHAT_CONTEXT")
    """Tokens of a conversation, images and reply included, at most: beyond them the bot leaves older turns
    out. It is also Ollama's `num_ctx`."""

    @field_validator("redis_url", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return None if isinstance(value, str) and not value.strip() else value

    @field_validator("data_dir", mode="before")
    @classmethod
    def _is_a_path(cls, value: object) -> object:
        if isinstance(value, str) and (not value.strip() or "\0" in value):
            raise ValueError("it should be the path of a folder")
        return value


class WorkerSettings(QueueSettings):
    """The worker's further settings."""

    models: ModelSize = Field("base", validation_alias="BEHOLDER_MODELS")
    caption_model: str = Field("", validation_alias="BEHOLDER_CAPTION_MODEL")
    """A folder, or a model's name on the hub with an optional `@revision`; empty: the one of `models`."""
    answer_model: str = Field("", validation_alias="BEHOLDER_ANSWER_MODEL")
    match_model: str = Field("", validation_alias="BEHOLDER_MATCH_MODEL")
    tasks: Annotated[tuple[Task, ...], NoDecode] = Field(
        ("caption", "answer", "match", "converse"), min_length=1, validation_alias="BEHOLDER_TASKS"
    )
    """The tasks that the worker serves; separated by commas in the environment."""
    device: str = Field("auto", validation_alias="BEHOLDER_DEVICE")
    batch: int = Field(8, ge=1, le=64, validation_alias="BEHOLDER_BATCH")
    """Jobs in one forward pass, at most."""
    ollama_host: str = Field("http://127.0.0.1:11434", validation_alias="OLLAMA_HOST")
    chat_engine: Literal["auto", "ollama", "transformers"] = Field(
        "auto", validation_alias="BEHOLDER_CHAT_ENGINE"
    )
    """The library that runs the chat model; `auto`: transformers where `models` is `tiny`, else Ollama."""
    chat_model: str = Field("", validation_alias="BEHOLDER_CHAT_MODEL")
    """The chat model: its name in Ollama's library, or for transformers as for the other models; empty:
    llava-phi3 in Ollama, and for transformers the one of `models`."""
    chats: int = Field(4, ge=1, le=64, validation_alias="BEHOLDER_CHATS")
    """Conversations that are answered at a time, at most."""
    chat_silence_seconds: float = Field(
        60, gt=0, le=MAX_SECONDS, validation_alias="BEHOLDER_CHAT_SILENCE_SECONDS"
    )
    """Seconds without a sign of the chat model in mid-answer, after which the answer ends as interrupted."""
    chat_start_seconds: float = Field(
        300, gt=0, le=MAX_SECONDS, validation_alias="BEHOLDER_CHAT_START_SECONDS"
    )
    """Seconds until the chat model's first sign: Ollama may load the model first."""
    claim_seconds: float = Field(30, gt=0, le=MAX_SECONDS, validation_alias="BEHOLDER_CLAIM_SECONDS")
    """Seconds after which another worker may claim a job whose living worker does not renew its claim."""
    picture_pixels: int = Field(64_000_000, ge=1, le=MAX_BYTES, validation_alias="BEHOLDER_PICTURE_PIXELS")
    picture_decode_seconds: float = Field(
        20, gt=0, le=MAX_SECONDS, validation_alias="BEHOLDER_PICTURE_DECODE_SECONDS"
    )
    picture_memory_bytes: int = Field(
        2 * 2**30, ge=2**28, le=MAX_BYTES, validation_alias="BEHOLDER_PICTURE_MEMORY_BYTES"
    )
    """Bytes of address space of a decoder process."""

    @field_validator("tasks", mode="before")
    @classmethod
    def _split(cls, given: object) -> object:
        return (
            [part.strip() for part in given.split(",") if part.strip()] if isinstance(given, str) else given
        )

    @field_validator("device")
    @classmethod
    def _is_a_device(cls, value: str) -> str:
        if not re.fullmatch(r"auto|cpu|cuda(:[0-9]{1,3})?", value):
            raise ValueError("it should be auto, cpu, cuda, or a GPU's number as in cuda:1")
        return value

    @field_validator("ollama_host")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        try:
            address(value)
        except ValueError as error:
            raise ValueError("write it as http://127.0.0.1:11434, with your host and port") from error
        if not value.strip():
            raise ValueError("write it as http://127.0.0.1:11434, or leave it out for this machine's Ollama")
        return value

    @property
    def chat_with(self) -> ChatEngineName:
        """The library that runs the chat model: the chosen one, or the one for the models' size."""
        if self.chat_engine == "auto":
            return "transformers" if self.models == "tiny" else "ollama"
        return self.chat_engine
