"""The programs of the documentation run, and print what they say that they print."""

import asyncio
import doctest
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import trustme

from twinax import NegotiationError, RemoteProtocolError, connect, serve

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "docs"
PRINTS = "\n# Prints:\n"
PROGRAMS = sorted(path for path in EXAMPLES.glob("*.py") if PRINTS in path.read_text(encoding="utf-8"))
# These wait for requests on a port of their own, or want files: each has a test below.
OTHERS = {"behind_nginx.py", "first_client.py", "first_events.py", "first_server.py", "tls.py"}


def load(name: str) -> ModuleType:
    """Import a program without running it."""
    spec = importlib.util.spec_from_file_location(name.removesuffix(".py"), EXAMPLES / name)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(path: Path, *arguments: str) -> str:
    """Run a program to its end and return what it prints."""
    environment = {**os.environ, "PYTHONWARNINGS": "error"}
    command = [sys.executable, str(path), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert not re.search("Warning|never retrieved|was destroyed", done.stderr), done.stderr
    return done.stdout


def test_every_program_is_run_by_a_test() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == {path.name for path in PROGRAMS} | OTHERS


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_a_program_prints_what_it_says(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").partition(PRINTS)[2].splitlines(keepends=True)
    expected = "".join(line.removeprefix("#").removeprefix(" ") for line in lines)
    printed = run(path)
    # "..." stands for anything.
    assert doctest.OutputChecker().check_output(expected, printed, doctest.ELLIPSIS), printed


def test_first_server_and_client_talk(capsys: pytest.CaptureFixture[str]) -> None:
    async def main() -> None:
        async with serve(load("first_server.py").echo, "localhost") as server:
            await load("first_client.py").main(server.urls[0])

    asyncio.run(main())
    assert capsys.readouterr().out == "hello\n"


def test_first_client_talks_to_the_server_of_events(capsys: pytest.CaptureFixture[str]) -> None:
    async def main() -> None:
        async with load("first_events.py").server as server:
            await server.listen("localhost")
            await load("first_client.py").main(server.urls[0])

    asyncio.run(main())
    assert capsys.readouterr().out == "hello\n"


def test_tls(tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    certificate.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    for blob in certificate.cert_chain_pems:
        blob.write_to_path(str(tmp_path / "certificate.pem"), append=True)
    files = [str(tmp_path / name) for name in ("certificate.pem", "key.pem", "authority.pem")]
    assert run(EXAMPLES / "tls.py", *files) == "secret\n"


def test_behind_nginx_the_client_is_whom_nginx_names() -> None:
    module = load("behind_nginx.py")

    async def ask(port: int, address: str) -> str:
        headers = {"Host": "example.com", "X-Forwarded-For": address}
        async with connect(f"ws://127.0.0.1:{port}/", headers=headers) as connection:
            return str(await connection.recv())

    async def main() -> str:
        async with serve(module.handler, "127.0.0.1", **module.OPTIONS) as server:
            return await ask(server.port, "203.0.113.7")

    assert asyncio.run(main()) == "you are 203.0.113.7"


def test_the_extension_of_the_page_works_in_parts_and_finds_what_was_changed() -> None:
    module = load("extension.py")
    client, server = (module.Checksum().agree([("algorithm", "adler32")]) for _ in range(2))
    assert client.begin_encode(1, None, None) == 0x20
    data = b"".join([client.encode(b"first ", False), client.encode(b"second", True)])
    for cut in range(len(data) + 1):
        assert server.begin_decode(1, 0x20)
        assert server.decode(data[:cut], False) + server.decode(data[cut:], True) == b"first second"
    for at in range(len(data)):
        server.begin_decode(1, 0x20)
        with pytest.raises(RemoteProtocolError, match="not what x-checksum makes: wrong checksum"):
            server.decode(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :], True)
    with pytest.raises(NegotiationError, match="'algorithm=md5': it is not known here"):
        module.Checksum().accept([("algorithm", "md5")])
