"""What a worker is to do: everything that the command line says, in a form that goes through a pipe."""

import dataclasses
import json
import random
from dataclasses import dataclass
from typing import Any

from ..client_arguments import client_options

__all__ = ["Plan"]

VARIANTS = 16
LARGEST_BLOCK = 65536


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The load of one worker, or of all of them together.

    Attributes:
        url: The server.
        connections: How many are open; with `handshakes`: how many are opened at a time.
        depth: Messages under way on each connection.
        size: Payload of a message in bytes.
        binary: Whether messages are binary.
        duration: Seconds that are measured; infinity: until it is stopped.
        warmup: Seconds before that.
        rate: Messages (handshakes) a second, sent by the clock; None: as fast as answers come.
        connect_rate: Connections opened a second; None: as fast as possible.
        handshakes: Connect and close instead of sending messages.
        verify: Whether what comes back is compared.
        compress: Whether permessage-deflate is offered.
        timeout: Seconds to connect, and to wait at the end for what is under way.
        greetings: Messages that the server sends by itself after each opening handshake.
        agreed: The extensions that the server agrees to.
        headers: Header fields to add, as "Name: value".
        subprotocols: Subprotocols to offer.
        origin: The Origin field.
        authorities: A file of authorities to trust; None: the system's.
        insecure: Whether the server's certificate is not verified.
        unix: The Unix socket to connect to; None: the URL's host.
    """

    url: str
    connections: int = 1
    depth: int = 1
    size: int = 128
    binary: bool = False
    duration: float = 10.0
    warmup: float = 1.0
    rate: float | None = None
    connect_rate: float | None = None
    handshakes: bool = False
    verify: bool = True
    compress: bool = False
    timeout: float = 10.0
    greetings: int = 0
    agreed: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    subprotocols: tuple[str, ...] = ()
    origin: str | None = None
    authorities: str | None = None
    insecure: bool = False
    unix: str | None = None

    def as_json(self) -> str:
        """Return the plan as one line."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, line: str) -> "Plan":
        """Return the plan that `as_json` gave."""
        values: dict[str, Any] = json.loads(line)
        for name, value in values.items():
            values[name] = tuple(value) if isinstance(value, list) else value
        return cls(**values)

    def share(self, number: int, workers: int) -> "Plan":
        """Return the part of worker `number` of so many: connections and rates are divided."""
        connections = self.connections // workers + (number < self.connections % workers)
        part = connections / self.connections
        return dataclasses.replace(
            self,
            connections=connections,
            rate=self.rate and self.rate * part,
            connect_rate=self.connect_rate and self.connect_rate * part,
        )

    def client_options(self) -> dict[str, Any]:
        """Return the keyword options for `twinax.connect`.

        Raises:
            CommandFailed: A header field is none, or the authorities cannot be read.
        """
        largest = max(1 << 20, 2 * self.size)
        return {
            **client_options(
                self.url,
                headers=self.headers,
                subprotocols=self.subprotocols,
                origin=self.origin,
                unix=self.unix,
                authorities=self.authorities,
                insecure=self.insecure,
                timeout=self.timeout,
            ),
            "max_received_message_size": largest,
            "max_received_frame_size": largest,
            "extensions": None if self.compress else (),
            # A message is one frame, as most clients send it.
            "fragment_outgoing_messages": False,
            # In a closed loop the depth says how much may be unsent. By the clock the default is the end of a server
            # that does not keep up.
            **({} if self.rate else {"max_unsent_size": None}),
            # A ping among the messages would be a load that nobody asked for.
            "keepalive": False,
        }

    def payloads(self) -> list[str | bytes]:
        """Return the messages that are sent in turn: they differ, so that answers in a wrong order are seen."""
        texts = [chr(ord("a") + number) + records(number, self.size) for number in range(VARIANTS)]
        return [text[: self.size].encode() if self.binary else text[: self.size] for text in texts]


def records(seed: int, size: int) -> str:
    """Return at least so many characters of records in JSON, which can be compressed about as well as people's own."""
    source = random.Random(seed)
    # Large messages repeat what is farther back than a compressor looks.
    block = ""
    while len(block) < min(size, LARGEST_BLOCK):
        fields = {
            "id": source.getrandbits(32),
            "price": round(source.uniform(1, 1000), 2),
            "open": source.random() < 0.5,
        }
        block += json.dumps(fields) + "\n"
    return block * (size // max(1, len(block)) + 1)
