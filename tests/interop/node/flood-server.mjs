// The server of `benches/socketio`: the official `socket.io` package, flooding.
//
// Owns: three things a client may ask for, once connected with `auth: { token: "t" }`:
//   emit "start"          → `events` times "new_message", then "done" with their number
//   emit "start", paced   → the same, never more than a megabyte ahead of the client (for floods that would
//                           otherwise lie in this process's memory)
//   emit "echo" with ack  → the argument back
// The query says how many: `?events=200000`, and `&paced=1`.
// Prints `listening on http://ADDRESS:PORT` when it can serve.
//
// Never does: change an option of the package. Every "new_message" is a WebSocket message of 200 bytes.

import { createServer } from "node:http";
import { Server } from "socket.io";

const MESSAGE_BYTES = 200;
const CHUNK = 1000;
const AHEAD_BYTES = 1 << 20;

const http = createServer();
const io = new Server(http);

io.use((socket, next) => next(socket.handshake.auth?.token === "t" ? undefined : new Error("unauthorized")));

io.on("connection", (socket) => {
  const { events = "200000", paced } = socket.handshake.query;
  socket.on("echo", (value, answer) => answer(value));
  socket.on("start", () => (paced ? pacedFlood(socket, Number(events)) : flood(socket, Number(events))));
});

http.listen(0, "127.0.0.1", () => {
  console.log(`listening on http://127.0.0.1:${http.address().port}`);
});

function flood(socket, events) {
  for (let index = 0; index < events; index += 1) socket.emit("new_message", body(index));
  socket.emit("done", events);
}

/** As `flood`, a thousand at a time, and only while the client keeps up. */
function pacedFlood(socket, events) {
  let index = 0;
  const more = () => {
    if (!socket.connected) return;
    if (waitingBytes(socket.conn) < AHEAD_BYTES) {
      const end = Math.min(index + CHUNK, events);
      for (; index < end; index += 1) socket.emit("new_message", body(index));
    }
    if (index < events) setImmediate(more);
    else socket.emit("done", events);
  };
  more();
}

/** What was emitted and is not yet with the operating system. */
function waitingBytes(conn) {
  const onWebSocket = conn.transport.socket?.bufferedAmount ?? 0;
  return onWebSocket + conn.writeBuffer.length * MESSAGE_BYTES;
}

function body(index) {
  const message = {
    id: `m${String(index).padStart(9, "0")}`,
    chatId: "c1",
    senderId: "u2",
    content: "",
    createdAt: "2026-11-22T10:00:00.000Z",
  };
  const empty = `42["new_message",${JSON.stringify({ chatId: "c1", message })}]`.length;
  message.content = "x".repeat(MESSAGE_BYTES - empty);
  return { chatId: "c1", message };
}
