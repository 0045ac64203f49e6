"""Choose the compiled core or the interpreted one. No other file may choose.

``TWINAX_CORE`` is ``auto`` (the default: compiled where it was built), ``compiled`` (fail where it is
missing) or ``python``.
"""

import os
from typing import TYPE_CHECKING

__all__ = [
    "DONE",
    "HEADROOM",
    "IMPLEMENTATION",
    "CoreConnection",
    "CoreSettings",
    "MaskKeys",
    "Pipeline",
    "Turn",
    "build_frame",
    "mask_payload",
    "parse_header",
]

_choice = os.environ.get("TWINAX_CORE", "auto")
if _choice not in ("auto", "compiled", "python"):
    raise ImportError(f"TWINAX_CORE={_choice!r}: choose auto, compiled or python")

IMPLEMENTATION = "python"

if not TYPE_CHECKING and _choice != "python":
    try:
        from ._compiled import (
            DONE,
            HEADROOM,
            CoreConnection,
            CoreSettings,
            MaskKeys,
            Pipeline,
            Turn,
            build_frame,
            mask_payload,
            parse_header,
        )

        IMPLEMENTATION = "cython"
    except ModuleNotFoundError:
        if _choice == "compiled":
            raise

if IMPLEMENTATION == "python":
    from .connection import HEADROOM, CoreConnection
    from .done import DONE
    from .frames import MaskKeys, build_frame, mask_payload, parse_header
    from .pipeline import Pipeline
    from .settings import CoreSettings
    from .turn import Turn
