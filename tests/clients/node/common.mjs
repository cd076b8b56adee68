// What the scripts beside this one share: connections by way of the package `ws`, and what is said about the things that they try.

import { once } from "node:events";
import { createRequire } from "node:module";

// Where `cargo tutor setup` installs what package.json names.
const installed = new URL("../../../target/tools/node/", import.meta.url);
export const WebSocket = createRequire(installed)("ws");

const PATIENCE_MS = 5000;
export const [url, pid] = process.argv.slice(2);
/** What the thing that is tried now has opened. */
const opened = [];

/** Tries each thing, says whether it holds, and ends this process. */
export async function run(things) {
  let failed = false;
  for (const [name, thing] of Object.entries(things)) {
    try {
      await thing();
      console.log(`✓ ${name}`);
    } catch (error) {
      failed = true;
      console.log(`✗ ${name}: ${error.message}`);
    }
    opened.splice(0).forEach((ws) => ws.terminate());
  }
  process.exit(failed ? 1 : 0);
}

export async function connect(protocols = []) {
  const ws = new WebSocket(url, protocols);
  // Whoever waits for something hears of errors too; between two waits, one would end this process.
  ws.on("error", () => {});
  opened.push(ws);
  await next(ws, "open");
  return ws;
}

export function equal(got, expected) {
  if (got !== expected) {
    throw new Error(`expected ${expected}, got ${got}`);
  }
}

/** Asks the node to stop, and hears from each of `sockets` that it does. */
export async function terminate(sockets) {
  const closed = sockets.map((ws) => next(ws, "close"));
  process.kill(Number(pid), "SIGTERM");
  equal((await Promise.all(closed)).map(([code]) => code).join(), sockets.map(() => 1001).join());
}

export async function next(ws, event) {
  const signal = AbortSignal.timeout(PATIENCE_MS);
  const closed = once(ws, "close", { signal });
  if (event === "close") {
    return inTime(closed, event);
  }
  const early = closed.then(([code]) => Promise.reject(new Error(`closed ${code} before ${event}`)));
  return inTime(Promise.race([once(ws, event, { signal }), early]), event);
}

async function inTime(heard, event) {
  try {
    return await heard;
  } catch (error) {
    throw error.name === "AbortError" ? new Error(`no ${event} within ${PATIENCE_MS} ms`) : error;
  }
}
