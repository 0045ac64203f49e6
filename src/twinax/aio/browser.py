"""Which `W3CWebSocket` there is: in a browser (Pyodide) the browser's own, elsewhere ours.

A page cannot open sockets, but its browser has a WebSocket that this interface was taken from. It is handed on
as it is, a class of JavaScript: ``W3CWebSocket.new(url)`` makes one, ``onmessage`` and the others are set to
functions of Python. None: Python runs on WebAssembly, but nowhere that has a WebSocket.
"""

import sys

from .w3c import W3CWebSocket

if sys.platform == "emscripten":
    try:
        from js import WebSocket as W3CWebSocket
    except ImportError:
        W3CWebSocket = None

__all__ = ["W3CWebSocket"]
