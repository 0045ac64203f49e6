"""The options that the hot path looks at, as C numbers: made once, shared by all connections of a server."""

import sys

from .. import _cython as cython

__all__ = ["CoreSettings"]


@cython.final
@cython.cclass
class CoreSettings:
    """Limits of one connection; the names and defaults are explained in `twinax.config`."""

    max_frame: cython.Py_ssize_t
    max_message: cython.Py_ssize_t
    max_empty_frames: cython.Py_ssize_t
    control_rate: cython.double
    control_burst: cython.double
    fragment_size: cython.Py_ssize_t
    assemble: cython.bint
    inbox_messages: cython.Py_ssize_t
    inbox_bytes: cython.Py_ssize_t
    max_unsent: cython.Py_ssize_t

    def __init__(
        self,
        *,
        max_received_frame_size: int | None = 1 << 20,
        max_received_message_size: int | None = 1 << 20,
        max_empty_frames: int | None = 16,
        max_control_frames_per_second: float | None = 100.0,
        control_frame_burst: int = 200,
        fragmentation_threshold: int | None = 16384,
        assemble_fragments: bool = True,
        receive_queue_messages: int = 64,
        receive_queue_size: int = 262144,
        max_unsent_size: int | None = 1 << 24,
    ) -> None:
        self.max_frame = _or_unlimited(max_received_frame_size)
        self.max_message = _or_unlimited(max_received_message_size)
        self.max_empty_frames = _or_unlimited(max_empty_frames)
        self.control_rate = 0.0 if max_control_frames_per_second is None else float(max_control_frames_per_second)
        self.control_burst = control_frame_burst
        self.fragment_size = _or_unlimited(fragmentation_threshold)
        self.assemble = assemble_fragments
        self.inbox_messages = receive_queue_messages
        self.inbox_bytes = receive_queue_size
        self.max_unsent = _or_unlimited(max_unsent_size)


def _or_unlimited(value: int | None) -> int:
    return sys.maxsize if value is None else value
