"""Archives made in memory, and a local server for them."""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from open_seq2seq.system.archives import Archive


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    """Return an empty member of an archive."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def tar_gz(files: dict[str, bytes], *odd: tarfile.TarInfo) -> bytes:
    """Return an archive of ``files`` by name, followed by the members ``odd``."""
    blob = io.BytesIO()
    with tarfile.open(fileobj=blob, mode="w:gz") as archive:
        for name, content in files.items():
            info = member(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for info in odd:
            archive.addfile(info)
    return blob.getvalue()


class Server:
    """A server of one file at any path.

    Attributes:
        content: the file.
        etag: version of the file that it sends, or None.
        knows_range: whether it can send parts of the file.
        cut_after: for the next answers, the number of bytes after which the connection is cut.
        status: status of all answers, or None for the correct one.
        seen: Range of each request and status of its answer.
    """

    def __init__(self) -> None:
        self.content = b""
        self.etag: str | None = '"one"'
        self.knows_range = True
        self.cut_after: list[int] = []
        self.status: int | None = None
        self.seen: list[tuple[str | None, int]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.answer(self)

            def log_message(self, *_args: object) -> None: ...

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        requested_range = request.headers["Range"]
        start, size = 0, len(self.content)
        if requested_range and self.knows_range:
            start = int(re.findall(r"\d+", requested_range)[0])
        if start and request.headers["If-Range"] not in (None, self.etag):
            start = 0
        status = self.status or self._status(start)
        self.seen.append((requested_range, status))
        body = b""
        if status < 400:
            body = self.content[start:]
        request.send_response(status)
        if status == 206:
            request.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        if status == 416:
            request.send_header("Content-Range", f"bytes */{size}")
        if self.etag:
            request.send_header("ETag", self.etag)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        if self.cut_after:
            body = body[: self.cut_after.pop(0)]
        request.wfile.write(body)

    def _status(self, start: int) -> int:
        if start >= len(self.content):
            return 416
        if start > 0:
            return 206
        return 200

    def archive(self, name: str = "files.tar.gz", max_bytes: int = 1_000_000) -> Archive:
        """Return the archive that is served."""
        return Archive(f"{self.url}/{name}", hashlib.sha256(self.content).hexdigest(), max_bytes)
