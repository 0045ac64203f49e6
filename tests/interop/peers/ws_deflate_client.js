// Client peer: ws, with permessage-deflate as the second argument says (JSON); sends every message of the plan twice,
// and prints how many came back as they were, and what was agreed on.
"use strict";

const WebSocket = require("ws");
const plan = require("./plan.js");

const [url, options] = process.argv.slice(2);
const socket = new WebSocket(url, { perMessageDeflate: { threshold: 0, ...JSON.parse(options) } });
const messages = [...plan.messages(), ...plan.messages()];
let next = 0;
let same = 0;

const send = () => (next < messages.length ? socket.send(messages[next].data) : socket.close(1000));

socket.on("open", send);
socket.on("message", (data, isBinary) => {
  const sent = messages[next].data;
  next += 1;
  const isText = typeof sent === "string";
  if (isText !== isBinary && data.equals(Buffer.from(sent))) same += 1;
  send();
});
socket.on("error", (error) => {
  console.error(error.message);
  process.exit(1);
});
socket.on("close", () => {
  console.log(`same ${same} of ${messages.length}, agreed ${socket.extensions}`);
  process.exit(0);
});
