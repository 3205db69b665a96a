"""Attachments on disk, and the signed addresses that they are served under.

Discord signs an attachment's address with `ex` (when it ends), `is` (when it was signed) and `hm`,
all hexadecimal, and refuses the file after about a day.
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

ADDRESS = re.compile(r"(?:/media)?/(ephemeral-)?attachments/(\d+)/(\d+)/([^/]+)")

ADDRESS_SECONDS = 24 * 60 * 60
"""How long an address works. Discord promises no number; about a day was seen."""


class Files:
    """The bytes of attachments, a folder for each channel and each attachment."""

    def __init__(self, folder: Path, secret: str, clock: Clock) -> None:
        self._folder = folder
        self._secret = secret.encode()
        self._clock = clock
        self.base = ""
        """What addresses start with: scheme, host and port. Set when the server listens."""

    def write(self, attachment: Attachment, data: bytes) -> None:
        """Keep an attachment's bytes."""
        path = self.path(attachment.channel_id, attachment.id, attachment.filename)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def read(self, attachment: Attachment) -> bytes:
        """Return an attachment's bytes."""
        return self.path(attachment.channel_id, attachment.id, attachment.filename).read_bytes()

    def path(self, channel_id: int, attachment_id: int, filename: str) -> Path:
        """Return where a file lies. The name on disk is made from the ids alone."""
        suffix = hashlib.sha256(filename.encode()).hexdigest()[:16]
        return self._folder / str(channel_id) / f"{attachment_id}-{suffix}"

    def known(self, url: str) -> Attachment | None:
        """Return the attachment at an address of ours, however old, as far as its bytes tell."""
        match = ADDRESS.fullmatch(urlsplit(url).path)
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
        """Delete an attachment's bytes."""
        self.path(attachment.channel_id, attachment.id, attachment.filename).unlink(missing_ok=True)

    def remove_channel(self, channel_id: int) -> None:
        """Delete the bytes of everything in a channel."""
        shutil.rmtree(self._folder / str(channel_id), ignore_errors=True)

    def url(self, attachment: Attachment, *, proxy: bool = False) -> str:
        """Return a fresh signed address; `proxy` for the one that Discord resizes pictures under."""
        path = self._path_of(attachment)
        now = int(self._clock())
        expires = now + ADDRESS_SECONDS
        query = urlencode({"ex": f"{expires:x}", "is": f"{now:x}", "hm": self._sign(path, expires, now)})
        return f"{self.base}{'/media' if proxy else ''}{path}?{query}&"

    def is_signed(self, path: str, query: dict[str, str]) -> bool:
        """Tell whether an address was signed here and hasn't expired.

        Args:
            path: The path, unquoted, without "/media".
            query: The query's values.
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
