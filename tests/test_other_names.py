"""Names that other libraries have for options of this one."""

from dataclasses import fields

import pytest

from twinax.config import ClientConfig, ServerConfig, build_config
from twinax.other_names import OTHER_NAMES, suggest_option

SERVER, CLIENT = ({item.name for item in fields(kind)} for kind in (ServerConfig, ClientConfig))


@pytest.mark.parametrize(("theirs", "ours"), OTHER_NAMES.items())
def test_every_name_leads_to_an_option(theirs: str, ours: str) -> None:
    assert ours in SERVER | CLIENT
    assert theirs not in SERVER | CLIENT


def test_what_is_meant_goes_before_what_looks_alike() -> None:
    with pytest.raises(TypeError, match=r"unknown option 'max_size'; here it is 'max_received_message_size'$"):
        build_config(ClientConfig, {"max_size": 1})


def test_a_name_of_the_other_side_is_not_suggested() -> None:
    assert suggest_option("origins", SERVER) == "; here it is 'allowed_origins'"
    assert suggest_option("origins", CLIENT) == "; did you mean 'origin'?"


def test_without_anything_alike_nothing_is_suggested() -> None:
    assert suggest_option("zzz", SERVER) == ""
