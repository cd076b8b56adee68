// Talks to an echoing node by way of the package `ws`: node echo.mjs ws://127.0.0.1:8080/ws PID
//
// Prints a line for each thing that holds (✓) or does not (✗); the last thing is to end the process PID by SIGTERM.

import { once } from "node:events";
import { createRequire } from "node:module";

// Where `cargo tutor setup` installs what package.json names.
const installed = new URL("../../../target/tools/node/", import.meta.url);
const WebSocket = createRequire(installed)("ws");

const LIMIT = 65536;
const PATIENCE_MS = 5000;
const [url, pid] = process.argv.slice(2);

const things = {
  "text comes back as text": async () => {
    const ws = await connect();
    equal(await echo(ws, "hello"), "hello");
    equal(await echo(ws, ""), "");
    equal(await echo(ws, "grüße, 世界, 🦀"), "grüße, 世界, 🦀");
  },
  "binary comes back as binary": async () => {
    const ws = await connect();
    const bytes = Buffer.from([...Array(256).keys()]);
    const back = await echo(ws, bytes);
    equal(Buffer.isBuffer(back), true);
    equal(back.toString("hex"), bytes.toString("hex"));
  },
  "a message in fragments comes back whole": async () => {
    const ws = await connect();
    const answer = next(ws, "message");
    ws.send("one, ", { fin: false });
    // A control frame may stand between two fragments.
    ws.ping();
    ws.send("two, ", { fin: false });
    ws.send("three", { fin: true });
    equal(String((await answer)[0]), "one, two, three");
  },
  "a ping is answered with its own data": async () => {
    const ws = await connect();
    const pong = next(ws, "pong");
    ws.ping("are you there?");
    equal(String((await pong)[0]), "are you there?");
  },
  "the subprotocol is echoed when it is offered": async () => {
    equal((await connect(["router.v1"])).protocol, "router.v1");
    equal((await connect(["other", "router.v1"])).protocol, "router.v1");
  },
  "no subprotocol is claimed when none is offered": async () => {
    equal((await connect()).protocol, "");
  },
  "permessage-deflate is offered and not taken": async () => {
    const ws = new WebSocket(url, { perMessageDeflate: true });
    const [[response]] = await Promise.all([next(ws, "upgrade"), next(ws, "open")]);
    equal(response.headers["sec-websocket-extensions"], undefined);
    equal(ws.extensions, "");
  },
  "a message of the greatest size comes back": async () => {
    const text = "x".repeat(LIMIT);
    equal((await echo(await connect(), text)) === text, true);
  },
  "one byte more is answered with 1009": async () => {
    const ws = await connect();
    const closed = next(ws, "close");
    ws.send("x".repeat(LIMIT + 1));
    equal((await closed)[0], 1009);
  },
  "so is one byte more in fragments": async () => {
    const ws = await connect();
    const closed = next(ws, "close");
    ws.send("x".repeat(LIMIT), { fin: false });
    ws.send("x", { fin: true });
    equal((await closed)[0], 1009);
  },
  "a close is answered with its own code": async () => {
    const ws = await connect();
    const closed = next(ws, "close");
    ws.close(4001, "bye");
    equal((await closed)[0], 4001);
  },
  "SIGTERM says 1001 to everybody": async () => {
    const sockets = [await connect(), await connect()];
    const closed = sockets.map((ws) => next(ws, "close"));
    process.kill(Number(pid), "SIGTERM");
    equal((await Promise.all(closed)).map(([code]) => code).join(), "1001,1001");
  },
};

let failed = false;
for (const [name, thing] of Object.entries(things)) {
  try {
    await thing();
    console.log(`✓ ${name}`);
  } catch (error) {
    failed = true;
    console.log(`✗ ${name}: ${error.message}`);
  }
}
process.exit(failed ? 1 : 0);

async function connect(protocols = []) {
  const ws = new WebSocket(url, protocols);
  // Whoever waits for something hears of errors too; between two waits, one would end this process.
  ws.on("error", () => {});
  await next(ws, "open");
  return ws;
}

/** What comes back, in the type that was sent. */
async function echo(ws, data) {
  const answer = next(ws, "message");
  ws.send(data);
  const [bytes, isBinary] = await answer;
  return isBinary ? bytes : String(bytes);
}

function equal(got, expected) {
  if (got !== expected) {
    throw new Error(`expected ${expected}, got ${got}`);
  }
}

async function next(ws, event) {
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
