"""Choose the compiled core or the interpreted one. No other file may choose.

``TWINAX_CORE`` is ``auto`` (the default: compiled where it was built), ``compiled`` (fail where it is
missing) or ``python``.
"""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

__all__ = [
    "DONE",
    "HEADROOM",
    "IMPLEMENTATION",
    "CoreConnection",
    "CoreSettings",
    "MaskKeys",
    "Pipeline",
    "SharedMessage",
    "Timers",
    "Turn",
    "build_close_payload",
    "build_frame",
    "mask_payload",
    "parse_header",
    "recognise_upgrade",
    "send_to_all",
    "shorten_reason",
]

_choice = os.environ.get("TWINAX_CORE", "auto")
if _choice not in ("auto", "compiled", "python"):
    raise ImportError(f"TWINAX_CORE={_choice!r}: choose auto, compiled or python")

IMPLEMENTATION = "python"

recognise_upgrade: Callable[[bytearray, int, int], "tuple[Any, ...] | None"] | None = None
"""The short cut for requests that are plainly fine; None in the interpreted core, which has none."""

if not TYPE_CHECKING and _choice != "python":
    try:
        from ._compiled import (
            DONE,
            HEADROOM,
            CoreConnection,
            CoreSettings,
            MaskKeys,
            Pipeline,
            SharedMessage,
            Timers,
            Turn,
            build_close_payload,
            build_frame,
            mask_payload,
            parse_header,
            recognise_upgrade,
            send_to_all,
            shorten_reason,
        )

        IMPLEMENTATION = "cython"
    except ModuleNotFoundError:
        if _choice == "compiled":
            raise

if IMPLEMENTATION == "python":
    from .close_payload import build_close_payload, shorten_reason
    from .connection import HEADROOM, CoreConnection
    from .done import DONE
    from .frames import MaskKeys, build_frame, mask_payload, parse_header
    from .pipeline import Pipeline
    from .settings import CoreSettings
    from .shared import SharedMessage, send_to_all
    from .timers import Timers
    from .turn import Turn
