"""The shortest client: sends one message and prints the answer.

python examples/quickstart_connect.py --url ws://localhost:8080/
"""

import argparse
import asyncio

from twinax import connect


async def main(url: str) -> None:
    async with connect(url) as connection:
        await connection.send("hello")
        print(await connection.recv())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="ws://localhost:8080/")
    asyncio.run(main(parser.parse_args().url))
