"""Connections by way of websocat: a process for each, a line of its standard streams for each message."""

import asyncio
import sys
from contextlib import asynccontextmanager

TELLS_CODES = False


@asynccontextmanager
async def connect(url):
    pipe = asyncio.subprocess.PIPE
    # Without the option it would live on when the node has closed, until its standard input ends.
    process = await asyncio.create_subprocess_exec(sys.argv[3], "--exit-on-eof", url, stdin=pipe, stdout=pipe)
    ws = Websocat(process)
    try:
        yield ws
        await ws.close()
    finally:
        if process.returncode is None:
            process.kill()


class Websocat:
    """One process, with the methods of a connection of the package's."""

    def __init__(self, process):
        self.process = process

    async def send(self, text):
        self.process.stdin.write(f"{text}\n".encode())
        await self.process.stdin.drain()

    async def recv(self):
        line = await self.process.stdout.readline()
        assert line, "websocat ended"
        return line.decode().removesuffix("\n")

    async def close(self):
        """As Ctrl-D does: websocat says goodbye and ends."""
        self.process.stdin.close()
        await self.process.wait()


async def close_code(ws):
    """None once the connection has ended: websocat does not tell with which code."""
    got = await ws.process.stdout.read()
    status = await ws.process.wait()
    assert not got and status == 0, f"instead of a close: {got!r}, status {status}"
