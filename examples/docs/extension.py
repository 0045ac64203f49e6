import asyncio
import zlib

from twinax import NegotiationError, RemoteProtocolError, Rule, WebSocketConnection, connect, serve
from twinax.extensions import RSV2, Extension, MessageCodec, Parameters, check_known

ALGORITHMS = {"crc32": zlib.crc32, "adler32": zlib.adler32}


class Checksum(Extension):
    """Every message ends with four bytes that say whether it arrived as it was sent."""

    name = "x-checksum"
    rsv_bits = RSV2  # set on messages that end with a checksum

    def offers(self) -> list[Parameters]:
        return [[("algorithm", name)] for name in ALGORITHMS]  # either will do, crc32 is preferred

    def accept(self, offer: Parameters) -> tuple[Parameters, "ChecksumCodec"]:
        return offer, self.agree(offer)

    def agree(self, answer: Parameters) -> "ChecksumCodec":
        algorithm = check_known(self.name, answer, ["algorithm"]).get("algorithm")
        if algorithm not in ALGORITHMS:
            raise NegotiationError(self.name, "it is not known here", parameter="algorithm", value=algorithm)
        return ChecksumCodec(algorithm)


class ChecksumCodec(MessageCodec):
    """What the extension does on one connection."""

    def __init__(self, algorithm: str) -> None:
        self.checksum = ALGORITHMS[algorithm]
        self.sent = self.received = self.checksum(b"")
        self.held = b""

    def begin_encode(self, opcode: int, size: int | None, compress: bool | None) -> int | None:
        self.sent = self.checksum(b"")
        return RSV2

    def encode(self, part: bytes, final: bool) -> bytes:
        self.sent = self.checksum(part, self.sent)
        return part + self.sent.to_bytes(4, "big") if final else part

    def begin_decode(self, opcode: int, rsv: int) -> bool:
        self.received, self.held = self.checksum(b""), b""
        return bool(rsv)

    def decode(self, part: bytes, final: bool) -> bytes:
        data = self.held + part
        part, self.held = data[:-4], data[-4:]  # the last four bytes may be the checksum
        self.received = self.checksum(part, self.received)
        if final and self.held != self.received.to_bytes(4, "big"):
            raise RemoteProtocolError(Rule.EXTENSION_DATA_INVALID, extension="x-checksum", problem="wrong checksum")
        return part


async def echo(connection: WebSocketConnection) -> None:
    async for message in connection:
        await connection.send(message)


async def main() -> None:
    async with (
        serve(echo, "localhost", extensions=[Checksum()]) as server,
        connect(server.urls[0], extensions=[Checksum()]) as connection,
    ):
        print(*connection.extensions)
        await connection.send("hello")
        print(await connection.recv())
        print(connection.extension_figures)


if __name__ == "__main__":
    asyncio.run(main())

# Prints:
# x-checksum; algorithm=crc32
# hello
# ExtensionFigures(messages_sent=1, bytes_sent=5, encoded_bytes_sent=9, messages_rcvd=1, bytes_rcvd=5, ...)
