"""Attachment files on disk, and their signed URLs.

Discord signs an attachment's URL with `ex` (expiry), `is` (issue time) and `hm` (signature), all hexadecimal,
and refuses it after about a day.
"""

import hashlib
import hmac
import re
import shutil
from pathlib import Path
from urllib.parse import quote, unquote, urlencode, urlsplit

from bot.playground.state import image_headers
from bot.playground.state.records import Attachment
from bot.playground.state.snowflakes import Clock

URL_PATH = re.compile(r"(?:/media)?/(ephemeral-)?attachments/(\d+)/(\d+)/([^/]+)")

URL_SECONDS = 24 * 60 * 60
"""Lifetime of a signed URL. Discord documents no number; about a day was observed."""


class Files:
    """Attachment files, in a folder for each channel."""

    def __init__(self, folder: Path, secret: str, clock: Clock) -> None:
        self._folder = folder
        self._secret = secret.encode()
        self._clock = clock
        self.base = ""
        """Scheme, host and port of URLs. Set when the server listens."""

    def write(self, attachment: Attachment, data: bytes) -> None:
        """Write an attachment's bytes."""
        path = self.path(attachment.channel_id, attachment.id, attachment.filename)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def read(self, attachment: Attachment) -> bytes:
        """Return an attachment's bytes."""
        return self.path(attachment.channel_id, attachment.id, attachment.filename).read_bytes()

    def path(self, channel_id: int, attachment_id: int, filename: str) -> Path:
        """Return the path of a file: its name on disk is the id and a hash of the file name."""
        suffix = hashlib.sha256(filename.encode()).hexdigest()[:16]
        return self._folder / str(channel_id) / f"{attachment_id}-{suffix}"

    def known(self, url: str) -> Attachment | None:
        """Return the attachment of one of our URLs, expired or not, from its file; None for other URLs."""
        match = URL_PATH.fullmatch(urlsplit(url).path)
        if not url.startswith(f"{self.base}/") or match is None:
            return None
        channel_id, attachment_id, filename = int(match[2]), int(match[3]), unquote(match[4])
        try:
            data = self.path(channel_id, attachment_id, filename).read_bytes()
        except FileNotFoundError:
            return None
        width, height = image_headers.size(data) or (None, None)
        return Attachment(
            id=attachment_id,
            channel_id=channel_id,
            filename=filename,
            size=len(data),
            content_type=image_headers.content_type(data),
            width=width,
            height=height,
            ephemeral=match[1] is not None,
        )

    def remove(self, attachment: Attachment) -> None:
        """Delete an attachment's file. Idempotent."""
        self.path(attachment.channel_id, attachment.id, attachment.filename).unlink(missing_ok=True)

    def remove_channel(self, channel_id: int) -> None:
        """Delete all files of a channel."""
        shutil.rmtree(self._folder / str(channel_id), ignore_errors=True)

    def url(self, attachment: Attachment, *, proxy: bool = False) -> str:
        """Return a fresh signed URL, with `proxy` that of the media proxy."""
        path = self._path_of(attachment)
        now = int(self._clock())
        expires = now + URL_SECONDS
        query = urlencode({"ex": f"{expires:x}", "is": f"{now:x}", "hm": self._sign(path, expires, now)})
        return f"{self.base}{'/media' if proxy else ''}{path}?{query}&"

    def is_signed(self, path: str, query: dict[str, str]) -> bool:
        """Tell whether a URL has a valid signature and hasn't expired.

        Args:
            path: The path, unquoted, without "/media".
            query: The query parameters.
        """
        try:
            expires, issued = int(query["ex"], 16), int(query["is"], 16)
        except (KeyError, ValueError):
            return False
        signature = self._sign(quote(path), expires, issued)
        return (
            hmac.compare_digest(signature.encode(), query.get("hm", "").encode()) and self._clock() < expires
        )

    def _path_of(self, attachment: Attachment) -> str:
        kind = "ephemeral-attachments" if attachment.ephemeral else "attachments"
        return quote(f"/{kind}/{attachment.channel_id}/{attachment.id}/{attachment.filename}")

    def _sign(self, path: str, expires: int, issued: int) -> str:
        return hmac.new(self._secret, f"{path} {expires:x} {issued:x}".encode(), hashlib.sha256).hexdigest()
