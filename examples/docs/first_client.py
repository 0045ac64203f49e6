import asyncio

from twinax import connect


async def main(uri: str = "ws://localhost:8080/") -> None:
    async with connect(uri) as connection:
        await connection.send("hello")
        print(await connection.recv())


if __name__ == "__main__":
    asyncio.run(main())
