"""Headers: order, case, repetition, and what may not become a field."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinax.headers import Headers, is_token

TOKEN_CHARACTERS = "!#$%&'*+-.^_`|~" + string.digits + string.ascii_letters
names = st.text(TOKEN_CHARACTERS, min_size=1, max_size=20)
values = st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=30).map(lambda v: v.strip(" \t"))


def test_order_case_and_repetition_are_kept() -> None:
    headers = Headers([("Host", "a"), ("X-One", "1"), ("x-one", "2")])
    assert list(headers) == headers.items() == [("Host", "a"), ("X-One", "1"), ("x-one", "2")]
    assert len(headers) == 3


def test_lookup_ignores_case() -> None:
    headers = Headers({"Upgrade": "websocket"})
    assert headers["UPGRADE"] == headers.get("upgrade") == "websocket"
    assert "uPGRADE" in headers


def test_first_value_all_values_and_combined() -> None:
    headers = Headers([("A", "1"), ("B", "x"), ("a", "2")])
    assert headers.get("a") == "1"
    assert headers.get_all("A") == ["1", "2"]
    assert headers.combined("A") == "1, 2"


def test_absent_field() -> None:
    headers = Headers({"Abc": "1"})
    assert headers.get("Xyz") is None
    assert headers.get("x", "default") == "default"
    assert headers.get_all("x") == []
    assert headers.combined("x") is None
    assert "x" not in headers
    assert 5 not in headers
    with pytest.raises(KeyError, match="x"):
        headers["x"]


def test_empty_value_is_a_value() -> None:
    headers = Headers({"A": ""})
    assert headers["A"] == ""
    assert "A" in headers
    assert headers.combined("A") == ""


def test_remove_takes_all_of_a_name() -> None:
    headers = Headers([("A", "1"), ("B", "2"), ("a", "3")])
    headers.remove("A")
    headers.remove("absent")
    assert headers.items() == [("B", "2")]


def test_copy_and_items_are_independent() -> None:
    headers = Headers({"A": "1"})
    other = headers.copy()
    other.add("B", "2")
    headers.items().append(("C", "3"))
    assert headers.items() == [("A", "1")]
    assert other.items() == [("A", "1"), ("B", "2")]


def test_extend_takes_mapping_pairs_and_headers() -> None:
    headers = Headers({"A": "1"})
    headers.extend([("B", "2")])
    headers.extend(Headers({"C": "3"}))
    headers.extend(iter([("D", "4")]))
    assert [name for name, _ in headers] == ["A", "B", "C", "D"]


def test_equality_ignores_the_case_of_names_only() -> None:
    assert Headers({"A": "x"}) == Headers({"a": "x"})
    assert Headers({"A": "x"}) != Headers({"a": "X"})
    assert Headers({"A": "x"}) != {"A": "x"}


def test_has_no_hash_and_no_dict() -> None:
    with pytest.raises(TypeError):
        hash(Headers())
    assert not hasattr(Headers(), "__dict__")


def test_repr_can_be_evaluated() -> None:
    headers = Headers([("A", "1"), ("A", "2")])
    assert repr(headers) == "Headers([('A', '1'), ('A', '2')])"


def test_whitespace_around_a_value_is_no_part_of_it() -> None:
    assert Headers({"A": " \tx y\t "})["A"] == "x y"


def test_tab_and_obs_text_are_allowed() -> None:
    assert Headers({"A": "x\ty \xff\x80"})["A"] == "x\ty \xff\x80"


@pytest.mark.parametrize("name", ["", " ", "A ", "A:", "A\r\n", "Ä", "a b", "(x)", "a\x00", "a/b"])
def test_name_must_be_a_token(name: str) -> None:
    with pytest.raises(ValueError, match=r"name is not a token") as caught:
        Headers().add(name, "x")
    assert repr(name) in str(caught.value)
    assert not is_token(name)


@pytest.mark.parametrize("code", [*range(9), *range(10, 32), 127])
def test_control_characters_in_a_value_are_refused(code: int) -> None:
    with pytest.raises(ValueError, match=r"header field 'X-Y': the value holds the control character .* at 1"):
        Headers().add("X-Y", f"a{chr(code)}b")


def test_value_outside_latin_1_is_refused() -> None:
    with pytest.raises(ValueError, match="header field 'X': the value holds '€' at 2, which ISO 8859-1 lacks"):
        Headers({"X": "12€"})


@pytest.mark.parametrize(("name", "value"), [(b"A", "x"), ("A", b"x"), ("A", 1), ("A", None)])
def test_name_and_value_must_be_strings(name: object, value: object) -> None:
    with pytest.raises(TypeError, match="must be str, not"):
        Headers().add(name, value)  # type: ignore[arg-type]  # that is the test


@pytest.mark.parametrize("fields", ["Host", b"Host"])
def test_a_string_is_no_set_of_fields(fields: object) -> None:
    with pytest.raises(TypeError, match="mapping or pairs"):
        Headers(fields)  # type: ignore[arg-type]  # that is the test


@given(st.lists(st.tuples(names, values)))
def test_fields_come_back_as_they_went_in(fields: list[tuple[str, str]]) -> None:
    headers = Headers(fields)
    assert headers.items() == fields
    for name, _ in fields:
        assert headers.get_all(name.swapcase()) == [value for other, value in fields if other.lower() == name.lower()]


@given(st.text(max_size=5))
def test_token_agrees_with_the_table_of_the_rfc(text: str) -> None:
    assert is_token(text) == (text != "" and all(character in TOKEN_CHARACTERS for character in text))
