"""What the scripts beside this one share: the arguments, how things are compared, and what is said about them."""

import asyncio
import os
import signal
import sys

PATIENCE = 5
URL, PID = sys.argv[1], int(sys.argv[2])


def equal(got, expected):
    assert got == expected, f"expected {expected!r}, got {got!r}"


def terminate():
    """Asks the node to stop."""
    os.kill(PID, signal.SIGTERM)


def run(things):
    """Tries each thing, says whether it holds, and ends this process."""
    # A terminal's encoding may not know ✓.
    sys.stdout.reconfigure(encoding="utf-8")
    sys.exit(asyncio.run(failures(things)))


async def failures(things):
    failed = False
    for thing in things:
        name = thing.__name__.replace("_", " ")
        try:
            await asyncio.wait_for(thing(), PATIENCE)
            print(f"✓ {name}", flush=True)
        except AssertionError as error:
            failed = True
            print(f"✗ {name}: {error}", flush=True)
        # asyncio's own before Python 3.11.
        except asyncio.TimeoutError:
            failed = True
            print(f"✗ {name}: not within {PATIENCE} s", flush=True)
        except Exception as error:
            failed = True
            print(f"✗ {name}: {type(error).__name__} {error}", flush=True)
    return 1 if failed else 0
