// What the servers and clients for JavaScript share: the command line, and the lines that they print.
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";

/** Reads the command line of a server; see ../servers/serving.py for what it means. */
export function readOptions() {
  const { values } = parseArgs({
    args: process.argv.slice(2),
    options: {
      port: { type: "string", default: "0" },
      mode: { type: "string", default: "echo" },
      deflate: { type: "boolean", default: false },
      loop: { type: "string", default: "auto" },
      "tls-cert": { type: "string" },
      "tls-key": { type: "string" },
    },
  });
  const tls = values["tls-cert"]
    ? { cert: readFileSync(values["tls-cert"]), key: readFileSync(values["tls-key"]) }
    : null;
  return { port: Number(values.port), broadcast: values.mode === "broadcast", deflate: values.deflate, tls };
}

/** Makes a server listen on loopback and say when it does. */
export function listen(server, port) {
  server.listen({ port, host: "127.0.0.1", backlog: 4096 }, () => console.log(`ready ${server.address().port}`));
}
