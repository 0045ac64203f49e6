// ws, with bufferutil beside it.
import { createServer } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { WebSocketServer } from "ws";
import { listen, readOptions } from "./serving.mjs";

const options = readOptions();
const server = options.tls ? createSecureServer(options.tls) : createServer();
const sockets = new WebSocketServer({ server, perMessageDeflate: options.deflate ? { threshold: 0 } : false });

sockets.on("connection", (connection) => {
  connection.on("error", () => {});
  connection.on("message", (data, binary) => {
    if (!options.broadcast) connection.send(data, { binary });
    else for (const other of sockets.clients) other.send(data, { binary });
  });
});
listen(server, options.port);
