"""Both implementations of the core side by side, and a connection that writes down what happens to it."""

import asyncio
import functools
import importlib
import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import frame_bytes

__all__ = ["Core", "is_required", "load_core", "random_keys"]

MODULES = {
    "python": ("connection", "done", "frames", "pipeline", "shared", "settings", "close_payload", "states"),
    "compiled": ("_compiled",),
}
NAMES = [
    "CoreConnection",
    "CoreSettings",
    "MaskKeys",
    "Pipeline",
    "SharedMessage",
    "build_frame",
    "mask_payload",
    "parse_header",
    "HEADROOM",
    "DONE",
    "build_close_payload",
    "parse_close_payload",
    "shorten_reason",
]


@dataclass(frozen=True, repr=False)
class Core:
    """One implementation: what `twinax._core` offers, whichever of the two that would choose."""

    name: str
    CoreConnection: Any
    CoreSettings: Any
    MaskKeys: Any
    Pipeline: Any
    SharedMessage: Any
    build_frame: Any
    mask_payload: Any
    parse_header: Any
    HEADROOM: int
    DONE: Any
    build_close_payload: Any
    parse_close_payload: Any
    shorten_reason: Any
    Recorder: Any = None

    def __repr__(self) -> str:
        return f"<core {self.name}>"

    def server(self, **settings: Any) -> Any:
        """Return a server's connection."""
        return self.Recorder(self, None, settings)

    def client(self, **settings: Any) -> Any:
        """Return a client's connection; its masking keys are the same in every run."""
        return self.Recorder(self, random_keys(self), settings)

    def connection(self, role: str, **settings: Any) -> Any:
        """Return the connection of a ``server`` or a ``client``."""
        return self.client(**settings) if role == "client" else self.server(**settings)


def random_keys(core: Core, seed: int = 1) -> Any:
    """Return masking keys that are the same in every run."""
    return core.MaskKeys(random.Random(seed).randbytes)


def is_required() -> bool:
    """Tell whether the compiled core must be there."""
    ci = os.environ.get("CI", "").lower() not in ("", "0", "false")
    return os.environ.get("TWINAX_CORE") == "compiled" or (ci and os.environ.get("TWINAX_CORE") != "python")


@functools.cache
def load_core(name: str) -> Core | None:
    """Return ``python`` or ``compiled``; None when the latter was not built."""
    found: dict[str, Any] = {}
    for module_name in MODULES[name]:
        try:
            module = importlib.import_module(f"twinax._core.{module_name}")
        except ModuleNotFoundError:
            if name == "python":
                raise
            return None
        found.update((key, getattr(module, key)) for key in NAMES if hasattr(module, key))
    return Core(name, Recorder=_make_recorder(found["CoreConnection"]), **found)


def _make_recorder(base: Any) -> Any:
    class Recorder(base):  # type: ignore[misc]
        """A connection whose transport is a list and whose event loop is `feed`.

        Attributes:
            events: What happened, in order: ``("message", data)``, ``("close", code, reason)``, ...
            switches: When reading was held and continued.
            written: What the transport was given, each write by itself.
        """

        def __init__(self, core: Core, keys: Any, settings: dict[str, Any]) -> None:
            base.__init__(self, core.CoreSettings(**settings), keys)
            self.core = core
            self.masks = keys is not None
            self.events: list[tuple[Any, ...]] = []
            self.switches: list[str] = []
            self.written: list[bytes] = []
            self.failure: Exception | None = None
            self.extension_error: Exception | None = None
            self.uses = 0
            self.flush_due = False
            self.go_on_due = False
            self.writable_calls = 0
            self.arrivals = 0
            self.overflows: list[tuple[int, int]] = []
            self.hooks: dict[str, Callable[..., Any]] = {}
            self.attach(lambda data: self._take_written(bytes(data)))

        # --- what a test does -----------------------------------------------------------------

        def listening(self) -> Any:
            """Have messages written down; return this connection."""
            self.listen(lambda message: self.events.append(("message", message)))
            return self

        def feed(self, data: bytes, *, now: float = -1.0, chunk: int | None = None) -> Any:
            """Receive `data`, whole or in chunks, and take the turns that this asks for."""
            for start in range(0, len(data), chunk or len(data) or 1):
                piece = data[start : start + (chunk or len(data))]
                buffer = bytearray(self.core.HEADROOM) + piece
                self.receive(buffer, len(buffer), now)
                buffer[:] = b"\xaa" * len(buffer)  # the owner reuses it
                self.go_on(now)
            return self

        def go_on(self, now: float = -1.0) -> None:
            """Take the turns of the loop that are due."""
            while self.go_on_due:
                self.go_on_due = False
                if self.has_backlog and not self.is_stopped:
                    self.continue_receive(now)
            if self.flush_due:
                self.flush_due = False
                self.flush()

        def sent(self) -> list[frame_bytes.Frame]:
            """Return the frames that were written."""
            self.go_on()
            return frame_bytes.parse_frames(b"".join(self.written))

        def sent_pairs(self) -> list[tuple[int, bytes]]:
            """Return opcode and payload of the frames that were written."""
            return [(item.opcode, item.payload) for item in self.sent()]

        @property
        def messages(self) -> list[Any]:
            """What the listener was handed."""
            return [event[1] for event in self.events if event[0] == "message"]

        # --- what the core calls --------------------------------------------------------------

        def _take_written(self, data: bytes) -> None:
            assert type(data) is bytes
            assert data
            self.written.append(data)
            self._run_hook("write")

        def _run_hook(self, name: str, *args: Any) -> Any:
            hook = self.hooks.get(name)
            return hook(*args) if hook is not None else None

        def _schedule_flush(self) -> None:
            self.flush_due = True

        def _hold_input(self) -> None:
            self.switches.append("hold")

        def _continue_input(self) -> None:
            self.switches.append("continue")
            self.go_on_due = True

        def _on_frame(self, fin: bool, rsv: int, opcode: int, payload: bytes) -> None:
            self.events.append(("frame", bool(fin), rsv, opcode, payload))
            self._run_hook("frame")

        def _on_ping(self, payload: bytes) -> bool:
            self.events.append(("ping", payload))
            return self._run_hook("ping") is not False

        def _on_pong(self, payload: bytes) -> None:
            self.events.append(("pong", payload))

        def _on_close(self, close: Any) -> None:
            self.events.append(("close", close.code, close.reason))

        def _run_apart(self, work: Any, done: Any) -> bool:
            return bool(self._run_hook("apart", work, done))

        def _on_extensions_used(self) -> None:
            self.uses += 1

        def _on_extension_error(self, error: Exception) -> None:
            self.extension_error = error

        def _on_failure(self, error: Exception) -> None:
            self.failure = error
            self.events.append(("failure", str(error)))

        def _on_arrival(self) -> None:
            self.arrivals += 1
            self._run_hook("arrival")

        def _on_listener_error(self, error: Exception) -> None:
            self.events.append(("listener error", repr(error)))

        def _on_listener_result(self, result: object) -> None:
            self.events.append(("listener result", result))

        def _on_writable(self) -> None:
            self.writable_calls += 1
            self._run_hook("writable")

        def _cancelled_error(self, message: Any) -> BaseException:
            return asyncio.CancelledError(message)

        def _wait_writable(self) -> Any:
            return "wait"

        def _on_overflow(self, size: int, limit: int) -> Exception:
            self.overflows.append((size, limit))
            return OverflowError(f"{size} of {limit}")

    return Recorder
