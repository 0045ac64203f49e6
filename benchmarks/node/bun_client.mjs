// Bun's own client.
import { drive, run } from "./driving.mjs";

drive(
  () =>
    new Promise((resolve, reject) => {
      const connection = new WebSocket(run.url, { perMessageDeflate: false });
      connection.binaryType = "nodebuffer";
      connection.onerror = reject;
      connection.onmessage = ({ data }) => {
        run.received++;
        run.last = data;
        connection.send(run.payload);
      };
      connection.onopen = () => {
        for (let i = 0; i < run.depth; i++) connection.send(run.payload);
        resolve();
      };
    }),
);
