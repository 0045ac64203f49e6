"""The states of a connection, and what keeps its messages back."""

from .. import _cython as cython

__all__ = ["STATE_NAMES"]

# The states. Others ask the predicates of `Output`; what arrives in a state is a table in connection.py.
OPEN = cython.declare(cython.uint, 0)
CLOSING = cython.declare(cython.uint, 1)  # our close frame is on its way, the peer's is awaited
CLOSED = cython.declare(cython.uint, 2)  # the closing handshake is done; the TCP connection is being ended
FAILED = cython.declare(cython.uint, 3)  # the peer broke a rule and was told; its bytes are discarded
LOST = cython.declare(cython.uint, 4)  # the TCP connection is gone

STATE_NAMES = ("open", "closing", "closed", "failed", "lost")

# What keeps other messages back: fragments of two messages may not mix (RFC 6455 5.4).
STREAM = cython.declare(cython.uint, 1)  # a message in parts, from `begin_stream` to `end_stream`
FRAGMENTS = cython.declare(cython.uint, 2)  # one that is being cut up right now
ENCODING = cython.declare(cython.uint, 4)  # a large one that is encoded in another thread
