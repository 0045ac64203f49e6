"""uvicorn with its websockets protocol: an ASGI application."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import uvicorn
from serving import announce, bind, new_loop, read_options

Event = MutableMapping[str, Any]
Send = Callable[[Event], Awaitable[None]]

options = read_options()
senders: set[Send] = set()


async def application(scope: Event, receive: Callable[[], Awaitable[Event]], send: Send) -> None:
    if scope["type"] != "websocket":
        return
    await receive()
    await send({"type": "websocket.accept"})
    senders.add(send)
    try:
        while (event := await receive())["type"] == "websocket.receive":
            text = event.get("text")
            answer = {"type": "websocket.send"}
            answer |= {"text": text} if text is not None else {"bytes": event["bytes"]}
            for receiver in list(senders) if options.broadcast else (send,):
                await receiver(answer)
    finally:
        senders.discard(send)


config = uvicorn.Config(
    application,
    http="httptools",
    ws="websockets-sansio",
    ws_per_message_deflate=options.deflate,
    lifespan="off",
    log_level="critical",
    ssl_certfile=options.tls and options.tls[0],
    ssl_keyfile=options.tls and options.tls[1],
)
listener = bind(options.port)
announce(listener.getsockname()[1])
with asyncio.Runner(loop_factory=lambda: new_loop(options.loop)) as runner:
    runner.run(uvicorn.Server(config).serve([listener]))
