"""The bot's settings, read once from the environment and `.env`, and its delays, which are not settings."""

import difflib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self

from dotenv import dotenv_values
from pydantic import AliasChoices, AliasPath, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode

from inference.settings import QueueSettings, WorkerSettings

PREFIX = "BEHOLDER_"


@dataclass(frozen=True)
class Delays:
    """Delays of retries and of what waiting members are told. Operators do not set them; tests shorten them.

    Attributes:
        retry_s: Seconds before the first retry of a Discord call; doubled with each further one.
        max_retry_s: Seconds between two retries of a Discord call, at most.
        retry_timeout_s: Seconds after which a Discord call is given up. Its request stays in the inbox until
            the next gateway connection.
        placeholder_s: Seconds after which a member who posted a picture is told that no worker is up.
        queue_position_s: Seconds after which a member is told the position of their command or turn in the
            queue, and between two updates.
        link_embed_s: Seconds for Discord to embed a link's picture before the message is fetched again.
        backfill_retry_s: Seconds before a channel that could not be read is retried; doubled up to a minute.
    """

    retry_s: float = 0.5
    max_retry_s: float = 30.0
    retry_timeout_s: float = 900.0
    placeholder_s: float = 10.0
    queue_position_s: float = 3.0
    link_embed_s: float = 2.0
    backfill_retry_s: float = 2.0


class BotSettings(QueueSettings):
    """The settings of the bot process."""

    token: SecretStr | None = Field(None, validation_alias="DISCORD_TOKEN")
    caption_channels: Annotated[tuple[int, ...], NoDecode] = Field(
        (), validation_alias="BEHOLDER_CAPTION_CHANNELS"
    )
    """Ids of channels with captions on, until `/captions` sets something else; separated by commas."""
    picture_bytes: int = Field(
        32 * 2**20, ge=2**16, le=512 * 2**20, validation_alias="BEHOLDER_PICTURE_BYTES"
    )
    """Bytes of the largest picture that is fetched."""
    fetch_seconds: float = Field(30, gt=0, validation_alias="BEHOLDER_FETCH_SECONDS")
    """Seconds that fetching a picture may take."""
    catch_up_seconds: int = Field(6 * 3600, ge=0, le=24 * 3600, validation_alias="BEHOLDER_CATCH_UP_SECONDS")
    """Seconds that backfill looks back, at most."""
    catch_up_messages: int = Field(200, ge=1, le=1000, validation_alias="BEHOLDER_CATCH_UP_MESSAGES")
    """Messages that backfill reads in a channel, at most."""
    shard_id: int = Field(0, ge=0, validation_alias="BEHOLDER_SHARD_ID")
    shard_count: int = Field(1, ge=1, validation_alias="BEHOLDER_SHARD_COUNT")
    """The number of bot processes that share the servers; each has a shard id from 0 to `shard_count` - 1."""
    discord_api: str | None = Field(None, validation_alias="BEHOLDER_DISCORD_API")
    """REST address of a pocket Discord, which ends in `/api/v10`; `beholder run` sets it and the next."""
    discord_gateway: str | None = Field(None, validation_alias="BEHOLDER_DISCORD_GATEWAY")

    @field_validator("token", "discord_api", "discord_gateway", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return None if isinstance(value, str) and not value.strip() else value

    @field_validator("caption_channels", mode="before")
    @classmethod
    def _ids(cls, value: object) -> object:
        return (
            tuple(part.strip() for part in value.split(",") if part.strip())
            if isinstance(value, str)
            else value
        )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.shard_id >= self.shard_count:
            raise ValueError(
                f"BEHOLDER_SHARD_ID is {self.shard_id}, but with BEHOLDER_SHARD_COUNT={self.shard_count} "
                f"ids go from 0 to {self.shard_count - 1}"
            )
        if (self.discord_api is None) != (self.discord_gateway is None):
            raise ValueError(
                "BEHOLDER_DISCORD_API and BEHOLDER_DISCORD_GATEWAY go together: set both or none"
            )
        return self


def queue_name(application_id: int | None, settings: BotSettings) -> str:
    """Return a bot process's name in the queue: unique among processes, and the same after a restart."""
    return f"{application_id}-{settings.shard_id}of{settings.shard_count}"


SETTINGS_CLASSES: tuple[type[BaseSettings], ...] = (QueueSettings, WorkerSettings, BotSettings)
OTHER_NAMES = frozenset({"BEHOLDER_LOG", "BEHOLDER_PLAYGROUND_HOST", "BEHOLDER_PLAYGROUND_PORT"})
"""Names read by `bot.__main__` and `bot.cli.run`, which would import the playground here."""


def _aliases(settings: type[BaseSettings]) -> Iterator[str]:
    for field in settings.model_fields.values():
        alias = field.validation_alias
        if isinstance(alias, AliasChoices):
            yield from (choice for choice in alias.choices if isinstance(choice, str))
        elif alias is not None and not isinstance(alias, AliasPath):
            yield alias


def known_names(classes: Iterable[type[BaseSettings]] = SETTINGS_CLASSES) -> frozenset[str]:
    """Return the names of the environment variables with our prefix that a setting reads.

    Args:
        classes: The settings classes.
    """
    names = {name.upper() for settings_class in classes for name in _aliases(settings_class)}
    return frozenset(name for name in names if name.startswith(PREFIX)) | OTHER_NAMES


def unknown_names(environment: Mapping[str, str] | None = None, dotenv: Path = Path(".env")) -> list[str]:
    """Find the environment variables with our prefix that no setting reads; pydantic-settings ignores them.

    Args:
        environment: The environment variables; by default the process's.
        dotenv: A file whose names are checked too; it need not exist.

    Returns:
        A sentence for each, with the nearest known name, in the order of the names.
    """
    given = {*(os.environ if environment is None else environment), *dotenv_values(dotenv, interpolate=False)}
    known = known_names()
    unknown = sorted(name for name in given if name.upper().startswith(PREFIX) and name.upper() not in known)
    return [_unknown_name_sentence(name, known) for name in unknown]


def _unknown_name_sentence(name: str, known: frozenset[str]) -> str:
    # Compared without the prefix, which would make any two names similar.
    candidates = [known_name.removeprefix(PREFIX) for known_name in sorted(known)]
    nearest = difflib.get_close_matches(name.upper().removeprefix(PREFIX), candidates, n=1, cutoff=0.6)
    advice = f"Did you mean {PREFIX}{nearest[0]}?" if nearest else "See .env.example for all names."
    return f"There is no setting {name}. {advice}"
