"""Autobahn|Testsuite, cases 1 to 11 and a sample of 12 and 13, against the programs of examples/, in both roles."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, NoReturn

import pytest
from autobahn import (
    CLIENT,
    Case,
    Selection,
    complaints,
    echo_server,
    read_golden,
    run_client_role,
    run_server_role,
    without_beyond_sample,
)
from testsuite_env import Python27Missing

Role = Callable[[Path], Coroutine[Any, Any, list[Case]]]


async def server_role(reports: Path) -> list[Case]:
    async with echo_server() as url:
        return await run_server_role(url, Selection(), reports)


async def client_role(reports: Path) -> list[Case]:
    return await run_client_role(CLIENT, Selection(), reports)


@pytest.mark.parametrize(("name", "role"), [("server", server_role), ("client", client_role)], ids=["server", "client"])
def test_every_case_is_what_the_golden_file_says(
    name: str, role: Role, tmp_path: Path, absent: Callable[[str], NoReturn]
) -> None:
    try:
        cases = asyncio.run(role(tmp_path))
    except Python27Missing as missing:
        absent(str(missing))
    wrong = complaints(cases, without_beyond_sample(read_golden(name)), whole=True)
    assert not wrong, "\n\n".join(wrong)


CASE = {
    "description": "Send a <b>text</b>",
    "expectation": "Echo &amp; close",
    "result": "",
    "resultClose": "",
    "expected": {},
    "received": [],
    "remoteCloseCode": 1000,
}


def a_case(folder: Path, number: str, behavior: str, behavior_close: str = "OK") -> Case:
    report = folder / f"{number}.json"
    report.write_text(json.dumps(CASE))
    return Case(number, behavior, behavior_close, report)


OK = {"behavior": "OK", "behaviorClose": "OK"}


def test_verdicts_as_in_the_golden_file_are_no_complaint(tmp_path: Path) -> None:
    assert complaints([a_case(tmp_path, "1.1.1", "OK")], {"1.1.1": OK}, whole=True) == []


@pytest.mark.parametrize("verdict", ["NON-STRICT", "FAILED", "UNIMPLEMENTED", "UNCLEAN", "WRONG CODE"])
def test_a_case_that_does_not_pass_is_a_complaint_even_when_it_is_golden(tmp_path: Path, verdict: str) -> None:
    for case in (a_case(tmp_path, "6.4.1", verdict), a_case(tmp_path, "6.4.1", "OK", verdict)):
        (wrong,) = complaints([case], {"6.4.1": case.verdicts}, whole=True)
        assert wrong.startswith("case 6.4.1: ")
        assert "expectation: Echo & close" in wrong


def test_a_case_that_passes_otherwise_than_before_is_a_complaint(tmp_path: Path) -> None:
    (wrong,) = complaints([a_case(tmp_path, "7.1.6", "INFORMATIONAL")], {"7.1.6": OK}, whole=True)
    assert "INFORMATIONAL / OK, golden OK / OK" in wrong


def test_a_whole_run_misses_no_case_and_has_none_too_many(tmp_path: Path) -> None:
    ran = [a_case(tmp_path, "1.1.2", "OK")]
    golden = {"1.1.1": OK}
    assert complaints(ran, golden, whole=False) == []
    assert complaints(ran, golden, whole=True) == ["case 1.1.1 did not run", "case 1.1.2 is not in the golden file"]


def test_a_run_without_cases_is_a_complaint() -> None:
    assert complaints([], {}, whole=False) == ["no case ran"]


def test_the_golden_files_hold_all_cases() -> None:
    for role in ("server", "client"):
        golden = read_golden(role)
        assert len(golden) == 517
        assert {verdict for verdicts in golden.values() for verdict in verdicts.values()} <= {"OK", "INFORMATIONAL"}
        assert len(without_beyond_sample(golden)) == 301 + 12 * 5
