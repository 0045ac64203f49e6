// What every Node peer of the interop tests has in common; plan.py says what a client and a server have to do.
"use strict";

const fs = require("node:fs");
const http = require("node:http");
const https = require("node:https");
const path = require("node:path");

const SUBPROTOCOL = "chat";

function messages() {
  const rows = JSON.parse(fs.readFileSync(path.join(__dirname, "plan.json"), "utf8"));
  return rows.map((row) => {
    const text = row.unit.repeat(row.count);
    const isText = row.kind === "text";
    return { name: row.name, isText, data: isText ? text : Buffer.from(text, "latin1"), fragments: row.fragments || 1 };
  });
}

// The payload of a message cut into fragments, as buffers: text is cut inside characters too.
function pieces(message) {
  const data = Buffer.from(message.data);
  const size = Math.max(1, Math.ceil(data.length / message.fragments) - 1);
  const found = [];
  for (let start = 0; start < data.length; start += size) found.push(data.subarray(start, start + size));
  return found;
}

function newReport() {
  return { echoed: [], wrong: [], fragmented: false, ping: null, subprotocol: null, close: [null, ""] };
}

function check(report, message, isText, data) {
  const same = isText === message.isText && Buffer.from(data).equals(Buffer.from(message.data));
  (same ? report.echoed : report.wrong).push(message.name);
}

function option(name, otherwise) {
  const at = process.argv.indexOf(name);
  return at < 0 ? otherwise : process.argv[at + 1];
}

function clientArguments() {
  const ca = option("--ca");
  return {
    url: process.argv[2],
    close: Number(option("--close", "1000")),
    reason: option("--reason", ""),
    ca: ca && fs.readFileSync(ca),
  };
}

// An HTTP(S) server that reports its port once it listens; the process ends when standard input does.
function startHttpServer() {
  const cert = option("--cert");
  const tls = cert && { cert: fs.readFileSync(cert), key: fs.readFileSync(option("--key")) };
  const server = tls ? https.createServer(tls) : http.createServer();
  server.listen(0, "127.0.0.1", () => console.log(`ready ${server.address().port}`));
  process.stdin.on("end", () => process.exit(0)).resume();
  return server;
}

function sayClosed(code, reason) {
  console.log(`closed ${code} ${reason}`);
}

module.exports = { SUBPROTOCOL, messages, pieces, newReport, check, clientArguments, startHttpServer, sayClosed };
