"""The bot's settings: parsing, validation, and names that no setting reads."""

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from bot.settings import BotSettings, unknown_names


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
