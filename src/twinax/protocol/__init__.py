"""The WebSocket protocol without input or output: bytes and objects in, objects and bytes out."""

from .admission import LOOPBACK_HOSTS, AllowedOrigins, check_host, check_origin
from .basic_auth import build_basic, build_challenge, check_credentials, parse_basic
from .client import ClientProtocol
from .entropy import MASK_KEYS, random_bytes
from .events import (
    CloseReceived,
    Event,
    Failed,
    FrameReceived,
    HandshakeFailed,
    MessageReceived,
    Opened,
    PingReceived,
    PongReceived,
    RequestReceived,
)
from .forwarded import remote_addresses
from .frame import Opcode, WebSocketFrame
from .grammar import (
    Extension,
    build_extensions,
    build_protocols,
    check_protocol,
    parse_extensions,
    parse_protocols,
    parse_token_list,
)
from .handshake import SUPPORTED_VERSIONS, accept_key, generate_key, origin_field
from .handshake_client import AcceptedHandshake, build_rejection, build_request, check_response
from .handshake_request import HandshakeRequest, recognise_request
from .handshake_server import build_accept, build_reject, is_upgrade, match_protocol, read_request
from .head import (
    HeadBuffer,
    RequestHead,
    ResponseHead,
    build_request_head,
    build_response_head,
    parse_request_head,
    parse_response_head,
)
from .negotiation import (
    AgreedExtension,
    accept_offers,
    build_offer,
    build_pipeline,
    build_refusal,
    check_answer,
    close_codecs,
    usable_extensions,
)
from .server import ServerProtocol

__all__ = [
    "LOOPBACK_HOSTS",
    "MASK_KEYS",
    "SUPPORTED_VERSIONS",
    "AcceptedHandshake",
    "AgreedExtension",
    "AllowedOrigins",
    "ClientProtocol",
    "CloseReceived",
    "Event",
    "Extension",
    "Failed",
    "FrameReceived",
    "HandshakeFailed",
    "HandshakeRequest",
    "HeadBuffer",
    "MessageReceived",
    "Opcode",
    "Opened",
    "PingReceived",
    "PongReceived",
    "RequestHead",
    "RequestReceived",
    "ResponseHead",
    "ServerProtocol",
    "WebSocketFrame",
    "accept_key",
    "accept_offers",
    "build_accept",
    "build_basic",
    "build_challenge",
    "build_extensions",
    "build_offer",
    "build_pipeline",
    "build_protocols",
    "build_refusal",
    "build_reject",
    "build_rejection",
    "build_request",
    "build_request_head",
    "build_response_head",
    "check_answer",
    "check_credentials",
    "check_host",
    "check_origin",
    "check_protocol",
    "check_response",
    "close_codecs",
    "generate_key",
    "is_upgrade",
    "match_protocol",
    "origin_field",
    "parse_basic",
    "parse_extensions",
    "parse_protocols",
    "parse_request_head",
    "parse_response_head",
    "parse_token_list",
    "random_bytes",
    "read_request",
    "recognise_request",
    "remote_addresses",
    "usable_extensions",
]
