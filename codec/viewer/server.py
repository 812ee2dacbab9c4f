"""The page of `web/` on this machine alone: a server that hands out the page, the named files and the models' networks.

It listens on 127.0.0.1 and answers only addresses that begin with a secret of this run, so that neither another machine
nor another user of this one can ask for the files. Every answer is of a fixed list: no request names a path on a disk.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Callable, Sequence
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from codec.errors import UnsupportedError
from codec.models.package import Package
from codec.viewer.models import drawn_for_browsers

#: Built by `make web`, and part of the wheel.
PAGE = Path(__file__).resolve().parent / "page"
_TYPES = {
    ".css": "text/css",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript",
    ".json": "application/json",
}
#: Threads need an isolated page; nothing of ours is to be guessed, framed or kept by others.
_HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_Read = Callable[[], bytes]


class Viewer:
    """A server for some files.

    Attributes:
        address: of the page, with the files.
    """

    def __init__(
        self, files: Sequence[Path], packages: Callable[[], list[Package]], *, port: int = 0, page: Path | None = None
    ) -> None:
        """Bind to a port of 127.0.0.1; nothing is answered yet.

        Args:
            files: to be shown.
            packages: of models; asked when a browser first wants one.
            port: 0 = any that is free.
            page: folder of the built page.

        Raises:
            UnsupportedError: the page is not built.
            OSError: the port is not free.
        """
        folder = page or PAGE
        if not (folder / "index.html").exists():
            raise UnsupportedError(
                "the viewer's page is not part of this installation; `make web` in a checkout builds it"
            )
        self._drawn: dict[str, bytes] | None = None
        self._packages, self._lock = packages, threading.Lock()
        secret = secrets.token_urlsafe(16)
        self._routes: dict[str, _Read] = {
            f"/{secret}/{path.relative_to(folder).as_posix()}": path.read_bytes
            for path in folder.rglob("*")
            if path.is_file()
        }
        names = [f"files/{number}/{path.name}" for number, path in enumerate(files)]
        self._routes |= {f"/{secret}/{name}": path.read_bytes for name, path in zip(names, files, strict=True)}
        self._models = f"/{secret}/models/"
        self._server = ThreadingHTTPServer(("127.0.0.1", port), partial(_Handler, self))
        self._server.daemon_threads = True
        self._host = f"127.0.0.1:{self._server.server_address[1]}"
        query = "&".join(f"file={quote(quote(name))}" for name in names)
        self.address = f"http://{self._host}/{secret}/index.html" + (f"?{query}" if query else "")

    def serve(self) -> None:
        """Answer until `close`, or an exception such as `KeyboardInterrupt`."""
        self._server.serve_forever(poll_interval=0.2)

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()

    def find(self, host: str, path: str) -> _Read | None:
        """What stands at an address; a page of another name that was made to point here finds nothing."""
        if host != self._host:
            return None
        if path.startswith(self._models):
            name = path.removeprefix(self._models)
            found = self._networks().get(name)
            return None if found is None else lambda: found
        return self._routes.get(path)

    def _networks(self) -> dict[str, bytes]:
        with self._lock:
            if self._drawn is None:
                manifest, graphs = drawn_for_browsers(self._packages())
                self._drawn = graphs | {"manifest.json": json.dumps(manifest).encode()}
            return self._drawn


class _Handler(BaseHTTPRequestHandler):
    """GET and HEAD of what `Viewer.find` knows."""

    protocol_version = "HTTP/1.1"

    def __init__(self, viewer: Viewer, *args: object) -> None:
        self._viewer = viewer
        super().__init__(*args)  # type: ignore[arg-type] # what the server gives

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: standard error is for the command."""

    def _answer(self, *, body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        read = self._viewer.find(self.headers.get("Host", ""), path)
        try:
            data = None if read is None else read()
        except OSError:  # gone since the command began
            data = None
        status = HTTPStatus.NOT_FOUND if data is None else HTTPStatus.OK
        self.send_response(status)
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", _TYPES.get(Path(path).suffix, "application/octet-stream"))
        self.send_header("Content-Length", str(len(data or b"")))
        self.end_headers()
        if body and data:
            self.wfile.write(data)
