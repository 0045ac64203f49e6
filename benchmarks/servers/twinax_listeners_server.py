"""twinax with a listener for messages; TWINAX_CORE=python runs the interpreted core."""

import asyncio

from serving import announce, bind, new_loop, read_options

from twinax import WebSocketConnection, WebSocketServer
from twinax.extensions import PerMessageDeflate

options = read_options()


def handle(connection: WebSocketConnection) -> None:
    connection.on("message", server.broadcast if options.broadcast else connection.send)


# The defaults, but for the threshold: messages of 512 bytes are compressed, as the peers compress them.
deflate = PerMessageDeflate(threshold=0, library="zlib" if options.zlib else "auto")
server = WebSocketServer(handle, extensions=[deflate] if options.deflate else [])
listener = bind(options.port)
announce(listener.getsockname()[1])

if options.loop == "auto":
    server.run(sock=listener, ssl=options.tls_context())
else:

    async def main() -> None:
        await server.listen(sock=listener, ssl=options.tls_context())
        await asyncio.Event().wait()

    with asyncio.Runner(loop_factory=lambda: new_loop(options.loop)) as runner:
        runner.run(main())
