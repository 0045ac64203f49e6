// Bun's own server, which is uWebSockets inside.
import { readOptions } from "./serving.mjs";

const options = readOptions();
const server = Bun.serve({
  port: options.port,
  hostname: "127.0.0.1",
  tls: options.tls ?? undefined,
  fetch: (request, server) => (server.upgrade(request) ? undefined : new Response(null, { status: 400 })),
  websocket: {
    perMessageDeflate: options.deflate,
    maxPayloadLength: 16 << 20,
    backpressureLimit: 64 << 20,
    open: (connection) => {
      if (options.broadcast) connection.subscribe("all");
    },
    message: (connection, data) => {
      if (options.broadcast) server.publish("all", data);
      else connection.send(data, options.deflate);
    },
  },
});
console.log(`ready ${server.port}`);
