// Talks to an echoing node by way of the package `ws`: node echo.mjs ws://127.0.0.1:8080/ws PID
//
// Prints a line for each thing that holds (✓) or does not (✗); the last thing is to end the process PID by SIGTERM.

import { WebSocket, connect, equal, next, run, terminate, url } from "./common.mjs";

const LIMIT = 65536;

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
    await terminate([await connect(), await connect()]);
  },
};

/** What comes back, in the type that was sent. */
async function echo(ws, data) {
  const answer = next(ws, "message");
  ws.send(data);
  const [bytes, isBinary] = await answer;
  return isBinary ? bytes : String(bytes);
}

await run(things);
