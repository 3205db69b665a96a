"""The lines with the bot's servers and its invite link."""

import re
from urllib.parse import parse_qs, urlsplit

from bot.cli.ready_line import invite_url, servers
from tests.composed import ROOT


def test_servers_are_counted_and_the_first_are_named() -> None:
    assert servers([]) == "no server yet"
    assert servers(["One"]) == "1 server: One"
    assert servers([f"S{number}" for number in range(8)]) == "8 servers: S0, S1, S2, S3, S4 and 3 more"


def test_the_invite_link_has_the_scopes_and_permissions_of_the_readme() -> None:
    ours = parse_qs(urlsplit(invite_url(123)).query)
    (written,) = re.findall(r"https://discord\.com/oauth2/authorize\S+", (ROOT / "README.md").read_text())
    assert ours == parse_qs(urlsplit(written.replace("APPLICATION_ID", "123")).query)
    assert ours["scope"] == ["bot applications.commands"]
