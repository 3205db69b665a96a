"""The store: messages, ids and tokens survive a restart and a SIGKILL."""

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.playground.server import ListenError, PocketDiscord
from bot.playground.state.records import User
from bot.playground.state.snowflakes import Snowflakes, at_time, time_of
from bot.playground.state.store import Store, StoreError
from tests.bot.playground.event_log import TIMEOUT_S
from tests.bot.playground.rest_client import Rest

SERVER = """
import asyncio, sys
from pathlib import Path
from bot.playground.server import serve

asyncio.run(serve(Path(sys.argv[1]), port=0, started=lambda pocket: print(pocket.url, flush=True)))
"""


async def people(pocket: PocketDiscord, http: aiohttp.ClientSession) -> tuple[Any, Rest]:
    async with http.get(f"{pocket.url}/playground/session") as answer:
        session = await answer.json()
    return session, Rest(http, session["api"], session["users"][0]["token"])


async def test_a_sigkill_loses_nothing_that_was_answered(tmp_path: Path, http: aiohttp.ClientSession) -> None:
    command = (sys.executable, "-c", SERVER, str(tmp_path))
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    url = (await asyncio.wait_for(process.stdout.readline(), TIMEOUT_S)).decode().strip()
    async with http.get(f"{url}/playground/session") as answer:
        before = json.loads(await answer.text())
    ada = Rest(http, before["api"], before["users"][0]["token"])
    path = f"/channels/{before['channel_id']}/messages"
    sent = [await ada.post(path, {"content": str(number)}, files={"a.txt": b"abc"}) for number in range(5)]
    await ada.put(f"{path}/{sent[0]['id']}/reactions/%F0%9F%91%8D/@me")
    process.send_signal(signal.SIGKILL)
    await process.wait()
    async with PocketDiscord(tmp_path, port=0) as pocket:
        after, ada = await people(pocket, http)
        assert [after[key] for key in ("users", "application_id", "guild_id", "channel_id")] == [
            before[key] for key in ("users", "application_id", "guild_id", "channel_id")
        ]
        kept = await ada.get(path)
        assert [each["content"] for each in kept] == ["4", "3", "2", "1", "0"]
        assert kept[-1]["reactions"][0]["count"] == 1
        async with http.get(kept[0]["attachments"][0]["url"]) as answer:
            assert await answer.read() == b"abc"
        new = await ada.post(path, {"content": "5"})
        assert int(new["id"]) > int(sent[-1]["id"])


async def test_an_enforced_nonce_survives_a_restart(tmp_path: Path, http: aiohttp.ClientSession) -> None:
    ids = []
    for _ in range(2):
        async with PocketDiscord(tmp_path, port=0) as pocket:
            session, ada = await people(pocket, http)
            body = {"content": "x", "nonce": "n", "enforce_nonce": True}
            ids.append((await ada.post(f"/channels/{session['channel_id']}/messages", body))["id"])
    assert ids[0] == ids[1]


async def test_a_data_folder_is_locked_by_one_process(tmp_path: Path) -> None:
    async with PocketDiscord(tmp_path, port=0):
        with pytest.raises(StoreError, match="another Beholder is using them"):
            await PocketDiscord(tmp_path, port=0).start()


async def test_a_port_that_is_taken_leaves_the_folder_free(tmp_path: Path) -> None:
    async with PocketDiscord(tmp_path / "one", port=0) as pocket:
        with pytest.raises(ListenError, match=r"another program uses that port.*BEHOLDER_PLAYGROUND_PORT"):
            await PocketDiscord(tmp_path / "two", port=pocket.port).start()
    async with PocketDiscord(tmp_path / "two", port=0):
        pass


@pytest.mark.parametrize("host", ["192.0.2.1", "no..name", "nobody.invalid"])
async def test_an_address_of_another_machine_is_refused_with_the_setting(tmp_path: Path, host: str) -> None:
    with pytest.raises(ListenError, match="BEHOLDER_PLAYGROUND_HOST"):
        await PocketDiscord(tmp_path, host=host, port=0).start()


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"Not a directory.*BEHOLDER_DATA_DIR"):
        Store(tmp_path / "file" / "data")
    (tmp_path / "pocket.sqlite3").write_bytes(b"no database" * 1000)
    with pytest.raises(StoreError, match=r"not a database.*move this one away"):
        Store(tmp_path)


def test_a_damaged_record_is_named(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store._database.execute("INSERT INTO records VALUES ('User', 1, '[]')")
    with pytest.raises(StoreError, match="a User is damaged"):
        list(store.load(User))
    store.close()


def test_a_newer_store_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store._database.execute("PRAGMA user_version = 99")
    store.close()
    with pytest.raises(StoreError, match="newer"):
        Store(tmp_path)


def test_ids_carry_the_time_and_only_rise() -> None:
    now = 1_700_000_000.25
    ids = Snowflakes(lambda: now)
    first, second = ids.next(), ids.next()
    assert first == at_time(now)
    assert time_of(first).timestamp() == now
    assert second > first
    now -= 60
    assert ids.next() > second
