"""OLLAMA_HOST -> an address."""

import pytest

from inference.ollama_address import address


@pytest.mark.parametrize(
    ("host", "where"),
    [
        ("http://127.0.0.1:11434", "127.0.0.1:11434"),
        ("ollama", "ollama:11434"),
        ("0.0.0.0:1", "0.0.0.0:1"),
        ("https://me:secret@there/path", "there:443"),
        ("http://there", "there:80"),
        (":56789", "127.0.0.1:56789"),
        ("[::1]", "[::1]:11434"),
    ],
)
def test_an_address_is_read_as_ollama_does(host: str, where: str) -> None:
    assert str(address(host)) == where


@pytest.mark.parametrize("host", ["ftp://there", "http://there:port", "http://there:99999"])
def test_what_is_no_address_is_refused(host: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - urllib's words
        address(host)
