// The official `socket.io-client`, driven from outside line by line.
//
// Reads one JSON command a line from standard input and writes one JSON event a line to standard output.
//   { "do": "connect", "url", "auth"?, "query"?, "transports"?, "headers"? }
//   { "do": "emit", "event", "data", "ack"?: number }     the ack is told as { "told": "ack", "ack", "data" }
//   { "do": "disconnect" }
// Events: { "told": "connect", "transport" } · "upgrade" · "connect_error" { message, data } ·
//   "event" { name, args } · "disconnect" { reason } · "ack"
//
// Never does: reconnect by itself. A test that wants it asks for it.

import { createInterface } from "node:readline";
import { io } from "socket.io-client";

let socket;

// Who listens may go before the end of the input: then it is still to disconnect.
process.stdout.on("error", () => {});

for await (const line of createInterface({ input: process.stdin })) {
  const { do: action, ...options } = JSON.parse(line);
  switch (action) {
    case "connect":
      connect(options);
      break;
    case "emit":
      emit(options);
      break;
    case "disconnect":
      socket.disconnect();
      break;
    default:
      throw new Error(`no such command: ${action}`);
  }
}
socket?.disconnect();

function connect({ url, headers, ...options }) {
  socket?.disconnect();
  if (headers) options.extraHeaders = headers;
  socket = io(url, { ...options, forceNew: true, reconnection: false });
  socket.on("connect", () => {
    const { engine } = socket.io;
    engine.once("upgrade", ({ name }) => tell("upgrade", { transport: name }));
    tell("connect", { transport: engine.transport.name, id: socket.id });
  });
  socket.on("connect_error", ({ message, data, context, description }) => {
    // `data` is what the server said in CONNECT_ERROR; the rest tells of a transport that failed.
    const status = context?.status ?? (typeof description === "number" ? description : undefined);
    tell("connect_error", { message, data, status });
  });
  socket.on("disconnect", (reason) => tell("disconnect", { reason }));
  socket.onAny((name, ...args) => tell("event", { name, args }));
}

function emit({ event, data, ack }) {
  if (ack === undefined) socket.emit(event, data);
  else socket.emit(event, data, (answer) => tell("ack", { ack, data: answer }));
}

function tell(told, rest = {}) {
  process.stdout.write(`${JSON.stringify({ told, ...rest })}\n`);
}
