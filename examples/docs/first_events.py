from twinax import WebSocketRequest, WebSocketServer

server = WebSocketServer()


@server.on("request")
def on_request(request: WebSocketRequest) -> None:
    connection = request.accept()

    @connection.on("message")
    def on_message(message: str | bytes) -> None:
        connection.send(message)


if __name__ == "__main__":
    server.run("localhost", 8080)
