"""Connections by way of the package `websockets`."""

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

__all__ = ["TELLS_CODES", "close_code", "connect"]

TELLS_CODES = True


async def close_code(ws):
    """The code that the node sent; None if it went without a word."""
    try:
        got = await ws.recv()
        raise AssertionError(f"instead of a close: a message of {len(got)} characters")
    except ConnectionClosed as closed:
        return closed.rcvd and closed.rcvd.code
