// Client peer: websocket (WebSocket-Node).
"use strict";

const { client: WebSocketClient } = require("websocket");
const plan = require("./plan.js");

const { url, close, reason, ca } = plan.clientArguments();
const report = plan.newReport();
const waiting = plan.messages();
// It cuts what is longer than the threshold by itself: with this one, the long messages of the plan.
const client = new WebSocketClient({
  maxReceivedFrameSize: 1 << 20,
  fragmentationThreshold: 1000,
  tlsOptions: { ca },
});

function sendNext(connection) {
  const message = waiting[0];
  if (message === undefined) {
    connection.ping("interop");
  } else if (message.isText) {
    connection.sendUTF(message.data);
  } else {
    connection.sendBytes(message.data);
  }
}

client.on("connect", (connection) => {
  report.subprotocol = connection.protocol || null;
  report.fragmented = true;
  connection.on("message", (echo) => {
    const isText = echo.type === "utf8";
    plan.check(report, waiting.shift(), isText, isText ? echo.utf8Data : echo.binaryData);
    sendNext(connection);
  });
  connection.on("pong", (data) => {
    report.ping = data.toString() === "interop";
    connection.close(close, reason);
  });
  connection.on("close", (code, text) => {
    report.close = [code, text];
    console.log(JSON.stringify(report));
  });
  sendNext(connection);
});
client.connect(url, plan.SUBPROTOCOL);
