"""What a worker is to do: everything that the command line says, in a form that goes through a pipe."""

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

from ..client_arguments import client_options

__all__ = ["Plan"]

VARIANTS = 16


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
        timeout: Seconds to connect, and to wait at the end for what is under way.
        greetings: Messages that the server sends by itself after each opening handshake.
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
    timeout: float = 10.0
    greetings: int = 0
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
        values = json.loads(line)
        return cls(**{**values, "headers": tuple(values["headers"]), "subprotocols": tuple(values["subprotocols"])})

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
        filling = "twinax bench " * (self.size // 13 + 1)
        texts = [f"{chr(ord('a') + number)}{filling}"[: self.size] for number in range(VARIANTS)]
        return [text.encode() for text in texts] if self.binary else list(texts)
