"""The fixture `core`: every test that asks for it runs on both implementations."""

import pytest

from cores import Core, is_required, load_core


@pytest.fixture(params=["python", "compiled"], scope="session")
def core(request: pytest.FixtureRequest) -> Core:
    """One of the two implementations; a missing compiled one is a failure in CI, and a skip elsewhere."""
    found = load_core(request.param)
    if found is None:
        reason = "the compiled core is not built"
        if is_required():
            pytest.fail(reason)
        pytest.skip(f"!!! {reason}")
    return found


@pytest.fixture(params=["server", "client"])
def role(request: pytest.FixtureRequest) -> str:
    """The role of the connection under test."""
    return str(request.param)


@pytest.fixture(scope="session")
def both() -> tuple[Core, Core]:
    """The interpreted and the compiled core, for tests that compare them."""
    python, compiled = load_core("python"), load_core("compiled")
    assert python is not None
    if compiled is None:
        if is_required():
            pytest.fail("the compiled core is not built")
        pytest.skip("!!! the compiled core is not built")
    return python, compiled
