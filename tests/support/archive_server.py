"""Archives made in memory, and a server on this machine that they are fetched from."""

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
    """Return an archive of ``files`` by name, followed by members as they are given."""
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
    """A server of one file at any path, whose manners the tests set.

    It notes each request's Range and each answer's status.
    """

    def __init__(self) -> None:
        self.content = b""
        self.etag: str | None = '"one"'
        self.knows_range = True
        self.cut_after: list[
            int
        ] = []  # how many bytes the next answers get out before the line is cut
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
        asked = request.headers["Range"]
        start = int(re.findall(r"\d+", asked)[0]) if asked and self.knows_range else 0
        if start and request.headers["If-Range"] not in (None, self.etag):
            start = 0
        status = self.status or (416 if start >= len(self.content) else 206 if start else 200)
        self.seen.append((asked, status))
        body = self.content[start:] if status < 400 else b""
        request.send_response(status)
        if status == 206:
            request.send_header(
                "Content-Range", f"bytes {start}-{len(self.content) - 1}/{len(self.content)}"
            )
        if status == 416:
            request.send_header("Content-Range", f"bytes */{len(self.content)}")
        if self.etag:
            request.send_header("ETag", self.etag)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body[: self.cut_after.pop(0)] if self.cut_after else body)

    def archive(self, name: str = "files.tar.gz", max_bytes: int = 1_000_000) -> Archive:
        """Describe what is served."""
        return Archive(f"{self.url}/{name}", hashlib.sha256(self.content).hexdigest(), max_bytes)
