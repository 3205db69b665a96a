"""The bot's settings: parsing, validation, and names that no setting reads."""

import ast
import os
from pathlib import Path

import pytest
from pydantic import ValidationError
from pydantic_settings import BaseSettings

from bot.settings import (
    SETTINGS_CLASSES,
    BotSettings,
    LogSettings,
    RunSettings,
    dotenv_problems,
    settings_problems,
    unknown_names,
)
from inference.settings import QueueSettings, WorkerSettings
from tests.composed import ROOT


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Remove the machine's settings from the environment, and change to a folder without `.env`."""
    for name in list(os.environ):
        if name.startswith("BEHOLDER_") or name in {"DISCORD_TOKEN", "REDIS_URL"}:
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_an_empty_token_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISCORD_TOKEN", "")
    assert BotSettings().token is None


def test_the_token_is_not_in_the_settings_repr_or_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISCORD_TOKEN", "very-secret")
    settings = BotSettings()
    assert "very-secret" not in repr(settings)
    assert "very-secret" not in settings.model_dump_json()


def test_caption_channels_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BEHOLDER_CAPTION_CHANNELS", "123, 456,")
    assert BotSettings().caption_channels == (123, 456)


def test_a_channel_id_that_is_no_number_is_refused_with_the_settings_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BEHOLDER_CAPTION_CHANNELS", "123,general")
    with pytest.raises(ValidationError, match="BEHOLDER_CAPTION_CHANNELS"):
        BotSettings()


def test_a_shard_id_beyond_the_shard_count_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BEHOLDER_SHARD_ID", "2")
    with pytest.raises(ValidationError, match="BEHOLDER_SHARD_COUNT"):
        BotSettings()


def test_an_api_address_without_a_gateway_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BEHOLDER_DISCORD_API", "http://127.0.0.1:1/api/v10")
    with pytest.raises(ValidationError, match="together"):
        BotSettings()


def test_an_unknown_name_is_reported_with_the_nearest_known_one() -> None:
    assert unknown_names({"BEHOLDER_MODEL": "tiny", "BEHOLDER_BATCH": "4", "PATH": "/bin"}) == [
        "There is no setting BEHOLDER_MODEL. Did you mean BEHOLDER_MODELS?"
    ]


def test_an_unknown_name_in_dotenv_is_reported_without_its_value(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("BEHOLDER_XYZZY_QUUX=secret\nBEHOLDER_QUEUE_JOBS=3\n")
    (sentence,) = unknown_names({})
    assert "BEHOLDER_XYZZY_QUUX" in sentence
    assert ".env.example" in sentence
    assert "secret" not in sentence


def problem(settings: type[BaseSettings]) -> str:
    """Return the one sentence about the settings in the environment."""
    with pytest.raises(ValidationError) as caught:
        settings()
    (sentence,) = settings_problems(caught.value)
    return sentence


@pytest.mark.parametrize(
    ("settings", "name", "value", "said"),
    [
        (LogSettings, "BEHOLDER_LOG", "loud", "is 'LOUD': it should be 'DEBUG', 'INFO'"),
        (LogSettings, "BEHOLDER_LOG", "", "is empty: it should be 'DEBUG'"),
        (WorkerSettings, "BEHOLDER_BATCH", "0", "is '0': it should be greater than or equal to 1"),
        (WorkerSettings, "BEHOLDER_BATCH", "many", "is 'many': it should be a valid integer"),
        (WorkerSettings, "BEHOLDER_MODELS", "huge", "is 'huge': it should be 'tiny', 'base' or 'large'"),
        (WorkerSettings, "BEHOLDER_TASKS", "caption,sing", "is 'sing': it should be 'caption'"),
        (WorkerSettings, "BEHOLDER_TASKS", "", "is empty: it should name at least one"),
        (WorkerSettings, "BEHOLDER_DEVICE", "gpu", "is 'gpu': it should be auto, cpu, cuda"),
        (WorkerSettings, "OLLAMA_HOST", ":::", "is ':::': write it as http://127.0.0.1:11434"),
        (WorkerSettings, "OLLAMA_HOST", "", "is empty: write it as http://127.0.0.1:11434"),
        (WorkerSettings, "BEHOLDER_PICTURE_MEMORY_BYTES", "9" * 30, "it should be less than or equal to"),
        (QueueSettings, "BEHOLDER_JOB_SECONDS", "nan", "is 'nan': it should be a finite number"),
        (QueueSettings, "BEHOLDER_JOB_SECONDS", "1e300", "it should be less than or equal to"),
        (QueueSettings, "BEHOLDER_DATA_DIR", " ", "it should be the path of a folder"),
        (
            BotSettings,
            "BEHOLDER_CAPTION_CHANNELS",
            "12,general",
            "is 'general': it should be a valid integer",
        ),
        (BotSettings, "BEHOLDER_FETCH_SECONDS", "\x1b[2J", r"is '\x1b[2J': it should be a valid number"),
        (RunSettings, "BEHOLDER_PLAYGROUND_PORT", "70000", "is '70000': it should be less than or equal to"),
        (RunSettings, "BEHOLDER_PLAYGROUND_HOST", "", "is empty: it should have at least 1 character"),
    ],
)
def test_a_wrong_setting_is_named_with_its_value_and_what_it_should_be(
    monkeypatch: pytest.MonkeyPatch, settings: type[BaseSettings], name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    sentence = problem(settings)
    assert sentence.startswith(f"{name} is ")
    assert said in sentence
    assert "\n" not in sentence
    assert sentence.endswith(".")


def test_a_setting_in_dotenv_is_read_by_the_log_too(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("BEHOLDER_LOG=debug\n")
    assert LogSettings().level == "DEBUG"


def test_an_error_about_two_settings_begins_with_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BEHOLDER_SHARD_ID", "4")
    assert problem(BotSettings).startswith("BEHOLDER_SHARD_ID is 4, but with BEHOLDER_SHARD_COUNT=1")


@pytest.mark.parametrize("token", ["Bot abc-secret", "abc-secret\nabc", "abc-secret\N{ZERO WIDTH SPACE}"])
def test_a_token_that_cannot_be_sent_is_refused_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    monkeypatch.setenv("DISCORD_TOKEN", token)
    for settings in (BotSettings, RunSettings):
        assert problem(settings).startswith("DISCORD_TOKEN cannot be used: it has a space")
        assert "secret" not in problem(settings)


def test_a_password_in_an_address_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_HOST", "http://me:secret@here:port")
    assert problem(WorkerSettings).startswith("OLLAMA_HOST cannot be used: write it as")
    assert "secret" not in problem(WorkerSettings)


@pytest.mark.parametrize(
    ("name", "value"),
    [("BEHOLDER_DISCORD_API", "garbage"), ("BEHOLDER_DISCORD_GATEWAY", "http://127.0.0.1:8420/gateway")],
)
def test_an_address_of_a_pocket_discord_must_be_one(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv("BEHOLDER_DISCORD_API", "http://127.0.0.1:8420/api/v10")
    monkeypatch.setenv("BEHOLDER_DISCORD_GATEWAY", "ws://127.0.0.1:8420/gateway")
    monkeypatch.setenv(name, value)
    assert problem(BotSettings).startswith(f"{name} is '{value}': write it as ")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"BEHOLDER_LOG=\xff\n", "is not UTF-8 text (byte 14 is 0xff)"),
        ("\ufeffBEHOLDER_LOG=INFO\n".encode("utf-16-le"), "is not UTF-8 text"),
        ("BEHOLDER_LOG=INFO\n".encode("utf-16-le"), "zero byte"),
        (b'BEHOLDER_LOG=INFO\nBEHOLDER_MODELS="tiny\n', "Line 2 of "),
        (b"BEHOLDER_LOG=INFO\nthis is not = a setting\n", "Line 2 of "),
    ],
)
def test_a_garbled_dotenv_is_named_with_what_is_wrong(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / ".env").write_bytes(content)
    (sentence,) = dotenv_problems()
    assert said in sentence
    assert str(tmp_path / ".env") in sentence
    assert ".env.example" in sentence


def test_a_dotenv_that_is_a_folder_is_named_and_a_missing_or_good_one_is_no_problem(tmp_path: Path) -> None:
    assert dotenv_problems() == []
    (tmp_path / ".env").write_bytes((ROOT / ".env.example").read_bytes())
    assert dotenv_problems() == []
    (tmp_path / ".env").unlink()
    (tmp_path / ".env").mkdir()
    (sentence,) = dotenv_problems()
    assert "is a folder" in sentence


NOT_SETTINGS = {
    "bot/settings.py": "the settings classes are here; names that none of them reads are refused",
    "inference/settings.py": "the settings classes are here",
    "bot/cli/run.py": "passes the whole environment on to the worker and the bot",
    "bot/playground/gallery_child.py": "sets a library's variable in its own child process",
    "inference/sandbox/child.py": "passes on what `scrubbed` leaves",
    "inference/images/decoder_pool.py": "passes on what `scrubbed` leaves",
    "inference/models/device.py": "OMP_NUM_THREADS is torch's own, which torch has read",
    "inference/tiny/loop.py": "sets a library's variable for training",
}
"""Files that use the environment, and why none of it is a setting."""


def test_no_setting_is_read_outside_of_the_settings_classes() -> None:
    found = set()
    for package in ("bot", "handlers", "inference"):
        for file in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                names = {
                    getattr(node, "attr", None),
                    getattr(node, "id", None),
                    getattr(node, "module", None),
                }
                names |= {alias.name for alias in getattr(node, "names", []) if isinstance(alias, ast.alias)}
                if names & {
                    "environ",
                    "environb",
                    "getenv",
                    "getenvb",
                    "dotenv",
                    "dotenv_values",
                    "load_dotenv",
                }:
                    found.add(str(file.relative_to(ROOT)))
                if isinstance(node, ast.ClassDef) and any(
                    isinstance(base, ast.Name) and base.id == "BaseSettings" for base in node.bases
                ):
                    found.add(str(file.relative_to(ROOT)))
    assert found == set(NOT_SETTINGS)
    assert {each.__module__ for each in SETTINGS_CLASSES} == {"bot.settings", "inference.settings"}
