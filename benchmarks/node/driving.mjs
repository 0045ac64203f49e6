// What the clients for JavaScript share; see ../clients/driving.py for what it means.
import { parseArgs } from "node:util";

const { values } = parseArgs({
  args: process.argv.slice(2),
  options: {
    url: { type: "string" },
    connections: { type: "string", default: "1" },
    depth: { type: "string", default: "1" },
    size: { type: "string", default: "32" },
    text: { type: "boolean", default: false },
    binary: { type: "boolean", default: false },
    duration: { type: "string", default: "2" },
    warmup: { type: "string", default: "0.5" },
    loop: { type: "string", default: "auto" },
  },
});

const text = "twinax ".repeat(Math.ceil(Number(values.size) / 7)).slice(0, Number(values.size));

/** What the client does, and what came back: `received` messages, the `last` of them. */
export const run = {
  url: values.url,
  depth: Number(values.depth),
  text: values.text,
  payload: values.text ? text : Buffer.from(text),
  received: 0,
  last: null,
};

const seconds = (value) => new Promise((resolve) => setTimeout(resolve, Number(value) * 1000));

function processorSeconds() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** Opens the connections with `start`, which begins to send on one, measures, and ends the process. */
export async function drive(start) {
  for (let i = 0; i < Number(values.connections); i++) await start();
  await seconds(values.warmup);
  let messages = run.received;
  let processor = processorSeconds();
  let time = performance.now();
  await seconds(values.duration);
  // An interval without any message says nothing: it is made longer.
  while (run.received === messages && performance.now() - time < 60_000) await seconds(0.05);
  time = (performance.now() - time) / 1000;
  messages = run.received - messages;
  processor = processorSeconds() - processor;
  const same = run.last !== null && Buffer.from(run.last).equals(Buffer.from(run.payload));
  const result = { mode: "client", seconds: time, messages, rate: messages / time, cpu_seconds: processor };
  process.stdout.write(`${JSON.stringify(same ? result : { error: "what came back is not the message" })}\n`, () =>
    process.exit(0),
  );
}
