"""The strategy browser's server: one page and its JSON, on the loopback address alone.

Whoever knows the token in the address may ask, from a page of this server or from none: requests that name another
host, or come from another origin, are refused. Only the page's own files and what was named are served.
"""

import secrets
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

from counterplay.api.browse import Browser, Lost
from counterplay.engine.errors import UserError, sentence

PAGE = Path(__file__).parent.parent / "show" / "page"
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_LONGEST = 8192  # characters of an address
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; img-src 'self' data:"
)


class Server(ThreadingHTTPServer):
    """A server of a browser's files; `url` is where its page is."""

    daemon_threads = True

    def __init__(self, browser: Browser, port: int = 0):
        self.browser, self.token = browser, secrets.token_urlsafe(16)
        try:
            super().__init__(("127.0.0.1", port), _Handler)
        except OSError as error:
            raise UserError(f"cannot listen on port {port}: {error.strerror or error}; leave --port out") from None
        self.hosts = {f"{name}:{self.server_port}" for name in ("127.0.0.1", "localhost")}

    @property
    def url(self) -> str:
        """Return the address of the page."""
        return f"http://127.0.0.1:{self.server_port}/{self.token}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a page that was closed while it was answered."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server
    timeout = 60

    def version_string(self) -> str:
        return "counterplay"

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing for each request."""

    def do_GET(self) -> None:
        """Answer a request, or say why not."""
        refused = self._refused()
        if refused:
            self._tell(HTTPStatus.FORBIDDEN, refused)
            return
        parts = urlsplit(self.path)
        way = parts.path.split("/")[1:]
        if (
            len(self.path) > _LONGEST
            or not way
            or not secrets.compare_digest(way[0].encode(), self.server.token.encode())
        ):
            self._tell(HTTPStatus.NOT_FOUND, "there is nothing here: the address has to be the one that was printed")
        elif way[1:] == [""]:
            self._file("index.html")
        elif len(way) == 3 and way[1] == "page":
            self._file(way[2])
        elif len(way) == 3 and way[1] == "api":
            self._answer(way[2], dict(parse_qsl(parts.query, keep_blank_values=True, max_num_fields=16)))
        else:
            self._tell(HTTPStatus.NOT_FOUND, "there is no such page")

    def _refused(self) -> str:
        host, origin = self.headers.get("Host", ""), self.headers.get("Origin")
        if host not in self.server.hosts:
            return "this server answers under its own address alone"
        if origin is not None and origin not in {f"http://{name}" for name in self.server.hosts}:
            return "this server does not answer pages of other origins"
        if self.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
            return "this server does not answer pages of other origins"
        return ""

    def _answer(self, what: str, query: dict[str, str]) -> None:
        try:
            self._send(HTTPStatus.OK, "application/json", self.server.browser.answer(what, query))
        except Lost as error:
            self._tell(HTTPStatus.CONFLICT, str(error))
        except UserError as error:
            self._tell(HTTPStatus.BAD_REQUEST, str(error))
        except Exception as error:  # else the page would wait for an answer
            self._tell(HTTPStatus.INTERNAL_SERVER_ERROR, f"this is a fault of ours, not yours: {sentence(error)}")

    def _file(self, name: str) -> None:
        known = {path.name: path for path in PAGE.iterdir() if path.suffix in TYPES}  # nothing else has a name here
        if name not in known:
            self._tell(HTTPStatus.NOT_FOUND, "there is no such file")
            return
        self._send(HTTPStatus.OK, TYPES[known[name].suffix], known[name].read_bytes())

    def _tell(self, status: HTTPStatus, error: str) -> None:
        self._send(status, "application/json", msgspec.json.encode({"error": error}))

    def _send(self, status: HTTPStatus, kind: str, data: bytes) -> None:
        self.send_response(status)
        for name, value in (
            ("Content-Type", f"{kind}; charset=utf-8"),
            ("Content-Length", str(len(data))),
            ("Content-Security-Policy", _POLICY),
            ("X-Content-Type-Options", "nosniff"),
            ("X-Frame-Options", "DENY"),
            ("Referrer-Policy", "no-referrer"),
            ("Cache-Control", "no-store"),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)
