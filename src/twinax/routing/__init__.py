"""Many paths and subprotocols on one server."""

from .router import WebSocketRouter, WebSocketRouterRequest

__all__ = ["WebSocketRouter", "WebSocketRouterRequest"]
