// What the pages beside this one share. No module: a page that is opened by hand, from a file, may load none.

const PATIENCE_MS = 5000;
const url = new URLSearchParams(location.search).get("node");
/** What the thing that is tried now has opened. */
const opened = [];

/** Tries each thing, shows whether it holds, and tells the server. */
async function run(things) {
  const result = [];
  for (const [name, thing] of Object.entries(things)) {
    const detail = await thing().then(() => null, (error) => error.message);
    result.push({ name, passed: detail === null, detail });
    const lines = result.map(({ name, passed, detail }) => (passed ? `✓ ${name}` : `✗ ${name}: ${detail}`));
    document.getElementById("result").textContent = lines.join("\n");
    opened.splice(0).forEach((ws) => ws.close());
  }
  document.title = result.every(({ passed }) => passed) ? "passed" : "failed";
  await tell("/result", JSON.stringify(result));
}

async function connect(protocols = []) {
  const ws = new WebSocket(url, protocols);
  opened.push(ws);
  ws.binaryType = "arraybuffer";
  await next(ws, "open");
  return ws;
}

async function closes(ws, code) {
  const { code: got, wasClean } = await next(ws, "close");
  equal(`${got}, clean: ${wasClean}`, `${code}, clean: true`);
}

/** Asks the server to stop the node, and hears from each of `sockets` that it does. */
async function terminate(sockets) {
  const closed = sockets.map((ws) => closes(ws, 1001));
  await tell("/terminate");
  await Promise.all(closed);
}

function next(ws, event) {
  return new Promise((resolve, reject) => {
    const reason = `no ${event} within ${PATIENCE_MS} ms`;
    setTimeout(() => reject(new Error(reason)), PATIENCE_MS);
    ws.addEventListener(event, resolve, { once: true });
    if (event !== "close") {
      ws.addEventListener("close", ({ code }) => reject(new Error(`closed ${code} before ${event}`)), { once: true });
    }
  });
}

function equal(got, expected) {
  if (got !== expected) {
    throw new Error(`expected ${expected}, got ${got}`);
  }
}

// Opened by hand, the page has no server, and nobody to tell.
async function tell(path, body) {
  await fetch(path, { method: "POST", body }).catch(() => null);
}
