"""An Ollama of our own for tests: its protocol over a real socket, without a model behind it."""

import asyncio
import base64
import contextlib
import io
import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, Self

from aiohttp import web
from PIL import Image

from tests.inference.fake_engine import colour_of
from tests.ollama.description import Description

MODEL: Final = "llava-phi3"
READ: Final = {"JPEG", "PNG"}
"""What Ollama takes; it takes no HEIC, AVIF or TIFF."""
LAYERS: Final = {"sha256:aa": 100, "sha256:bb": 300}
"""What a pull fetches, in bytes."""


class StandInOllama:
    """Answers chats with the last message's words, a word a line, and the colours of each message's pictures.

    In the last message `hold` waits after the first word until `go` is set, `drop` breaks the connection
    there, `fail` sends an error there and `crowded` one of too little memory, `garbage` sends what is no
    JSON, `cut` ends without a last line.

    Attributes:
        models: What it has.
        library: What it can pull.
        requests: The chats that were asked, as JSON.
        go: Lets what holds go on.
        pulled: How often a pull was begun.
        pull: Lets a pull go on after half of it.
        gone: How many chats were left by who asked.
        refusal: Status and words with which every chat is refused.
        busy: Statuses and headers with which the next chats are refused, one each.
        capabilities: What the model can do, as `/api/show` tells.
        says: The pieces of every answer, in place of the words; a pair's second one is a thought.
        done_reason: Why every answer ends.
        impostor: A body with which every chat is answered, by a server that is no Ollama.
        deaf: It takes connections and answers nothing.
        alive_checks: How often the version was asked for.
        loading: A chat says nothing until `go` is set, as while the model loads.
        description: What judges each word.
    """

    def __init__(self) -> None:
        self.models = {MODEL}
        self.library = {MODEL}
        self.requests: list[dict[str, Any]] = []
        self.go = asyncio.Event()
        self.pulled = 0
        self.pull = asyncio.Event()
        self.gone = 0
        self.refusal: tuple[int, str] | None = None
        self.busy: list[tuple[int, dict[str, str]]] = []
        self.capabilities = ["completion", "vision"]
        self.says: Sequence[str | tuple[str, str]] | None = None
        self.done_reason = "stop"
        self.impostor: str | None = None
        self.deaf = False
        self.alive_checks = 0
        self.loading = False
        self.description = Description()
        self.port = 0
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Where it is, for OLLAMA_HOST."""
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=2**28, middlewares=[self._unless_deaf])
        app.router.add_post("/api/chat", self._chat)
        app.router.add_post("/api/pull", self._pull)
        app.router.add_post("/api/show", self._show)
        app.router.add_get("/api/version", self._version)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = int(self._runner.addresses[0][1])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    @web.middleware
    async def _unless_deaf(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if self.deaf:
            await asyncio.Event().wait()
        answer: web.StreamResponse = await handler(request)
        return answer

    async def _version(self, _: web.Request) -> web.Response:
        self.alive_checks += 1
        return self._json("VersionResponse", {"version": "0.35.1"})

    async def _show(self, request: web.Request) -> web.Response:
        asked = await request.json()
        self.description.check("ShowRequest", asked)
        if asked["model"] not in self.models:
            return self._json("ErrorResponse", {"error": f"model '{asked['model']}' not found"}, 404)
        return self._json("ShowResponse", {"capabilities": self.capabilities, "model_info": {}})

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        self.description.check("ChatRequest", asked)
        self.requests.append(asked)
        if self.impostor is not None:
            return web.Response(text=self.impostor, content_type="text/html")
        if self.busy:
            status, headers = self.busy.pop(0)
            refused = self._json("ErrorResponse", {"error": "server busy, please try again"}, status)
            refused.headers.update(headers)
            return refused
        if self.refusal is not None:
            status, words = self.refusal
            return self._json("ErrorResponse", {"error": words}, status)
        if asked["model"] not in self.models:
            return self._json("ErrorResponse", {"error": f"model '{asked['model']}' not found"}, 404)
        try:
            colours = [_colours(message) for message in asked["messages"]]
        except ValueError:
            return self._json("ErrorResponse", {"error": "Failed to load image or audio file"}, 400)
        try:
            return await self._stream(request, asked, colours)
        except (asyncio.CancelledError, ConnectionResetError):
            self.gone += 1
            raise

    async def _stream(
        self, request: web.Request, asked: dict[str, Any], colours: list[str]
    ) -> web.StreamResponse:
        if self.loading:
            await self.go.wait()
        answer = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await answer.prepare(request)
        if self.says is not None:
            for piece in self.says:
                text, thought = (piece, "") if isinstance(piece, str) else piece
                await self._line(answer, "ChatStreamEvent", _piece(text, thought))
            counts = {"prompt_eval_count": 600, "eval_count": len(self.says)}
            last = {**_piece(""), "done": True, "done_reason": self.done_reason, **counts}
            await self._line(answer, "ChatStreamEvent", last)
            return answer
        words = asked["messages"][-1]["content"].split()
        for number, word in enumerate(words):
            if number:
                await self._disturb(answer, request, words)
            await self._line(answer, "ChatStreamEvent", _piece(f"{word} "))
        await self._line(answer, "ChatStreamEvent", _piece("; ".join(colours)))
        if "cut" not in words:
            counts = {"prompt_eval_count": 600 * len(colours), "eval_count": len(words) + 1}
            last = {
                **_piece(""),
                "done": True,
                "done_reason": self.done_reason,
                "total_duration": 5,
                **counts,
            }
            await self._line(answer, "ChatStreamEvent", last)
        return answer

    async def _disturb(self, answer: web.StreamResponse, request: web.Request, words: list[str]) -> None:
        if "hold" in words:
            await self.go.wait()
        if "drop" in words:
            assert request.transport is not None
            request.transport.abort()
            await asyncio.Event().wait()
        if "fail" in words:
            await answer.write(b'{"error":"an error was encountered while running the model"}\n')
            raise web.HTTPInternalServerError
        if "crowded" in words:
            await answer.write(b'{"error":"CUDA error: out of memory"}\n')
            raise web.HTTPInternalServerError
        if "garbage" in words:
            await answer.write(b"<html>\n")

    async def _pull(self, request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        self.description.check("PullRequest", asked)
        self.pulled += 1
        answer = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await answer.prepare(request)
        await self._line(answer, "StatusEvent", {"status": "pulling manifest"})
        if asked["model"] not in self.library:
            await answer.write(b'{"error":"pull model manifest: file does not exist"}\n')
            return answer
        async for step in self._layers():
            await self._line(answer, "StatusEvent", step)
        self.models.add(asked["model"])
        await self._line(answer, "StatusEvent", {"status": "success"})
        return answer

    async def _layers(self) -> AsyncIterator[dict[str, Any]]:
        for half in (0.5, 1):
            for digest, total in LAYERS.items():
                step = {"status": f"pulling {digest[7:]}", "digest": digest, "total": total}
                yield {**step, "completed": int(total * half)}
            await self.pull.wait()

    async def _line(self, answer: web.StreamResponse, schema: str, word: dict[str, Any]) -> None:
        self.description.check(schema, word)
        await answer.write(json.dumps(word).encode() + b"\n")

    def _json(self, schema: str, word: dict[str, Any], status: int = 200) -> web.Response:
        self.description.check(schema, word)
        return web.json_response(word, status=status)


@contextlib.asynccontextmanager
async def stand_in_ollama() -> AsyncIterator[StandInOllama]:
    """Run one, and hold every word to the description in the end."""
    async with StandInOllama() as ollama:
        yield ollama
    assert ollama.description.found == []


def _piece(text: str, thought: str = "") -> dict[str, Any]:
    now = datetime.now(UTC).isoformat()
    return {
        "model": MODEL,
        "created_at": now,
        "message": {"role": "assistant", "content": text, **({"thinking": thought} if thought else {})},
        "done": False,
    }


def _colours(message: dict[str, Any]) -> str:
    """Name the colours of a message's pictures.

    Raises:
        ValueError: One of them is no file that Ollama reads.
    """
    found = []
    for each in message.get("images") or ():
        picture = Image.open(io.BytesIO(base64.b64decode(each, validate=True)))
        if picture.format not in READ:
            raise ValueError(picture.format)
        found.append(_nearest(picture.convert("RGB")))
    return ",".join(found)


def _nearest(picture: Image.Image) -> str:
    """Name the colour, which a JPEG file may have a little off."""
    return colour_of(picture.point(lambda value: 255 if value > 127 else 0))
