"""The models that `beholder run` chooses, its children's environment, and the inspector's entries."""

import pytest

from bot.cli import run
from bot.cli.run import child_environment, chosen_models, job_entry
from bot.settings import RunSettings
from inference.schema import Captioned, Failure, Result, Timings


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISCORD_TOKEN", "REDIS_URL", "BEHOLDER_MODELS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setitem(RunSettings.model_config, "env_file", None)


@pytest.mark.parametrize(
    ("setting", "token", "base_is_cached", "expected"),
    [
        ("", "", False, "tiny"),
        ("", "", True, "base"),
        ("", "a-token", False, "base"),
        ("large", "", False, "large"),
        ("base", "", False, "base"),
    ],
)
def test_the_models_are_tiny_only_without_a_setting_a_token_and_base_in_the_cache(
    monkeypatch: pytest.MonkeyPatch, setting: str, token: str, expected: str, *, base_is_cached: bool
) -> None:
    if setting:
        monkeypatch.setenv("BEHOLDER_MODELS", setting)
    monkeypatch.setenv("DISCORD_TOKEN", token)
    monkeypatch.setattr(run, "in_local_cache", lambda size: base_is_cached and size == "base")
    assert chosen_models(RunSettings()) == expected


def test_a_child_inherits_neither_the_token_nor_the_address_of_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISCORD_TOKEN", "a-secret")
    monkeypatch.setenv("REDIS_URL", "redis://:b-secret@elsewhere")
    child = child_environment(RunSettings(), "unix:///here", {})
    assert child["DISCORD_TOKEN"] == ""
    assert child["REDIS_URL"] == "unix:///here"
    assert "a-secret" not in " ".join(child.values())


def test_the_token_is_not_in_the_settings_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISCORD_TOKEN", "a-secret")
    assert "a-secret" not in repr(RunSettings())


def test_an_inspector_entry_has_a_jobs_times_and_no_text_of_members_or_models() -> None:
    timings = Timings(waited=1.26, decode=2, forward=30, batch=4, done=1000)
    entry = job_entry(Result(job_id="a", outcome=Captioned(text="a secret"), timings=timings), 1000.25)
    assert entry["times"] == {"waited": 1.3, "decode": 2, "forward": 30, "reply": 250}
    assert (entry["kind"], entry["name"], entry["batch"]) == ("job", "caption", 4)
    assert "secret" not in str(entry)
    failed = job_entry(Failure(job_id="a", code="expired", detail={"name": "a secret"}), 0)
    assert failed == {"kind": "job", "job": "a", "name": "failed: expired", "status": "expired"}
