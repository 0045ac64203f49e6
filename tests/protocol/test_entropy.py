"""Randomness: from the operating system, and never the same in two processes."""

import subprocess
import sys

import pytest

from twinax.protocol.entropy import MASK_KEYS, random_bytes

PROGRAM = """
import os, sys
from twinax.protocol.entropy import MASK_KEYS
MASK_KEYS.draw()  # the pool is filled before the fork
reader, writer = os.pipe()
child = os.fork()
keys = [MASK_KEYS.draw() for _ in range(100)]
if child == 0:
    os.write(writer, ",".join(map(str, keys)).encode())
    os._exit(0)
os.waitpid(child, 0)
other = [int(text) for text in os.read(reader, 1 << 16).decode().split(",")]
print(len(set(keys)), len(set(other)), len(set(keys) & set(other)))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_two_processes_after_a_fork_share_no_keys() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=True, text=True)
    assert done.stdout.split() == ["100", "100", "0"]


def test_keys_are_32_bits_that_nobody_can_guess() -> None:
    keys = {MASK_KEYS.draw() for _ in range(10_000)}
    assert len(keys) > 9_990
    assert all(0 <= key < 1 << 32 for key in keys)
    assert len({key >> 24 for key in keys}) == 256  # every byte of a key takes every value
    assert len({key & 255 for key in keys}) == 256


def test_nonces() -> None:
    assert len(random_bytes(16)) == 16
    assert random_bytes(16) != random_bytes(16)
