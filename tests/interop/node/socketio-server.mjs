// The server of the Socket.IO client's tests: the official `socket.io` package, unmodified, doing on request
// whatever a test wants to see of a server.
//
// Owns: the options, as JSON in the first argument:
//   { "port": 0, "deny": "websocket" | "polling", "cookies": ["a=b; Path=/"],
//     "options": { ...options of the package's Server... } }
// the namespaces
//   "/"         everything below; refuses the query `?fail=…` and the auth { "refuse": message, "data"?: … }
//   "/handshake"  tells its handshake at once, as "handshake"
//   "/closed"   refuses everyone, with data
//   any other   as "/"
// and, in each, the events that `serve` answers.
// Prints `listening on http://ADDRESS:PORT` when it can serve.
//
// Never does: touch what the package writes or reads.

import { createServer } from "node:http";
import { Server } from "socket.io";

const { port = 0, deny, cookies, options = {} } = JSON.parse(process.argv[2] ?? "{}");

const http = createServer();
const io = new Server(http, {
  allowRequest: (request, decide) => {
    const { searchParams } = new URL(request.url, "http://localhost");
    decide(null, searchParams.get("transport") !== deny);
  },
  ...options,
});

// Every Engine.IO session that ever was: { sid, packets: ["2probe", "40", …], headers, transport }.
const sessions = [];

io.engine.on("connection", (conn) => {
  const { headers, url } = conn.request;
  const session = { sid: conn.id, packets: [], headers, url, transport: conn.transport.name };
  sessions.push(session);
  conn.on("packet", ({ type, data }) => {
    if (type === "message") session.packets.push(Buffer.isBuffer(data) ? `<${data.length} bytes>` : data);
  });
});
io.engine.use((request, _response, next) => {
  // `allowRequest` is not asked about the WebSocket of a session that began over polling.
  const { searchParams } = new URL(request.url, "http://localhost");
  const denied = searchParams.has("sid") && searchParams.get("transport") === deny;
  next(denied ? new Error("denied") : undefined);
});
if (cookies) {
  io.engine.on("initial_headers", (headers) => {
    headers["set-cookie"] = cookies;
  });
}

io.use((socket, next) => {
  const { refuse, data } = socket.handshake.auth ?? {};
  if (socket.handshake.query.fail) next(new Error("the query says so"));
  else if (refuse) next(Object.assign(new Error(refuse), { data }));
  else next();
});
io.of("/closed").use((socket, next) => next(Object.assign(new Error("closed to all"), { data: { code: 7 } })));
io.of("/handshake").on("connection", (socket) => socket.emit("handshake", handshake(socket)));
io.on("connection", serve);
io.of(/^\/(?!closed$|handshake$)/).on("connection", serve);

http.listen(port, "127.0.0.1", () => {
  console.log(`listening on http://127.0.0.1:${http.address().port}`);
});

function serve(socket) {
  const { conn } = socket;

  // Answers.
  socket.on("echo", (...args) => args.pop()(...args));
  socket.on("id", (answer) => answer(socket.id));
  socket.on("handshake", (answer) => answer(handshake(socket)));
  socket.on("transport", (answer) => answer(conn.transport.name));
  socket.on("kinds", (...args) => args.pop()(args.map(kind)));
  socket.on("date", (answer) => answer(new Date(0), { date: new Date(0) }));
  socket.on("count", (answer) => answer(sessions.length, io.engine.clientsCount));
  socket.on("session", (answer) => answer(sessions.find(({ sid }) => sid === conn.id)));
  socket.on("sessions", (answer) => answer(sessions));
  socket.on("twice", (answer) => {
    answer(1);
    // The package answers once; a server that answers twice would say this.
    conn.write("30[2]");
  });

  // What is asked for is said.
  socket.on("say", (name, ...args) => socket.emit(name, ...args));
  socket.on("say many", (count) => {
    for (let index = 0; index < count; index += 1) socket.emit("number", index);
  });
  socket.on("ask", (...args) => socket.emit("question", ...args, (...answer) => socket.emit("answered", ...answer)));
  socket.on("ask in vain", () => {
    socket.timeout(50).emit("question", (error) => socket.emit("unanswered", error !== null));
  });
  let attempts = 0;
  socket.on("third time", (answer) => {
    attempts += 1;
    if (attempts === 3) answer(attempts);
  });

  // Ends.
  socket.on("leave me", () => socket.disconnect());
  socket.on("close", () => socket.disconnect(true));
  socket.on("close session", () => conn.close());
  socket.on("cut", () => cut(conn));
  socket.on("miss", (count) => {
    socket.once("disconnect", () => {
      for (let index = 0; index < count; index += 1) socket.nsp.to(socket.id).emit("missed", index);
    });
    cut(conn);
  });

  // What no server of this package says.
  socket.on("raw", (text) => conn.write(text));
}

/** Ends the connection under the session with no word. */
function cut(conn) {
  const { transport } = conn;
  const connection = transport.name === "websocket" ? transport.socket._socket : transport.req?.socket;
  if (connection) connection.destroy();
  else conn.close(true);
}

function handshake({ handshake: { query, auth, headers } }) {
  return { query, auth, headers };
}

/** What a value has become on its way, deep. */
function kind(value) {
  if (Buffer.isBuffer(value)) return { bytes: [...value] };
  if (Array.isArray(value)) return value.map(kind);
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, kind(inner)]));
  }
  return value;
}
