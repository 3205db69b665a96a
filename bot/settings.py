"""The bot's settings, read once from the environment and `.env`, and its delays, which are not settings."""

import difflib
import io
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from dotenv import dotenv_values
from dotenv.parser import parse_stream
from pydantic import (
    AliasChoices,
    AliasPath,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode

from inference.settings import MAX_SECONDS, QueueSettings, WorkerSettings

PREFIX = "BEHOLDER_"
DOTENV = Path(".env")
MAX_SHOWN = 60
"""Characters of a wrong value that a message shows."""


@dataclass(frozen=True)
class Delays:
    """Delays of retries and of what waiting members are told. Operators do not set them; tests shorten them.

    Attributes:
        retry_s: Seconds before the first retry of a Discord call; doubled with each further one.
        max_retry_s: Seconds between two retries of a Discord call, at most.
        retry_timeout_s: Seconds after which a Discord call is given up. Its request stays in the inbox, and
            is resumed later.
        fetch_timeout_s: Seconds for which Discord is tried for a request's message.
        resume_s: Seconds before a request whose work has failed is resumed; doubled up to five minutes.
        sweep_s: Seconds between two looks for open requests that do not run.
        first_word_s: Seconds after which the author of a message is told that Redis is away.
        placeholder_s: Seconds after which a member who posted a picture is told that no worker is up.
        queue_position_s: Seconds after which a member is told the position of their command or turn in the
            queue, and between two updates.
        link_embed_s: Seconds for Discord to embed a link's picture before the message is fetched again.
        backfill_retry_s: Seconds before a channel that could not be read is retried; doubled up to a minute.
        login_retry_s: Seconds before a login that failed is tried again; doubled with each further one.
        max_login_retry_s: Seconds between two logins, at most.
    """

    retry_s: float = 0.5
    max_retry_s: float = 30.0
    retry_timeout_s: float = 900.0
    fetch_timeout_s: float = 10.0
    resume_s: float = 1.0
    sweep_s: float = 30.0
    first_word_s: float = 2.0
    placeholder_s: float = 10.0
    queue_position_s: float = 3.0
    link_embed_s: float = 2.0
    backfill_retry_s: float = 2.0
    login_retry_s: float = 1.0
    max_login_retry_s: float = 30.0


class LogSettings(BaseSettings):
    """The log of every command."""

    model_config = QueueSettings.model_config

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = Field(
        "INFO", validation_alias="BEHOLDER_LOG"
    )

    @field_validator("level", mode="before")
    @classmethod
    def _upper(cls, value: object) -> object:
        return value.strip().upper() if isinstance(value, str) else value


def _empty_is_none(value: object) -> object:
    return None if isinstance(value, str) and not value.strip() else value


def _usable_token(value: object) -> object:
    """Refuse what cannot be sent in a header: a mistake in copying. It must not appear in the message."""
    if isinstance(value, str) and not re.fullmatch(r"[!-~]*", value.strip()):
        raise ValueError(
            "it has a space, a line break or a character that no token has. Copy it again from your "
            'application\'s Bot page at https://discord.com/developers/applications, without "Bot" before it'
        )
    return value.strip() or None if isinstance(value, str) else value


Token = Annotated[SecretStr | None, BeforeValidator(_usable_token)]


class RunSettings(WorkerSettings):
    """The settings of `beholder run` and `beholder playground`."""

    token: Token = Field(None, validation_alias="DISCORD_TOKEN")
    # An empty host would be every interface.
    playground_host: str = Field("127.0.0.1", min_length=1, validation_alias="BEHOLDER_PLAYGROUND_HOST")
    playground_port: int = Field(8420, ge=0, le=65535, validation_alias="BEHOLDER_PLAYGROUND_PORT")


class BotSettings(QueueSettings):
    """The settings of the bot process."""

    token: Token = Field(None, validation_alias="DISCORD_TOKEN")
    caption_channels: Annotated[tuple[int, ...], NoDecode] = Field(
        (), validation_alias="BEHOLDER_CAPTION_CHANNELS"
    )
    """Ids of channels with captions on, until `/captions` sets something else; separated by commas."""
    picture_bytes: int = Field(
        32 * 2**20, ge=2**16, le=512 * 2**20, validation_alias="BEHOLDER_PICTURE_BYTES"
    )
    """Bytes of the largest picture that is fetched."""
    fetch_seconds: float = Field(30, gt=0, le=MAX_SECONDS, validation_alias="BEHOLDER_FETCH_SECONDS")
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

    @field_validator("discord_api", "discord_gateway", mode="before")
    @classmethod
    def _none(cls, value: object) -> object:
        return _empty_is_none(value)

    @field_validator("discord_api")
    @classmethod
    def _is_http(cls, value: str | None) -> str | None:
        return _url(value, ("http", "https"), "http://127.0.0.1:8420/api/v10")

    @field_validator("discord_gateway")
    @classmethod
    def _is_websocket(cls, value: str | None) -> str | None:
        return _url(value, ("ws", "wss"), "ws://127.0.0.1:8420/gateway")

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


def _url(value: str | None, schemes: tuple[str, ...], example: str) -> str | None:
    """Return a URL as it is, or None.

    Raises:
        ValueError: It is not absolute, of another scheme, or has no valid port.
    """
    if value is None:
        return None
    try:
        parts = urlsplit(value)
        usable = parts.scheme in schemes and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable:
        raise ValueError(f"write it as {example}")
    return value


def queue_name(application_id: int | None, settings: BotSettings) -> str:
    """Return a bot process's name in the queue: unique among processes, and the same after a restart."""
    return f"{application_id}-{settings.shard_id}of{settings.shard_count}"


SETTINGS_CLASSES: tuple[type[BaseSettings], ...] = (
    QueueSettings,
    WorkerSettings,
    BotSettings,
    RunSettings,
    LogSettings,
)


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
    return frozenset(name for name in names if name.startswith(PREFIX))


def unknown_names(environment: Mapping[str, str] | None = None, dotenv: Path = DOTENV) -> list[str]:
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


def dotenv_problems(dotenv: Path = DOTENV) -> list[str]:
    """Find out whether the settings file can be read: pydantic-settings would raise, or pass over lines.

    Args:
        dotenv: The file; it need not exist.

    Returns:
        A sentence for each problem, without what is written in the file; none where all of it is read.
    """
    path = dotenv.absolute()
    advice = "write it as in .env.example, a NAME=value in each line"
    try:
        if dotenv.is_dir():
            return [f"{path} is a folder, and should be a file: remove it, or {advice}."]
        if not dotenv.is_file():
            return []
        text = dotenv.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        byte = f"byte {error.start + 1} is 0x{error.object[error.start]:02x}"
        return [f"{path} is not UTF-8 text ({byte}): save it again as UTF-8, and {advice}."]
    except OSError as error:
        return [f"{path} cannot be read: {error.strerror}. Let the user that runs Beholder read it."]
    if "\0" in text:
        return [f"{path} has a zero byte in it, as UTF-16 has: save it again as UTF-8, and {advice}."]
    bad = [binding.original.line for binding in parse_stream(io.StringIO(text)) if binding.error]
    # Behind an open quotation mark the parser takes single lines for wrong ones, so the first one counts.
    return [f"Line {bad[0]} of {path} cannot be understood: {advice}."] if bad else []


def settings_problems(error: ValidationError) -> list[str]:
    """Put pydantic's errors about settings into sentences: the setting, its value and what it should be.

    The values of secrets are left out, and of addresses that may hold a password.

    Args:
        error: What reading a settings class raised.

    Returns:
        A sentence for each wrong setting.
    """
    found: dict[str, str] = {}
    for item in error.errors(include_url=False):
        name = _setting_name(item)
        found.setdefault(name or item["msg"], _sentence(name, item))
    return list(found.values())


def _setting_name(item: ErrorDetails) -> str:
    """Return the setting's name; that of the option where it was given as an argument, "" for several."""
    if not item["loc"]:
        return ""
    name = str(item["loc"][0])
    return name if name.isupper() else f"--{name.replace('_', '-')}"


def _sentence(name: str, item: ErrorDetails) -> str:
    message = item["msg"].removeprefix("Value error, ").partition(", unable to")[0].rstrip(".")
    message = re.sub(r"^(Input|String|Tuple) should", "it should", message)
    if item["type"] == "too_short":
        message = "it should name at least one"
    if not name:
        return f"{message}."
    value = item["input"]
    if name in _secret_names() or (isinstance(value, str) and "@" in value):
        return f"{name} cannot be used: {message}."
    return f"{name} is {_shown(value)}: {message}."


def _shown(value: object) -> str:
    if isinstance(value, list | tuple):
        value = ",".join(str(part) for part in value)
    if value == "":
        return "empty"
    text = str(value)
    # `ascii`: what a terminal would act on, or could not show, is escaped.
    return ascii(text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}...")


def _secret_names() -> frozenset[str]:
    return frozenset(
        str(field.validation_alias)
        for settings_class in SETTINGS_CLASSES
        for field in settings_class.model_fields.values()
        if "SecretStr" in str(field.annotation)
    )
