"""The Host and Origin check: which programs and pages may use the pocket Discord."""

import socket
from pathlib import Path

import aiohttp
import pytest

from bot.playground.server import PocketDiscord


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "evil.example:{port}"}, 403),
        ({"Host": "127.0.0.1:1"}, 403),
        ({"Host": "localhost:{port}"}, 200),
        ({"Host": "[::1]:{port}"}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "https://127.0.0.1:{port}"}, 403),
        ({"Origin": "http://127.0.0.1:{port}"}, 200),
        ({"Origin": "http://localhost:{port}"}, 200),
        ({"Host": "192.168.1.5:{port}"}, 403),
        ({"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}, 200),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 200),
    ],
)
@pytest.mark.parametrize("path", ["/playground/session", "/api/v10/gateway"])
async def test_foreign_hosts_and_origins_are_refused(
    pocket: PocketDiscord, http: aiohttp.ClientSession, path: str, headers: dict[str, str], status: int
) -> None:
    sent = {name: value.format(port=pocket.port) for name, value in headers.items()}
    async with http.get(pocket.url + path, headers=sent) as answer:
        assert answer.status == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "192.168.1.5:{port}"}, 200),
        ({"Host": "[fd00::5]:80"}, 200),
        ({"Host": f"{socket.gethostname()}:{{port}}"}, 200),
        ({"Host": "192.168.1.5:{port}", "Origin": "http://192.168.1.5:{port}"}, 200),
        ({"Host": "192.168.1.5:{port}", "Origin": "http://192.168.1.6:{port}"}, 403),
        ({"Host": "evil.example:{port}"}, 403),
    ],
)
async def test_on_all_interfaces_any_ip_address_is_accepted_as_host(
    tmp_path: Path, http: aiohttp.ClientSession, headers: dict[str, str], status: int
) -> None:
    async with PocketDiscord(tmp_path, host="0.0.0.0", port=0) as pocket:  # noqa: S104
        sent = {name: value.format(port=pocket.port) for name, value in headers.items()}
        async with http.get(f"{pocket.url}/playground/session", headers=sent) as answer:
            assert answer.status == status


async def test_the_gateway_refuses_a_foreign_page(pocket: PocketDiscord, http: aiohttp.ClientSession) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
        await http.ws_connect(pocket.gateway, headers={"Origin": "http://evil.example"})


async def test_on_all_interfaces_its_own_url_has_the_loopback_address(tmp_path: Path) -> None:
    async with PocketDiscord(tmp_path, host="0.0.0.0", port=0) as pocket:  # noqa: S104
        assert pocket.url == f"http://127.0.0.1:{pocket.port}"
