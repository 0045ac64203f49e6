"""The plan: how it is divided, and the messages that it means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinax.cli.load.plan import Plan


@given(st.integers(1, 500), st.data())
def test_shares_add_up_to_the_whole(connections: int, data: st.DataObject) -> None:
    workers = data.draw(st.integers(1, min(connections, 16)))
    plan = Plan(url="ws://a/", connections=connections, rate=1000, connect_rate=50)
    shares = [plan.share(number, workers) for number in range(workers)]
    assert sum(share.connections for share in shares) == connections
    assert min(share.connections for share in shares) >= 1
    assert sum(share.rate or 0 for share in shares) == pytest.approx(1000)
    assert sum(share.connect_rate or 0 for share in shares) == pytest.approx(50)


def test_a_plan_goes_through_a_pipe() -> None:
    plan = Plan(url="ws://a/", headers=("a: b",), subprotocols=("chat",), duration=float("inf"))
    assert Plan.from_json(plan.as_json()) == plan


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("size", [0, 1, 13, 128, 100_000])
def test_messages_have_the_size_that_was_asked_for_and_differ(binary: bool, size: int) -> None:
    payloads = Plan(url="ws://a/", size=size, binary=binary).payloads()
    assert {(type(payload), len(payload)) for payload in payloads} == {(bytes if binary else str, size)}
    assert len(set(payloads)) == (len(payloads) if size else 1)
