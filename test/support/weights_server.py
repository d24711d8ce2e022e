# SPDX-License-Identifier: Apache-2.0
"""An HTTP server on this machine that serves one file: well, and in every way that can go wrong."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import re
import threading

from joint_perception.network import NamedWeights

CONTENT = b"".join(hashlib.sha256(bytes([i, j])).digest() for i in range(32) for j in range(256))  # 256 KiB
HALF = len(CONTENT) // 2


def git_blob(content: bytes) -> str:
    """The name that git gives to a file of that content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


class WeightsServer:
    """A running server.

    Attributes:
        content: What it serves.
        requests: (path, Range header or None) of each request, in order.
        gate: `/slow` sends its second half once this is set.
    """

    def __init__(self, content: bytes = CONTENT) -> None:
        self.content = content
        self.requests: list[tuple[str, str | None]] = []
        self.gate = threading.Event()
        owner = self

        class Handler(_Handler):
            server_of_weights = owner

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    def url(self, path: str) -> str:
        """Address of one of the paths below."""
        return f"http://127.0.0.1:{self._server.server_port}/{path}"

    def weights(self, path: str, *, sized: bool = True) -> NamedWeights:
        """Named weights whose right content is the server's, at one of the paths below; size known or not."""
        return NamedWeights(
            name="kitti",
            domain="kitti",
            url=self.url(f"{path}/weights.ckpt"),
            git_blob_sha1=git_blob(self.content),
            sha256=hashlib.sha256(self.content).hexdigest() if sized else None,
            size=len(self.content) if sized else None,
            licence="tests only",
            description="a file",
        )

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.gate.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    server_of_weights: WeightsServer

    def do_GET(self) -> None:
        owner = self.server_of_weights
        owner.requests.append((self.path, self.headers.get("Range")))
        with contextlib.suppress(ConnectionError):  # the client hung up: it had seen enough
            getattr(self, "serve_" + self.path.split("/")[1])(owner.content)

    def log_message(self, *_) -> None:
        pass

    def reply(self, status: int, content: bytes, **headers: object) -> None:
        """The content, with its length unless the headers say another (None: no such header)."""
        self.send_response(status)
        for name, value in ({"Content_Length": len(content)} | headers).items():
            if value is not None:
                self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        self.wfile.write(content)

    def start(self) -> int | None:
        """The first byte that the client asks for."""
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        return int(asked[1]) if asked else None

    def serve_good(self, content: bytes) -> None:
        start = self.start()
        if start is None:
            self.reply(200, content, Accept_Ranges="bytes")
        elif start >= len(content):
            self.reply(416, b"", Content_Range=f"bytes */{len(content)}")
        else:
            self.reply(206, content[start:], Content_Range=f"bytes {start}-{len(content) - 1}/{len(content)}")

    def serve_norange(self, content: bytes) -> None:
        self.reply(200, content)

    def serve_nolength(self, content: bytes) -> None:
        self.reply(200, content, Content_Length=None)

    def serve_truncated(self, content: bytes) -> None:
        self.reply(200, content[:HALF], Content_Length=len(content))

    def serve_truncatedchunks(self, content: bytes) -> None:
        self.protocol_version = "HTTP/1.1"
        self.reply(200, b"", Content_Length=None, Transfer_Encoding="chunked")
        self.wfile.write(b"%x\r\n%b\r\n%x\r\n" % (HALF, content[:HALF], HALF))
        self.close_connection = True

    def serve_corrupt(self, content: bytes) -> None:
        self.reply(200, content[:-1] + bytes([content[-1] ^ 1]))

    def serve_page(self, _content: bytes) -> None:
        self.reply(200, b"<html>Log in to this network first</html>")

    def serve_wrongrange(self, content: bytes) -> None:
        if self.start() is None:
            self.reply(200, content)
        else:
            self.reply(206, content, Content_Range=f"bytes 0-{len(content) - 1}/{len(content)}")

    def serve_never(self, _content: bytes) -> None:
        self.reply(416, b"")

    def serve_endless(self, content: bytes) -> None:
        self.reply(200, content, Content_Length=None)
        while True:
            self.wfile.write(content)

    def serve_oversized(self, content: bytes) -> None:
        self.reply(200, content, Content_Length=10**12)

    def serve_slow(self, content: bytes) -> None:
        self.reply(200, content[:HALF], Content_Length=len(content))
        self.wfile.flush()
        self.server_of_weights.gate.wait(30)
        self.wfile.write(content[HALF:])

    def serve_moved(self, _content: bytes) -> None:
        self.reply(302, b"", Location="/good/elsewhere.ckpt")

    def serve_insecure(self, _content: bytes) -> None:
        self.reply(302, b"", Location="http://weights.invalid/weights.ckpt")

    def serve_absent(self, _content: bytes) -> None:
        self.reply(404, b"no such file")
