// Server peer: ws, with permessage-deflate as the first argument says (JSON); echoes, and prints what it agreed on.
"use strict";

const { WebSocketServer } = require("ws");
const plan = require("./plan.js");

const options = { threshold: 0, ...JSON.parse(process.argv[2]) };
const server = new WebSocketServer({ server: plan.startHttpServer(), perMessageDeflate: options });

server.on("connection", (connection) => {
  console.log(`agreed ${connection.extensions}`);
  connection.on("message", (data, isBinary) => connection.send(data, { binary: isBinary }));
});
