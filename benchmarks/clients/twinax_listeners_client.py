"""twinax's client with a listener for messages."""

from driving import Run, drive

from twinax import connect

# The largest message here is sent in fragments, whose bookkeeping counts towards the limit as well.
LARGEST = 2 << 20


async def start(run: Run) -> None:
    connection = await connect(run.url, max_received_message_size=LARGEST)
    send, payload = connection.send, run.payload

    def on_message(message: str | bytes) -> None:
        run.received += 1
        run.last = message
        send(payload)

    connection.on("message", on_message)
    run.kept.append(connection)
    for _ in range(run.depth):
        send(payload)


drive(start)
