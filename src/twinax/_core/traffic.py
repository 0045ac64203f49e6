"""What the extensions of a connection have made of its messages: counters, kept where the messages pass."""

from .. import _cython as cython

__all__ = ["Traffic"]


@cython.final
@cython.cclass
class Traffic:
    """Messages that went through extensions, and their sizes in bytes without and with them."""

    _messages_sent: cython.longlong
    _sent: cython.longlong
    _sent_encoded: cython.longlong
    _messages_rcvd: cython.longlong
    _rcvd: cython.longlong
    _rcvd_encoded: cython.longlong

    def __init__(self) -> None:
        self._messages_sent = 0
        self._sent = 0
        self._sent_encoded = 0
        self._messages_rcvd = 0
        self._rcvd = 0
        self._rcvd_encoded = 0

    @cython.cfunc
    def count_sent(self, messages: cython.Py_ssize_t, size: cython.Py_ssize_t, encoded_size: cython.Py_ssize_t) -> None:
        """Something was sent."""
        self._messages_sent += messages
        self._sent += size
        self._sent_encoded += encoded_size

    @cython.cfunc
    def count_rcvd(self, messages: cython.Py_ssize_t, encoded_size: cython.Py_ssize_t, size: cython.Py_ssize_t) -> None:
        """Something was received."""
        self._messages_rcvd += messages
        self._rcvd += size
        self._rcvd_encoded += encoded_size

    @cython.cfunc
    def figures(self) -> tuple[int, int, int, int, int, int]:
        """Return messages, bytes and encoded bytes: those that were sent, then those that were received."""
        return (
            self._messages_sent,
            self._sent,
            self._sent_encoded,
            self._messages_rcvd,
            self._rcvd,
            self._rcvd_encoded,
        )
