// ws, with bufferutil beside it.
import { WebSocket } from "ws";
import { drive, run } from "./driving.mjs";

drive(
  () =>
    new Promise((resolve, reject) => {
      const connection = new WebSocket(run.url, { perMessageDeflate: false });
      connection.on("error", reject);
      connection.on("message", (data) => {
        run.received++;
        run.last = data;
        connection.send(run.payload);
      });
      connection.on("open", () => {
        for (let i = 0; i < run.depth; i++) connection.send(run.payload);
        resolve();
      });
    }),
);
