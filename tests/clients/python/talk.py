"""Talks through a node, in the dialect of phase 2: python talk.py ws://127.0.0.1:8080/ws PID [WEBSOCAT]

By way of the package `websockets`, or, if its path is given, of websocat.

Prints a line for each thing that holds (✓) or does not (✗); the last thing is to end the process PID by SIGTERM.
"""

import json
import sys
from contextlib import asynccontextmanager

from common import URL, equal, run, terminate

if len(sys.argv) > 3:
    from by_websocat import TELLS_CODES, close_code, connect
else:
    from by_package import TELLS_CODES, close_code, connect


async def two_users_talk():
    async with user("alice") as alice, user("bob") as bob:
        for sender, name, other, to in [(alice, "alice", bob, "bob"), (bob, "bob", alice, "alice")]:
            payload = {"text": f"grüße an {to}, 世界, 🦀"}
            await say(sender, type="message", to=to, payload=payload, ref="2")
            heard = await hear(other)
            message = {"type": "message", "id": heard.get("id"), "from": name, "payload": payload}
            equal(heard, message)
            equal(await hear(sender), {"type": "ok", "ref": "2", "id": heard["id"], "outcome": "written"})


async def messages_arrive_in_the_order_in_which_they_were_sent():
    async with user("alice") as alice, user("bob") as bob:
        for number in range(100):
            await say(alice, type="message", to="bob", payload=number)
        equal([(await hear(bob))["payload"] for _ in range(100)], list(range(100)))


async def a_payload_is_carried_as_it_was_written():
    async with user("alice") as alice, user("bob") as bob:
        payload = r'{"b": 1.0, "a": 12345678901234567890, "text": "\u00e9 é"}'
        await alice.send(f'{{"type": "message", "to": "bob", "payload": {payload}}}')
        got = await bob.recv()
        assert payload in got, f"expected {payload} in {got}"


async def a_user_with_two_sockets_hears_on_both():
    async with user("alice") as alice, user("bob") as laptop, user("bob") as phone:
        await say(alice, type="message", to="bob", payload="both?")
        equal((await hear(laptop))["payload"], "both?")
        equal((await hear(phone))["payload"], "both?")


async def a_message_to_nobody_is_answered_not_connected():
    async with user("alice") as alice:
        for ref in [{"ref": "2"}, {}]:
            await say(alice, type="message", to="nobody", payload=None, **ref)
            await hears_error(alice, "not_connected", **ref)


async def who_leaves_is_not_connected_any_more():
    async with user("alice") as alice, user("carol") as carol:
        await carol.close()
        code = "unavailable"
        # What was on its way when she left may have been in her mailbox still.
        while code == "unavailable":
            await say(alice, type="message", to="carol", payload="still there?", ref="2")
            code = (await hear(alice)).get("code")
        equal(code, "not_connected")


async def malformed_json_is_answered_and_the_socket_stays():
    async with user("alice") as alice:
        for text in ["not JSON", '{"type":', "[]", '{"type":"ping","ref":7}']:
            await alice.send(text)
            await hears_error(alice, "malformed")
        await stays(alice)


async def binary_is_unsupported_and_the_socket_stays():
    async with user("alice") as alice:
        await alice.send(b'{"type":"ping"}')
        await hears_error(alice, "unsupported")
        await stays(alice)


async def who_has_no_name_cannot_send():
    async with connect(URL) as ws:
        await say(ws, type="message", to="alice", payload=1, ref="1")
        await hears_error(ws, "not_registered", ref="1")
        await stays(ws)


async def sigterm_closes_every_connection():
    async with user("alice") as alice, user("bob") as bob:
        terminate()
        equal([await close_code(alice), await close_code(bob)], [1001 if TELLS_CODES else None] * 2)


@asynccontextmanager
async def user(name):
    """A connection that has registered."""
    async with connect(URL) as ws:
        await say(ws, type="register", userId=name, ref="1")
        heard = await hear(ws)
        equal(heard, {"type": "registered", "ref": "1", "userId": name, "connId": heard.get("connId")})
        yield ws


async def say(ws, **frame):
    await ws.send(json.dumps(frame))


async def hear(ws):
    return json.loads(await ws.recv())


async def hears_error(ws, code, **ref):
    heard = await hear(ws)
    equal(heard, {"type": "error", **ref, "code": code, "message": heard.get("message"), "retry": False})


async def stays(ws):
    await say(ws, type="ping", ref="still there")
    equal(await hear(ws), {"type": "pong", "ref": "still there"})


things = [
    two_users_talk,
    messages_arrive_in_the_order_in_which_they_were_sent,
    a_payload_is_carried_as_it_was_written,
    a_user_with_two_sockets_hears_on_both,
    a_message_to_nobody_is_answered_not_connected,
    who_leaves_is_not_connected_any_more,
    malformed_json_is_answered_and_the_socket_stays,
    who_has_no_name_cannot_send,
]
# A line of websocat's standard input is always a text.
if TELLS_CODES:
    things.append(binary_is_unsupported_and_the_socket_stays)
run([*things, sigterm_closes_every_connection])
