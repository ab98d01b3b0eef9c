"""python-socketio's asyncio client as a peer: `flood.py URL websocket|polling` prints one line.

Owns: measuring this process between `start` and `done`, as the other clients measure theirs.
"""

import asyncio
import json
import resource
import sys
import time

import socketio


async def main(url, transport):
    client = socketio.AsyncClient(reconnection=False)
    ended = asyncio.Event()
    finished = False
    events = 0

    @client.on("new_message")
    async def new_message(body):
        nonlocal events
        if body["message"]["chatId"] == body["chatId"]:
            events += 1

    @client.on("done")
    async def on_done(_events):
        nonlocal finished
        finished = True
        ended.set()

    @client.on("disconnect")
    async def on_disconnect(*_reason):
        ended.set()

    await client.connect(url, transports=[transport], auth={"token": "t"})
    wall, cpu = time.monotonic(), time.process_time()
    await client.emit("start")
    await ended.wait()
    if not finished:
        sys.exit(f"disconnected after {events} events")
    figures = {
        "client": "python-socketio",
        "events": events,
        "wall_s": time.monotonic() - wall,
        "cpu_s": time.process_time() - cpu,
        "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print(json.dumps(figures), flush=True)
    await client.disconnect()


asyncio.run(main(*sys.argv[1:3]))
