from twinax import ClientProtocol, ServerProtocol
from twinax.protocol import CloseReceived, MessageReceived, Opened, RequestReceived

client = ClientProtocol("ws://example.com/chat")
server = ServerProtocol()


def exchange() -> None:
    """Carry bytes in both directions until there are none left, as a network would."""
    while (to_server := client.data_to_send()) or (to_client := server.data_to_send()):
        for event in server.receive_data(to_server) if to_server else client.receive_data(to_client):
            match event:
                case RequestReceived(request):
                    print("server: asked for", request.resource)
                    server.accept()
                case Opened():
                    print("open")  # each side says so
                case MessageReceived(data):
                    print("received", repr(data))
                case CloseReceived(close):
                    print("closed with", close.code)


if __name__ == "__main__":
    client.connect()
    exchange()
    client.send("hello")
    server.send(b"\x00\x01")
    exchange()
    client.close(1000)
    exchange()
    print("end the TCP connection now:", server.should_close)

# Prints:
# server: asked for /chat
# open
# open
# received 'hello'
# received b'\x00\x01'
# closed with 1000
# closed with 1000
# end the TCP connection now: True
