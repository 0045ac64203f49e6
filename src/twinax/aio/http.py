"""Plain HTTP on the port of a WebSocket server: one request, one answer, then the connection is closed.

Meant for a health check, a page or a handful of files beside the WebSocket. Bodies of requests are not
read, and there is no keep-alive: what needs them belongs behind a web server.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import SplitResult, unquote

from ..headers import Headers
from ..protocol import RequestHead, build_response_head

__all__ = ["HTTPRequest", "HTTPResponse", "as_response", "build_http_answer", "check_plain_request"]

_SET_BY_US: Final = frozenset({"connection", "content-length", "transfer-encoding"})


class HTTPRequest:
    """A request that is no upgrade.

    Attributes:
        head: The head as it was parsed.
        remote_address: The peer's address; what a trusted proxy says, where there is one.
    """

    __slots__ = ("head", "remote_address")

    def __init__(self, head: RequestHead, remote_address: str) -> None:
        self.head = head
        self.remote_address = remote_address

    @property
    def method(self) -> str:
        """``GET``, ``HEAD``, ``POST``, ..."""
        return self.head.method

    @property
    def url(self) -> SplitResult:
        """The request target in its parts; of one in absolute form, path and query (RFC 9112 3.2.2)."""
        # Not urlsplit: it would take the beginning of //name/path for a host, and raise for //[.
        target = self.head.target
        if not target.startswith("/") and "://" in target:
            target = "/" + target.split("://", 1)[1].partition("/")[2]
        path, _, query = target.partition("?")
        return SplitResult("", "", path, query, "")

    @property
    def path(self) -> str:
        """The path, percent-decoded."""
        return unquote(self.url.path)

    @property
    def query(self) -> str:
        """What follows the ``?``, as it was sent."""
        return self.url.query

    @property
    def headers(self) -> Headers:
        """The fields of the request."""
        return self.head.headers

    def __repr__(self) -> str:
        return f"<HTTPRequest {self.method} {self.head.target}>"


class HTTPResponse:
    """The answer to a plain request.

    Attributes:
        status: The status code.
        body: The body.
        headers: Fields; Content-Type is chosen by the body where it is missing.
    """

    __slots__ = ("body", "headers", "status")

    def __init__(
        self,
        status: int = 200,
        body: str | bytes = b"",
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
    ) -> None:
        """Make an answer.

        Args:
            status: 200 to 599.
            body: Text is encoded as UTF-8.
            headers: Extra fields; Content-Length and Connection are set by the server.

        Raises:
            ValueError: A status out of range, or a field with characters that may not be in one.
        """
        if not 200 <= status <= 599:
            raise ValueError(f"status={status!r} is out of range: 200 to 599")
        self.status = status
        self.headers = Headers(headers)
        if isinstance(body, str):
            if "content-type" not in self.headers:
                kind = "html" if body.lstrip()[:9].lower() == "<!doctype" else "plain"
                self.headers.add("Content-Type", f"text/{kind}; charset=utf-8")
            body = body.encode()
        elif body and "content-type" not in self.headers:
            self.headers.add("Content-Type", "application/octet-stream")
        self.body = body


def as_response(answer: Any) -> HTTPResponse:
    """Return what an ``http_handler`` gave as a response: text, bytes, a response, or None for 404."""
    if isinstance(answer, HTTPResponse):
        return answer
    if answer is None:
        return HTTPResponse(404, "not found\n")
    if isinstance(answer, str | bytes):
        return HTTPResponse(200, answer)
    raise TypeError(f"http_handler returned {type(answer).__name__}: HTTPResponse, str, bytes or None is meant")


def build_http_answer(response: HTTPResponse, method: str) -> bytes:
    """Return the bytes of an answer; to HEAD without its body."""
    fields = [(name, value) for name, value in response.headers.items() if name.lower() not in _SET_BY_US]
    # RFC 9110 7.8: who sends Upgrade names it in Connection too.
    connection = "close, Upgrade" if "Upgrade" in response.headers else "close"
    fields.append(("Connection", connection))
    if response.status in (204, 304):  # RFC 9110 6.4.1, 8.6: these end with the head
        return build_response_head(response.status, fields)
    fields.append(("Content-Length", str(len(response.body))))
    head = build_response_head(response.status, fields)
    return head if method == "HEAD" else head + response.body


def check_plain_request(head: RequestHead) -> HTTPResponse | None:
    """Return what refuses a request with a body, or None.

    A body that nobody reads must not be mistaken for the next request.
    """
    length = head.headers.get("Content-Length")
    if head.headers.get("Transfer-Encoding") is not None or (length is not None and length.strip("0") != ""):
        return HTTPResponse(413, "requests with a body are not read on this port\n")
    return None
