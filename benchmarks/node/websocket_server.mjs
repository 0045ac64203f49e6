// WebSocket-Node, whose interface twinax's follows. It has no permessage-deflate.
import { createServer } from "node:http";
import { createServer as createSecureServer } from "node:https";
import websocket from "websocket";
import { listen, readOptions } from "./serving.mjs";

const options = readOptions();
const httpServer = options.tls ? createSecureServer(options.tls) : createServer();
const server = new websocket.server({
  httpServer,
  autoAcceptConnections: true,
  maxReceivedFrameSize: 2 << 20,
  maxReceivedMessageSize: 2 << 20,
});

server.on("connect", (connection) => {
  connection.on("error", () => {});
  connection.on("message", (message) => {
    if (message.type === "utf8") {
      if (options.broadcast) server.broadcastUTF(message.utf8Data);
      else connection.sendUTF(message.utf8Data);
    } else if (options.broadcast) server.broadcastBytes(message.binaryData);
    else connection.sendBytes(message.binaryData);
  });
});
listen(httpServer, options.port);
