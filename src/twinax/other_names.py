"""What other libraries call an option of this one.

Whoever comes from them writes their names from habit, and the nearest name by spelling may be the wrong one:
``max_size`` looks like ``max_unsent_size`` and means ``max_received_message_size``. Names of WebSocket-Node
are ours in camel case, which spelling finds.
"""

from collections.abc import Collection

__all__ = ["OTHER_NAMES", "suggest_option"]

OTHER_NAMES: dict[str, str] = {
    # websockets
    "max_size": "max_received_message_size",
    "max_queue": "receive_queue_messages",
    "write_limit": "high_water_mark",
    "ping_interval": "keepalive_interval",
    "ping_timeout": "keepalive_grace_period",
    "additional_headers": "headers",
    "extra_headers": "headers",
    "compression": "extensions",
    "origins": "allowed_origins",
    "process_request": "on_request",
    "select_subprotocol": "on_request",
    "unix": "unix_path",
    "ssl_context": "ssl",
    # aiohttp
    "max_msg_size": "max_received_message_size",
    "heartbeat": "keepalive_interval",
    "autoping": "keepalive",
    "compress": "extensions",
    "protocols": "subprotocols",
    # ws
    "maxPayload": "max_received_message_size",
    "perMessageDeflate": "extensions",
    "handleProtocols": "on_request",
    "verifyClient": "on_request",
    "handshakeTimeout": "open_timeout",
    "maxRedirects": "max_redirects",
    "protocolVersion": "websocket_version",
    # picows
    "max_frame_size": "max_received_frame_size",
    "websocket_handshake_timeout": "open_timeout",
    "enable_auto_ping": "keepalive",
    "auto_ping_idle_timeout": "keepalive_interval",
    "auto_ping_reply_timeout": "keepalive_grace_period",
}


def suggest_option(name: str, known: Collection[str]) -> str:
    """Return the end of a message about an unknown option: which one may be meant, if any."""
    here = OTHER_NAMES.get(name)
    if here in known:
        return f"; here it is {here!r}"
    import difflib

    near = difflib.get_close_matches(name, known, 1)
    return f"; did you mean {near[0]!r}?" if near else ""
