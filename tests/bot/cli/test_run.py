"""What `beholder run` chooses, and what its children get to know."""

import pytest

from bot.cli import run
from bot.cli.run import RunSettings, chosen_models, environment, job_entry
from inference.schema import Captioned, Failure, Result, Timings


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISCORD_TOKEN", "REDIS_URL", "BEHOLDER_MODELS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setitem(RunSettings.model_config, "env_file", None)


@pytest.mark.parametrize(
    ("asked", "token", "cached", "chosen"),
    [
        ("", "", False, "tiny"),
        ("", "", True, "base"),
        ("", "a token", False, "base"),
        ("large", "", False, "large"),
        ("base", "", False, "base"),
    ],
)
def test_models_are_tiny_only_where_nothing_else_was_asked_for_and_base_is_not_here(
    monkeypatch: pytest.MonkeyPatch, asked: str, token: str, chosen: str, *, cached: bool
) -> None:
    if asked:
        monkeypatch.setenv("BEHOLDER_MODELS", asked)
    monkeypatch.setenv("DISCORD_TOKEN", token)
    monkeypatch.setattr(run, "in_local_cache", lambda size: cached and size == "base")
    assert chosen_models(RunSettings()) == chosen


def test_the_token_reaches_only_the_child_that_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISCORD_TOKEN", "a-secret")
    monkeypatch.setenv("REDIS_URL", "redis://:b-secret@elsewhere")
    child = environment(RunSettings(), "unix:///here", {})
    assert child["DISCORD_TOKEN"] == ""
    assert child["REDIS_URL"] == "unix:///here"
    assert "a-secret" not in " ".join(child.values())


def test_a_secret_is_not_in_what_settings_print(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISCORD_TOKEN", "a-secret")
    assert "a-secret" not in repr(RunSettings())


def test_a_job_is_shown_by_its_times_and_not_by_what_was_said() -> None:
    timings = Timings(waited=1.26, decode=2, forward=30, batch=4, done=1000)
    entry = job_entry(Result(job_id="a", outcome=Captioned(text="a secret"), timings=timings), 1000.25)
    assert entry["times"] == {"waited": 1.3, "decode": 2, "forward": 30, "reply": 250}
    assert (entry["kind"], entry["name"], entry["batch"]) == ("job", "caption", 4)
    assert "secret" not in str(entry)
    failed = job_entry(Failure(job_id="a", code="expired", detail={"name": "a secret"}), 0)
    assert failed == {"kind": "job", "job": "a", "name": "failed: expired", "status": "expired"}
