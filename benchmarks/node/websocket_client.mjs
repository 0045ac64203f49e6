// WebSocket-Node's client.
import websocket from "websocket";
import { drive, run } from "./driving.mjs";

drive(
  () =>
    new Promise((resolve, reject) => {
      const client = new websocket.client({ maxReceivedFrameSize: 2 << 20, maxReceivedMessageSize: 2 << 20 });
      client.on("connectFailed", reject);
      client.on("connect", (connection) => {
        connection.on("message", (message) => {
          run.received++;
          run.last = run.text ? message.utf8Data : message.binaryData;
          connection.send(run.payload);
        });
        for (let i = 0; i < run.depth; i++) connection.send(run.payload);
        resolve();
      });
      client.connect(run.url);
    }),
);
