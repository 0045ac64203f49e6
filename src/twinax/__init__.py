"""twinax: WebSocket client and server.

```python
from twinax import connect, serve
```
"""

from ._core import IMPLEMENTATION
from ._version import __version__
from .aio.browser import W3CWebSocket
from .aio.client import WebSocketClient
from .aio.connect import connect
from .aio.connection import WebSocketConnection
from .aio.http import HTTPRequest, HTTPResponse
from .aio.request import WebSocketRequest
from .aio.serve import serve
from .aio.server import WebSocketServer
from .close import Close, CloseCode, CloseReport
from .cookies import Cookie, SetCookie
from .errors import (
    ConcurrencyError,
    ConnectionClosed,
    ConnectionClosedError,
    ConnectionClosedOK,
    ExtensionError,
    HandshakeError,
    HandshakeRejected,
    HandshakeTimeout,
    InvalidURI,
    LocalProtocolError,
    MessageTooBig,
    NegotiationError,
    ProtocolError,
    RemoteProtocolError,
    WebSocketError,
)
from .headers import Headers
from .protocol import ClientProtocol, Opcode, ServerProtocol, WebSocketFrame
from .routing import WebSocketRouter, WebSocketRouterRequest
from .rules import Rule

__all__ = [
    "IMPLEMENTATION",
    "ClientProtocol",
    "Close",
    "CloseCode",
    "CloseReport",
    "ConcurrencyError",
    "ConnectionClosed",
    "ConnectionClosedError",
    "ConnectionClosedOK",
    "Cookie",
    "ExtensionError",
    "HTTPRequest",
    "HTTPResponse",
    "HandshakeError",
    "HandshakeRejected",
    "HandshakeTimeout",
    "Headers",
    "InvalidURI",
    "LocalProtocolError",
    "MessageTooBig",
    "NegotiationError",
    "Opcode",
    "ProtocolError",
    "RemoteProtocolError",
    "Rule",
    "ServerProtocol",
    "SetCookie",
    "W3CWebSocket",
    "WebSocketClient",
    "WebSocketConnection",
    "WebSocketError",
    "WebSocketFrame",
    "WebSocketRequest",
    "WebSocketRouter",
    "WebSocketRouterRequest",
    "WebSocketServer",
    "__version__",
    "connect",
    "serve",
]
