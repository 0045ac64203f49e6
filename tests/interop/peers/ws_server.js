// Server peer: ws.
"use strict";

const { WebSocketServer } = require("ws");
const plan = require("./plan.js");

const handleProtocols = (offered) => (offered.has(plan.SUBPROTOCOL) ? plan.SUBPROTOCOL : false);
const server = new WebSocketServer({ server: plan.startHttpServer(), handleProtocols });

server.on("connection", (connection) => {
  connection.on("message", (data, isBinary) => connection.send(data, { binary: isBinary }));
  connection.on("close", (code, reason) => plan.sayClosed(code, reason.toString()));
});
