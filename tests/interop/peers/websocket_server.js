// Server peer: websocket (WebSocket-Node).
"use strict";

const { server: WebSocketServer } = require("websocket");
const plan = require("./plan.js");

const server = new WebSocketServer({ httpServer: plan.startHttpServer(), maxReceivedFrameSize: 1 << 20 });

server.on("request", (request) => {
  const chosen = request.requestedProtocols.includes(plan.SUBPROTOCOL) ? plan.SUBPROTOCOL : null;
  const connection = request.accept(chosen, request.origin);
  connection.on("message", (message) => {
    if (message.type === "utf8") connection.sendUTF(message.utf8Data);
    else connection.sendBytes(message.binaryData);
  });
  connection.on("close", (code, reason) => plan.sayClosed(code, reason));
});
