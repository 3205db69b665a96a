"""A user of the pocket Discord over plain REST."""

import io
import json
from dataclasses import dataclass
from typing import Any

import aiohttp


@dataclass(frozen=True)
class Answer:
    """The answer to a request."""

    status: int
    body: Any
    headers: Any


class Rest:
    """Sends API requests of one user."""

    def __init__(self, http: aiohttp.ClientSession, api: str, authorization: str) -> None:
        self._http = http
        self._api = api
        self._authorization = authorization

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        files: dict[str, bytes] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Send a request, as multipart where there are files."""
        sent = {"Authorization": self._authorization} | (headers or {})
        form = None if files is None else multipart(body, files)
        async with self._http.request(
            method,
            self._api + path,
            headers=sent,
            json=body if form is None else None,
            data=form,
        ) as response:
            text = await response.text()
            answer = json.loads(text) if response.content_type == "application/json" else text
            return Answer(response.status, answer, response.headers)

    async def get(self, path: str) -> Any:
        return await self._fine("GET", path)

    async def post(self, path: str, body: Any = None, *, files: dict[str, bytes] | None = None) -> Any:
        return await self._fine("POST", path, body, files=files)

    async def patch(self, path: str, body: Any = None, *, files: dict[str, bytes] | None = None) -> Any:
        return await self._fine("PATCH", path, body, files=files)

    async def put(self, path: str, body: Any = None) -> Any:
        return await self._fine("PUT", path, body)

    async def delete(self, path: str) -> Any:
        return await self._fine("DELETE", path)

    async def _fine(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        answer = await self.ask(method, path, body, **more)
        assert answer.status < 300, answer
        return answer.body

    async def refused(self, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, int]:
        """Send a request that must fail, and return its status and error code."""
        answer = await self.ask(method, path, body, **more)
        assert answer.status >= 400, answer
        return answer.status, answer.body["code"]


def multipart(body: Any, files: dict[str, bytes]) -> aiohttp.FormData:
    form = aiohttp.FormData(quote_fields=False)
    if body is not None:
        form.add_field("payload_json", json.dumps(body), content_type="application/json")
    for number, (name, data) in enumerate(files.items()):
        form.add_field(
            f"files[{number}]", io.BytesIO(data), filename=name, content_type="application/octet-stream"
        )
    return form
