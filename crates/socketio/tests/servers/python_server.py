"""python-socketio as a server of the client's tests, by asyncio and aiohttp.

Owns: the namespaces `/` and `/foo`, and in each the events `echo`, `say`, `ask` and `leave me`, as the Node
server beside it in `tests/interop/node/socketio-server.mjs` answers them. `/` refuses `auth: {"refuse": …}`.
Prints `listening on http://ADDRESS:PORT` when it can serve.
"""

import asyncio

import socketio
from aiohttp import web

server = socketio.AsyncServer(async_mode="aiohttp")


def serve(namespace):
    @server.on("connect", namespace=namespace)
    async def connect(_sid, _environ, auth):
        if (auth or {}).get("refuse"):
            raise socketio.exceptions.ConnectionRefusedError(auth["refuse"])

    @server.on("echo", namespace=namespace)
    async def echo(_sid, *arguments):
        return arguments

    @server.on("say", namespace=namespace)
    async def say(sid, name, *arguments):
        await server.emit(name, arguments, to=sid, namespace=namespace)

    @server.on("ask", namespace=namespace)
    async def ask(sid, *arguments):
        async def answered(*answer):
            await server.emit("answered", answer, to=sid, namespace=namespace)

        await server.emit("question", arguments, to=sid, namespace=namespace, callback=answered)

    @server.on("leave me", namespace=namespace)
    async def leave(sid):
        await server.disconnect(sid, namespace=namespace)


async def main():
    application = web.Application()
    server.attach(application)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]
    print(f"listening on http://127.0.0.1:{port}", flush=True)
    await asyncio.Event().wait()


for name in ("/", "/foo"):
    serve(name)
asyncio.run(main())
