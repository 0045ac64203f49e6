"""The options as numbers; what they limit is tested where it is limited."""

import sys

import pytest

from cores import Core
from frame_bytes import PING, TEXT, frame
from twinax._core.settings import CoreSettings


def test_none_means_unlimited() -> None:
    limits = CoreSettings(
        max_received_frame_size=None,
        max_received_message_size=None,
        max_empty_frames=None,
        max_control_frames_per_second=None,
        fragmentation_threshold=None,
        max_unsent_size=None,
    )
    assert limits.max_frame == limits.max_message == limits.max_empty_frames == sys.maxsize
    assert limits.fragment_size == limits.max_unsent == sys.maxsize
    assert limits.control_rate == 0


def test_zero_is_a_limit() -> None:
    limits = CoreSettings(max_received_frame_size=0, max_received_message_size=0, max_empty_frames=0, max_unsent_size=0)
    assert limits.max_frame == limits.max_message == limits.max_empty_frames == limits.max_unsent == 0


def test_zero_empty_frames(core: Core) -> None:
    connection = core.server(max_empty_frames=0)
    connection.feed(frame(TEXT, b"a") + frame(PING))
    assert connection.state_name == "open"
    connection.feed(frame(TEXT))
    assert connection.state_name == "failed"


def test_only_by_name(core: Core) -> None:
    with pytest.raises(TypeError):
        core.CoreSettings(1000)
