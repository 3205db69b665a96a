"""A hub of our own for tests: folders served by the protocol that huggingface_hub 2.4.0 speaks.

Small files are served from `resolve` itself, weights by a redirect to where large files lie, as on the hub.
"""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import unquote

from aiohttp import web

from inference.models.hub_download import CONVERSION_AUTHOR, CONVERSION_TITLE

Files = Mapping[str, bytes]
_LARGE = (".safetensors", ".bin")


def files_of(folder: Path) -> dict[str, bytes]:
    """Read a folder as a repository's files."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def commit_of(files: Files) -> str:
    """Name a commit by what is in it: 40 hexadecimal digits."""
    parts = (
        f"{name}:{hashlib.sha1(data, usedforsecurity=False).hexdigest()}" for name, data in files.items()
    )
    return hashlib.sha1("\n".join(sorted(parts)).encode(), usedforsecurity=False).hexdigest()


class StandInHub:
    """Serves repositories on a port of 127.0.0.1, and notes every request.

    Attributes:
        repositories: Name -> revision (`main`, `refs/pr/1`) -> the files.
        conversions: Name -> who opened which pull request titled as the hub's converter titles its own.
        requests: What was asked, as `METHOD path`.
        cut: File name -> after how many bytes the connection breaks, once.
    """

    def __init__(self) -> None:
        self.repositories: dict[str, dict[str, Files]] = {}
        self.conversions: dict[str, list[tuple[int, str]]] = {}
        self.requests: list[str] = []
        self.cut: dict[str, int] = {}
        self.port = 0
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Where it is, for HF_ENDPOINT."""
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = int(self._runner.addresses[0][1])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Stop serving: from now on connections are refused."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        path = request.rel_url.raw_path
        self.requests.append(f"{request.method} {path}")
        for pattern, answer in (
            (r"/api/models/([^/]+/[^/]+)/revision/([^/]+)", self._info),
            (r"/api/models/([^/]+/[^/]+)/tree/([^/]+)", self._tree),
            (r"/api/models/([^/]+/[^/]+)/(discussions)", self._discussions),
        ):
            if found := re.fullmatch(pattern, path):
                return answer(found[1], unquote(found[2]))
        if found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/([^/]+)", path):
            return self._resolve(found[1], unquote(found[2]), found[3])
        if found := re.fullmatch(r"/large/([^/]+/[^/]+)/([^/]+)/([^/]+)", path):
            return await self._large(request, found[1], found[2], found[3])
        return _error(404, "EntryNotFound")

    def _files(self, name: str, revision: str) -> Files:
        revisions = self.repositories[name]
        by_commit = {commit_of(files): files for files in revisions.values()}
        return {**revisions, **by_commit}[revision]

    def _missing(self, name: str, revision: str) -> web.Response | None:
        if name not in self.repositories:
            return _error(401, "RepoNotFound")  # what the hub says of a name that is not public
        try:
            self._files(name, revision)
        except KeyError:
            return _error(404, "RevisionNotFound")
        return None

    def _info(self, name: str, revision: str) -> web.Response:
        if missing := self._missing(name, revision):
            return missing
        files = self._files(name, revision)
        siblings = [{"rfilename": file} for file in files]
        return web.json_response({"id": name, "sha": commit_of(files), "siblings": siblings})

    def _tree(self, name: str, revision: str) -> web.Response:
        if missing := self._missing(name, revision):
            return missing
        return web.json_response(
            [
                {"type": "file", "path": file, "size": len(data), "oid": _etag(data)}
                for file, data in self._files(name, revision).items()
            ]
        )

    def _discussions(self, name: str, _: str) -> web.Response:
        if missing := self._missing(name, "main"):
            return missing
        found = [
            {
                "title": CONVERSION_TITLE,
                "num": number,
                "author": {"name": author},
                "createdAt": "2024-01-01T00:00:00.000Z",
                "status": "open",
                "isPullRequest": True,
                "repo": {"name": name, "type": "model"},
            }
            # An old or a careless hub might not filter by author: ours never does, so that we have to.
            for number, author in self.conversions.get(name, [])
        ]
        return web.json_response({"discussions": found, "count": len(found), "start": 0})

    def _resolve(self, name: str, revision: str, file: str) -> web.Response:
        if missing := self._missing(name, revision):
            return missing
        files = self._files(name, revision)
        if file not in files:
            return _error(404, "EntryNotFound")
        data, commit = files[file], commit_of(files)
        if file.endswith(_LARGE):
            linked = {"X-Linked-Size": str(len(data)), "X-Linked-Etag": f'"{_etag(data)}"'}
            # Another host, as on the hub: of the same one huggingface_hub takes it for a renamed repository.
            location = f"http://localhost:{self.port}/large/{name}/{commit}/{file}"
            return web.Response(status=302, headers={"Location": location, "X-Repo-Commit": commit, **linked})
        return web.Response(body=data, headers={"ETag": f'"{_etag(data)}"', "X-Repo-Commit": commit})

    async def _large(self, request: web.Request, name: str, commit: str, file: str) -> web.StreamResponse:
        data = self._files(name, commit)[file]
        start = int((request.headers.get("Range") or "bytes=0-")[len("bytes=") :].split("-")[0])
        ranged = {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"} if start else {}
        response = web.StreamResponse(status=206 if start else 200, headers=ranged)
        response.content_length = len(data) - start
        await response.prepare(request)
        cut = self.cut.pop(file, None)
        await response.write(data[start : cut if cut is not None else len(data)])
        if cut is not None and request.transport is not None:
            request.transport.close()
        return response


def _etag(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _error(status: int, code: str) -> web.Response:
    return web.Response(status=status, headers={"X-Error-Code": code, "X-Error-Message": code})


__all__ = ["CONVERSION_AUTHOR", "StandInHub", "commit_of", "files_of"]
