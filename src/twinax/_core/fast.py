"""The names of `_fast.pxi` for the type checker: short cuts of the compiled core, which the interpreted one lacks.

They are called only where `cython.compiled` is true.
"""

from typing import Any

__all__ = ["deliver_plain", "send_plain", "send_shared_plain"]


def deliver_plain(connection: Any) -> None:
    """Deliver messages that are plainly fine, as far as they follow each other."""
    raise NotImplementedError


def send_plain(output: Any, data: Any) -> bool:
    """Send a message if it is plainly fine to do so; return whether that was done."""
    raise NotImplementedError


def send_shared_plain(output: Any, message: Any) -> bool:
    """Send a shared message if it is plainly fine to do so; return whether that was done."""
    raise NotImplementedError
