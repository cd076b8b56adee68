"""Talks to an echoing node by way of the package `websockets`: python echo.py ws://127.0.0.1:8080/ws PID

Prints a line for each thing that holds (✓) or does not (✗); the last thing is to end the process PID by SIGTERM.
"""

from by_package import close_code, connect
from common import PATIENCE, URL, equal, run, terminate

LIMIT = 65536


async def text_comes_back_as_text():
    async with connect(URL) as ws:
        for text in ["hello", "", "grüße, 世界, 🦀"]:
            await ws.send(text)
            equal(await ws.recv(), text)


async def binary_comes_back_as_binary():
    async with connect(URL) as ws:
        await ws.send(bytes(range(256)))
        back = await ws.recv()
        equal(type(back).__name__, "bytes")
        equal(back, bytes(range(256)))


async def a_message_in_fragments_comes_back_whole():
    async def fragments():
        yield "one, "
        # A control frame may stand between two fragments.
        await ws.ping()
        yield "two, "
        yield "three"

    async with connect(URL) as ws:
        await ws.send(fragments())
        equal(await ws.recv(), "one, two, three")


async def a_ping_is_answered_and_its_latency_known():
    async with connect(URL) as ws:
        latency = await (await ws.ping(b"are you there?"))
        assert 0 < latency < PATIENCE, f"a latency of {latency} s"
        equal(ws.latency, latency)


async def the_subprotocol_is_echoed_when_it_is_offered():
    for offered in [["router.v1"], ["other", "router.v1"]]:
        async with connect(URL, subprotocols=offered) as ws:
            equal(ws.subprotocol, "router.v1")


async def no_subprotocol_is_claimed_when_it_is_not_offered():
    for offered in [None, ["other"]]:
        async with connect(URL, subprotocols=offered) as ws:
            equal(ws.subprotocol, None)


async def permessage_deflate_is_offered_and_not_taken():
    async with connect(URL, compression="deflate") as ws:
        assert "permessage-deflate" in ws.request.headers["Sec-WebSocket-Extensions"]
        equal(ws.response.headers.get("Sec-WebSocket-Extensions"), None)


async def a_message_of_the_greatest_size_comes_back():
    async with connect(URL) as ws:
        await ws.send("x" * LIMIT)
        assert await ws.recv() == "x" * LIMIT, "what came back is something else"


async def one_byte_more_is_answered_with_1009():
    async with connect(URL) as ws:
        await ws.send("x" * (LIMIT + 1))
        equal(await close_code(ws), 1009)


async def so_is_one_byte_more_in_fragments():
    async def fragments():
        yield "x" * LIMIT
        yield "x"

    async with connect(URL) as ws:
        await ws.send(fragments())
        equal(await close_code(ws), 1009)


async def a_close_is_answered_with_its_own_code():
    async with connect(URL) as ws:
        await ws.close(4001, "bye")
        equal(ws.protocol.close_rcvd and ws.protocol.close_rcvd.code, 4001)


async def sigterm_says_1001_to_everybody():
    async with connect(URL) as one, connect(URL) as other:
        terminate()
        equal([await close_code(one), await close_code(other)], [1001, 1001])


run([
    text_comes_back_as_text,
    binary_comes_back_as_binary,
    a_message_in_fragments_comes_back_whole,
    a_ping_is_answered_and_its_latency_known,
    the_subprotocol_is_echoed_when_it_is_offered,
    no_subprotocol_is_claimed_when_it_is_not_offered,
    permessage_deflate_is_offered_and_not_taken,
    a_message_of_the_greatest_size_comes_back,
    one_byte_more_is_answered_with_1009,
    so_is_one_byte_more_in_fragments,
    a_close_is_answered_with_its_own_code,
    sigterm_says_1001_to_everybody,
])
