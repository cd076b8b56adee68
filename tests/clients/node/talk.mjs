// Talks through a node, in the dialect of phase 2, by way of the package `ws`: node talk.mjs ws://127.0.0.1:8080/ws PID
//
// Prints a line for each thing that holds (✓) or does not (✗); the last thing is to end the process PID by SIGTERM.

import { connect, equal, next, run, terminate } from "./common.mjs";

const things = {
  "two users talk": async () => {
    const [alice, bob] = [await User.enter("alice"), await User.enter("bob")];
    for (const [sender, other] of [[alice, bob], [bob, alice]]) {
      const payload = { text: `grüße an ${other.name}, 世界, 🦀` };
      sender.say({ type: "message", to: other.name, payload, ref: "2" });
      const heard = await other.hear();
      same(heard, { type: "message", id: String(heard.id), from: sender.name, payload });
      same(await sender.hear(), { type: "ok", ref: "2", id: heard.id, outcome: "written" });
    }
  },
  "messages arrive in the order in which they were sent": async () => {
    const [alice, bob] = [await User.enter("alice"), await User.enter("bob")];
    const numbers = [...Array(100).keys()];
    numbers.forEach((payload) => alice.say({ type: "message", to: "bob", payload }));
    for (const number of numbers) {
      equal((await bob.hear()).payload, number);
    }
  },
  "a message in fragments arrives whole": async () => {
    const [alice, bob] = [await User.enter("alice"), await User.enter("bob")];
    alice.ws.send('{"type":"message","to":"bo', { fin: false });
    // A control frame may stand between two fragments.
    alice.ws.ping();
    alice.ws.send('b","payload":"whole"}', { fin: true });
    equal((await bob.hear()).payload, "whole");
  },
  "a user with two sockets hears on both": async () => {
    const [alice, laptop, phone] = [await User.enter("alice"), await User.enter("bob"), await User.enter("bob")];
    alice.say({ type: "message", to: "bob", payload: "both?" });
    equal((await laptop.hear()).payload, "both?");
    equal((await phone.hear()).payload, "both?");
  },
  "a message to nobody is answered not_connected": async () => {
    const alice = await User.enter("alice");
    for (const ref of [{ ref: "2" }, {}]) {
      alice.say({ type: "message", to: "nobody", payload: null, ...ref });
      await alice.hearsError("not_connected", ref);
    }
  },
  "who leaves is not connected any more": async () => {
    const [alice, carol] = [await User.enter("alice"), await User.enter("carol")];
    await carol.leave();
    let code;
    do {
      alice.say({ type: "message", to: "carol", payload: "still there?", ref: "2" });
      ({ code } = await alice.hear());
      // What was on its way when she left may have been in her mailbox still.
    } while (code === "unavailable");
    equal(code, "not_connected");
  },
  "malformed JSON is answered, and the socket stays": async () => {
    const alice = await User.enter("alice");
    for (const text of ["not JSON", '{"type":', "[]", '{"type":"ping","ref":7}']) {
      alice.ws.send(text);
      await alice.hearsError("malformed");
    }
    await alice.stays();
  },
  "binary is unsupported, and the socket stays": async () => {
    const alice = await User.enter("alice");
    alice.ws.send(Buffer.from('{"type":"ping"}'));
    await alice.hearsError("unsupported");
    await alice.stays();
  },
  "who has no name cannot send": async () => {
    const guest = new User(await connect(), null);
    guest.say({ type: "message", to: "alice", payload: 1, ref: "1" });
    await guest.hearsError("not_registered", { ref: "1" });
    await guest.stays();
  },
  "SIGTERM says 1001 to everybody": async () => {
    const [alice, bob] = [await User.enter("alice"), await User.enter("bob")];
    await terminate([alice.ws, bob.ws]);
  },
};

/** A connection that has registered, and what it has heard. */
class User {
  constructor(ws, name) {
    Object.assign(this, { ws, name, frames: [] });
    // Two frames may come at once, and nobody waits for the second yet.
    ws.on("message", (data) => this.frames.push(JSON.parse(data)));
    // Each wait listens until its patience is over.
    ws.setMaxListeners(0);
  }

  static async enter(name) {
    const user = new User(await connect(), name);
    user.say({ type: "register", userId: name, ref: "1" });
    const heard = await user.hear();
    same(heard, { type: "registered", ref: "1", userId: name, connId: String(heard.connId) });
    return user;
  }

  say(frame) {
    this.ws.send(JSON.stringify(frame));
  }

  async hear() {
    if (this.frames.length === 0) {
      await next(this.ws, "message");
    }
    return this.frames.shift();
  }

  async hearsError(code, ref = {}) {
    const heard = await this.hear();
    same(heard, { type: "error", ...ref, code, message: String(heard.message), retry: false });
  }

  async stays() {
    this.say({ type: "ping", ref: "still there" });
    same(await this.hear(), { type: "pong", ref: "still there" });
  }

  async leave() {
    const closed = next(this.ws, "close");
    this.ws.close(4000);
    equal((await closed)[0], 4000);
  }
}

function same(got, expected) {
  equal(JSON.stringify(sorted(got)), JSON.stringify(sorted(expected)));
}

/** The order of members means nothing. */
function sorted(frame) {
  return Object.fromEntries(Object.entries(frame).sort());
}

await run(things);
