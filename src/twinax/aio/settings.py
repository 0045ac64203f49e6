"""From the options of people to the numbers of the core."""

from .._core import CoreSettings
from ..config import ConnectionConfig
from ..extension import Extension
from ..extensions import default_extensions
from ..protocol import usable_extensions

__all__ = ["build_settings", "select_extensions"]


def select_extensions(config: ConnectionConfig) -> tuple[Extension, ...]:
    """Return the extensions that are negotiated with these options."""
    chosen = default_extensions() if config.extensions is None else config.extensions
    return usable_extensions(chosen, assemble=config.assemble_fragments)


def build_settings(config: ConnectionConfig) -> CoreSettings:
    """Return the part of the options that the hot path looks at; one serves all connections."""
    return CoreSettings(
        max_received_frame_size=config.max_received_frame_size,
        max_received_message_size=config.max_received_message_size,
        max_empty_frames=config.max_empty_frames,
        max_control_frames_per_second=config.max_control_frames_per_second,
        control_frame_burst=config.control_frame_burst,
        fragmentation_threshold=config.fragmentation_threshold if config.fragment_outgoing_messages else None,
        assemble_fragments=config.assemble_fragments,
        receive_queue_messages=config.receive_queue_messages,
        receive_queue_size=config.receive_queue_size,
        max_unsent_size=config.max_unsent_size,
    )
