"""Randomness of the process: masking keys and nonces, from the operating system's CSPRNG.

RFC 6455 10.3: masking keys must not be predictable for whoever chooses the payload.
"""

import os
from typing import Final

from .._core import MaskKeys

__all__ = ["MASK_KEYS", "random_bytes"]

random_bytes = os.urandom

MASK_KEYS: Final = MaskKeys(os.urandom)
"""The pool that all client connections of the process draw from."""

if hasattr(os, "register_at_fork"):
    # Keys drawn before a fork would otherwise be used by both processes.
    os.register_at_fork(after_in_child=MASK_KEYS.forget)
