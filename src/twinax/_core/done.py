"""What `send` returns as long as the peer keeps up."""

from typing import Any

from .. import _cython as cython

__all__ = ["DONE", "Done"]


@cython.final
@cython.cclass
class Done:
    """An awaitable that is ready."""

    def __await__(self) -> "Done":
        return self

    def __iter__(self) -> "Done":
        return self

    def __next__(self) -> Any:
        raise StopIteration


DONE = Done()
