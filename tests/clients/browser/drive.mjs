// Opens echo.html or talk.html in a headless Chromium: node drive.mjs ws://127.0.0.1:8080/ws PID echo [CHROMIUM]
//
// Prints a line for each thing that holds in the page (✓) or does not (✗); when the page asks for it, ends PID by SIGTERM.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";

/** A cold start of Chromium on a busy machine, and eight things with five seconds of patience each. */
const DEADLINE_MS = 80_000;
/** What a browser may take to end itself. */
const CLOSING_MS = 3000;
/** No sandbox: in a container there often is none, and the only page is ours. The rest keeps it from calling home. */
const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-dev-shm-usage",
  "--disable-quic",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-breakpad",
  "--no-default-browser-check",
  "--no-first-run",
  "--password-store=basic",
  "--use-mock-keychain",
];
const [node, pid, dialect, program = "chromium"] = process.argv.slice(2);
const files = new Map([
  [`/${dialect}.html`, "text/html"],
  ["/common.js", "text/javascript"],
]);
const profile = mkdtempSync(join(tmpdir(), "page-"));

const server = createServer().listen(0, "127.0.0.1");
await once(server, "listening");
const { result, chromium, words } = openPage();
const timer = setTimeout(() => chromium.emit("error", new Error("the page did not finish")), DEADLINE_MS);
let failed = true;
try {
  const things = await Promise.race([result, early(chromium)]);
  for (const { name, passed, detail } of things) {
    console.log(passed ? `✓ ${name}` : `✗ ${name}: ${detail}`);
  }
  failed = !things.every(({ passed }) => passed);
} catch (error) {
  console.log(`✗ ${program}: ${error.message}\n${words().split("\n").slice(-5).join("\n")}`);
} finally {
  clearTimeout(timer);
  await close();
}
process.exit(failed ? 1 : 0);

/** Serves the page, hears what it has to tell, and starts the browser that shows it. */
function openPage() {
  const result = new Promise((resolve) => {
    server.on("request", async (request, response) => {
      if (request.url === "/result") {
        resolve(JSON.parse(await text(request)));
      } else if (request.url === "/terminate") {
        process.kill(Number(pid), "SIGTERM");
      }
      const { pathname } = new URL(request.url, "http://page");
      const type = files.get(pathname);
      const content = type && readFileSync(new URL(`.${pathname}`, import.meta.url));
      response.writeHead(type ? 200 : 204, { "content-type": type ?? "text/plain" }).end(content);
    });
  });
  const address = `http://127.0.0.1:${server.address().port}/${dialect}.html?node=${encodeURIComponent(node)}`;
  // Whatever else it would keep in a home, or leave behind when it is killed, goes where the profile goes.
  const env = { ...process.env, HOME: profile, TMPDIR: profile, XDG_CONFIG_HOME: profile, XDG_CACHE_HOME: profile };
  const chromium = spawn(program, [...FLAGS, `--user-data-dir=${profile}`, address], {
    env,
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  chromium.stderr.on("data", (chunk) => (said = (said + chunk).slice(-4096)));
  return { result, chromium, words: () => said.trim() };
}

async function early(chromium) {
  const [code, signal] = await once(chromium, "exit");
  throw new Error(`ended early (${code ?? signal})`);
}

/** Ends the browser, which ends its own processes, and removes what it wrote. */
async function close() {
  if (chromium.exitCode === null && chromium.signalCode === null && chromium.kill("SIGTERM")) {
    // Not "exit": its other processes may outlive the first by a moment, and their standard error is the same.
    const ended = once(chromium, "close", { signal: AbortSignal.timeout(CLOSING_MS) });
    await ended.catch(() => chromium.kill("SIGKILL"));
  }
  for (let tries = 0; tries < 50; tries += 1) {
    try {
      return rmSync(profile, { recursive: true, force: true });
    } catch {
      // Somebody is still writing to it.
      await sleep(100);
    }
  }
  console.log(`cannot remove ${profile}`);
}
