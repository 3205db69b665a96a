"""The page's static files and their headers."""

import re

import aiohttp
import pytest

from bot.playground.routes import page
from tests.bot.playground.conftest import Place

JS = sorted(name for name in page.files() if name.endswith(".js"))
ELSEWHERE = re.compile(r"""(?:src|href|from|import|url)\s*[=(:]?\s*["'(]\s*(?:https?:)?//""")


async def test_the_page_runs_its_own_scripts_and_nothing_else(
    place: Place, http: aiohttp.ClientSession
) -> None:
    async with http.get(f"{place.pocket.url}/") as answer:
        text = await answer.text()
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        policy = dict(rule.split(" ", 1) for rule in answer.headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["connect-src"] == f"'self' ws://127.0.0.1:{place.pocket.port}"
    assert policy["require-trusted-types-for"] == "'script'"
    assert "unsafe" not in " ".join(policy.values())
    assert place.ada._authorization not in text


async def test_all_files_that_the_page_refers_to_are_served(
    place: Place, http: aiohttp.ClientSession
) -> None:
    async with http.get(f"{place.pocket.url}/") as answer:
        named = set(re.findall(r'(?:src|href)="(/page/[^"]+)"', await answer.text()))
    assert {"/page/js/main.js", "/page/css/base.css", "/page/eye.svg"} <= named
    for path in named:
        async with http.get(place.pocket.url + path) as answer:
            assert answer.status == 200, path
            assert answer.content_type == page.TYPES["." + path.rsplit(".", 1)[1]]
            assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_nothing_is_loaded_from_elsewhere_and_no_text_becomes_html() -> None:
    for name, path in page.files().items():
        text = path.read_text()
        assert not ELSEWHERE.search(text), name
        for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "srcdoc"):
            assert word not in text, (name, word)


def test_the_page_has_no_sign_that_fonts_may_lack() -> None:
    everywhere = set("…—“”·")
    for name, path in page.files().items():
        strange = {each for each in path.read_text() if not each.isascii()} - everywhere
        assert strange == set(), name


@pytest.mark.parametrize("name", JS)
def test_a_module_imports_existing_modules_and_has_at_most_300_lines(name: str) -> None:
    text = page.files()[name].read_text()
    for wanted in re.findall(r'from "\./([^"]+)"', text):
        assert f"js/{wanted}" in page.files()
    assert len(text.splitlines()) <= 300


@pytest.mark.parametrize(
    "path", ["/page/", "/page/nothing.js", "/page/../routes/front.py", "/page/%2e%2e/server.py", "/page/js"]
)
async def test_nothing_but_the_page_s_own_files_is_served(
    place: Place, http: aiohttp.ClientSession, path: str
) -> None:
    async with http.get(place.pocket.url + path) as answer:
        assert answer.status == 404


async def test_a_foreign_host_sees_no_page(place: Place, http: aiohttp.ClientSession) -> None:
    headers = {"Host": "elsewhere.example"}
    for path in ("/", "/page/js/main.js", "/playground/scenes", "/playground/inspector"):
        async with http.get(place.pocket.url + path, headers=headers, allow_redirects=False) as answer:
            assert answer.status == 403
            assert "pocket" not in await answer.text()
