"""The fixtures of the core's own tests."""

from _core.conftest import both, core, role

__all__ = ["both", "core", "role"]
