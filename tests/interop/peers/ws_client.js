// Client peer: ws.
"use strict";

const WebSocket = require("ws");
const plan = require("./plan.js");

const { url, close, reason, ca } = plan.clientArguments();
const report = plan.newReport();
const waiting = plan.messages();
const connection = new WebSocket(url, [plan.SUBPROTOCOL], { ca, perMessageDeflate: false });

function sendNext() {
  const message = waiting[0];
  if (message === undefined) {
    connection.ping("interop");
  } else if (message.fragments > 1) {
    const parts = plan.pieces(message);
    report.fragmented = true;
    parts.forEach((part, n) => connection.send(part, { fin: n === parts.length - 1, binary: !message.isText }));
  } else {
    connection.send(message.data);
  }
}

connection.on("open", () => {
  report.subprotocol = connection.protocol || null;
  sendNext();
});
connection.on("message", (data, isBinary) => {
  plan.check(report, waiting.shift(), !isBinary, data);
  sendNext();
});
connection.on("pong", (data) => {
  report.ping = data.toString() === "interop";
  connection.close(close, reason);
});
connection.on("close", (code, text) => {
  report.close = [code, text.toString()];
  console.log(JSON.stringify(report));
});
