"""What the doctor finds, and what it calls a problem."""

import copy
import importlib.util
import json
import os
import subprocess
import sys
from typing import Any

import pytest

import twinax
from twinax.cli.doctor import examine, find_problems

from .command import TWINAX

SOUND: dict[str, Any] = {
    "python": {"implementation": "CPython"},
    "core": {"running": "cython", "choice": "auto", "built": True, "importable": True},
    "limits": {"open_files": 65536},
    "tls": {"default_authorities": "/etc/ssl/cert.pem"},
}


def test_json_holds_what_runs_here() -> None:
    result = subprocess.run([*TWINAX, "doctor", "--json"], capture_output=True, text=True, timeout=30, check=False)
    found = json.loads(result.stdout)
    assert found["twinax"]["version"] == twinax.__version__
    assert found["core"]["running"] == twinax.IMPLEMENTATION
    assert found["python"]["executable"] == sys.executable
    assert found["defaults"]["server"]["max_received_message_size"] == 1 << 20
    assert found["defaults"]["client"]["websocket_version"] == 13
    compression = found["compression"]
    assert 4096 <= compression["idle_connection_bytes"] < 4200 < 40_000 < compression["connection_bytes"]
    assert compression["process_limit_bytes"] == 1 << 28
    assert found["parts"]["zstd"]["version"]
    assert result.returncode == (1 if found["problems"] else 0)


def test_text_says_the_same() -> None:
    environment = {**os.environ, "TWINAX_CORE": "python"}
    result = subprocess.run(
        [*TWINAX, "doctor"], capture_output=True, text=True, timeout=30, check=False, env=environment
    )
    lines = dict(line.split(None, 1) for line in result.stdout.splitlines() if line and line[0] not in " !")
    assert lines["twinax"].startswith(twinax.__version__)
    assert lines["core"].startswith("interpreted")
    assert "TWINAX_CORE=python" in lines["core"]
    assert f"transports of {'uvloop' if importlib.util.find_spec('uvloop') else 'asyncio'}" in lines["tls"]
    assert "all together at most 268435456" in lines["compression"]


def test_what_is_sound_has_no_problems() -> None:
    assert find_problems(SOUND) == []
    assert find_problems({**examine(), **SOUND}) == []


@pytest.mark.parametrize(
    ("section", "change", "problem"),
    [
        ("core", {"importable": False, "running": "python"}, "cannot be imported"),
        ("core", {"built": False, "importable": False, "running": "python"}, "no compiled core was built"),
        ("core", {"choice": "python", "running": "python"}, "TWINAX_CORE=python leaves"),
        ("limits", {"open_files": 256}, "may open 256 files"),
        ("tls", {"default_authorities": None}, "no certificate authorities"),
    ],
)
def test_every_problem_is_named(section: str, change: dict[str, Any], problem: str) -> None:
    found = copy.deepcopy(SOUND)
    found[section].update(change)
    problems = find_problems(found)
    assert len(problems) == 1
    assert problem in problems[0]


def test_an_interpreted_core_is_right_for_pypy() -> None:
    found = copy.deepcopy(SOUND)
    found["python"]["implementation"] = "PyPy"
    found["core"].update(built=False, importable=False, running="python")
    assert find_problems(found) == []
