"""The WebSocket protocol without input or output: bytes and objects in, objects and bytes out."""

from .head import (
    HeadBuffer,
    RequestHead,
    ResponseHead,
    build_request_head,
    build_response_head,
    parse_request_head,
    parse_response_head,
)

__all__ = [
    "HeadBuffer",
    "RequestHead",
    "ResponseHead",
    "build_request_head",
    "build_response_head",
    "parse_request_head",
    "parse_response_head",
]
