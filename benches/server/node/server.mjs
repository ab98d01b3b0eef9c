// The wire contract as a practised Node developer would write it: socket.io, better-sqlite3, statements prepared
// once, WAL, synchronous=FULL, and all sends that wait stored in one transaction. Only what the measurements ask for.
//
// DATABASE and SECRET come from the environment. Prints `listening on http://ADDRESS:PORT`.

import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";
import Database from "better-sqlite3";
import { Server } from "socket.io";

const db = new Database(process.env.DATABASE);
db.pragma("journal_mode = WAL");
db.pragma("synchronous = FULL");
db.pragma("foreign_keys = ON");

const find = {
  session: db.prepare(
    "SELECT u.id, u.role FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.id = ? AND s.user_id = ? AND s.revoked_at IS NULL",
  ),
  members: db.prepare("SELECT user_id FROM members WHERE chat_id = ?").pluck(),
  member: db.prepare("SELECT 1 FROM members WHERE chat_id = ? AND user_id = ?").pluck(),
  chats: db.prepare("SELECT chat_id FROM members WHERE user_id = ?").pluck(),
  sent: db.prepare("SELECT * FROM messages WHERE sender_id = ? AND client_id = ?"),
  missed: db.prepare(
    "SELECT e.pos, e.chat_id, e.seq, m.id, m.sender_id, m.content, m.created_at FROM members mine JOIN events e ON e.chat_id = mine.chat_id JOIN messages m ON m.id = e.message_id WHERE mine.user_id = ? AND e.pos > ? ORDER BY e.pos LIMIT ?",
  ),
  now: db.prepare("SELECT COALESCE(MAX(pos), 0) FROM events").pluck(),
};
const change = {
  chat: db.prepare(
    "UPDATE chats SET seq = seq + 1, last_at = MAX(last_at + 1, ?) WHERE id = ? RETURNING seq, last_at",
  ),
  message: db.prepare(
    "INSERT INTO messages (id, chat_id, sender_id, content, created_at, client_id, fingerprint) VALUES (?, ?, ?, ?, ?, ?, ?)",
  ),
  words: db.prepare("INSERT INTO search (rowid, words) VALUES (?, ?)"),
  event: db.prepare("INSERT INTO events (chat_id, seq, kind, message_id, at) VALUES (?, ?, 'new_message', ?, ?)"),
};

// Tokens: HS256, checked in full every time, and the session with it.

const secret = process.env.SECRET;

function check(token) {
  const [head, body, signature] = String(token).split(".");
  if (signature === undefined) return null;
  const expected = createHmac("sha256", secret).update(`${head}.${body}`).digest();
  const given = Buffer.from(signature, "base64url");
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return null;
  const { alg, typ } = JSON.parse(Buffer.from(head, "base64url"));
  const { iss, aud, sub, sid, exp } = JSON.parse(Buffer.from(body, "base64url"));
  const good =
    alg === "HS256" && typ === "at+jwt" && iss === "khaya-server" && aud === "khaya" && exp * 1000 > Date.now();
  return good ? (find.session.get(sid, sub) ?? null) : null;
}

// Sends: whatever has come when the event loop turns is stored in one transaction.

let waiting = [];

function send(user, chat, asked, answer) {
  waiting.push({ user, chat, asked, answer });
  if (waiting.length === 1) setImmediate(storeAll);
}

const store = db.transaction((sends) => sends.map(storeOne));

function storeAll() {
  const sends = waiting;
  waiting = [];
  const done = store(sends);
  for (let at = 0; at < sends.length; at++) {
    const { status, message, seq } = done[at];
    if (status === 201) tell(sends[at].user, message, seq);
    sends[at].answer(status, message);
  }
}

function storeOne({ user, chat, asked }) {
  if (!find.member.get(chat, user)) return { status: 404, message: problem(404, "not_found") };
  const fingerprint = createHash("sha256").update(JSON.stringify([chat, asked.content])).digest("hex");
  if (asked.clientId) {
    const known = find.sent.get(user, asked.clientId);
    if (known) {
      return known.fingerprint === fingerprint
        ? { status: 200, message: shown(known) }
        : { status: 409, message: problem(409, "conflict") };
    }
  }
  const now = Date.now();
  const { seq, last_at: createdAt } = change.chat.get(now, chat);
  const id = randomBytes(16).toString("base64url");
  const { lastInsertRowid } = change.message.run(
    id,
    chat,
    user,
    asked.content,
    createdAt,
    asked.clientId ?? null,
    fingerprint,
  );
  change.words.run(lastInsertRowid, asked.content);
  change.event.run(chat, seq, id, now);
  const row = { id, chat_id: chat, sender_id: user, content: asked.content, created_at: createdAt };
  const message = shown(row);
  if (asked.clientId) message.clientId = asked.clientId;
  return { status: 201, message, seq };
}

function shown(row) {
  return {
    id: row.id,
    chatId: row.chat_id,
    senderId: row.sender_id,
    content: row.content,
    createdAt: new Date(row.created_at).toISOString(),
  };
}

function tell(sender, message, seq) {
  const { clientId, ...forOthers } = message;
  const event = (message) => ({ chatId: message.chatId, message, scope: "chat", seq });
  io.to(`chat:${message.chatId}`).except(`user:${sender}`).emit("new_message", event(forOthers));
  io.to(`user:${sender}`).emit("new_message", event(message));
}

// REST.

function problem(status, code) {
  return { type: "about:blank", title: code, status, code };
}

const http = createServer((request, response) => {
  const answer = (status, body) => {
    const text = Buffer.from(JSON.stringify(body));
    const type = status < 400 ? "application/json" : "application/problem+json";
    response.writeHead(status, { "Content-Type": type, "Content-Length": text.length });
    response.end(text);
  };
  const url = new URL(request.url, "http://localhost");
  const token = request.headers.authorization?.replace(/^Bearer /i, "");
  const caller = token ? check(token) : null;
  if (!caller) return answer(401, problem(401, "unauthorized"));
  const [, chat] = url.pathname.match(/^\/chat\/([\w-]{1,64})\/messages$/) ?? [];
  if (chat && request.method === "POST") {
    const parts = [];
    request.on("data", (part) => parts.push(part));
    request.on("end", () => {
      let asked;
      try {
        asked = JSON.parse(Buffer.concat(parts));
      } catch {
        return answer(422, problem(422, "invalid_request"));
      }
      if (typeof asked.content !== "string" || asked.content.trim() === "" || asked.content.length > 16384) {
        return answer(422, problem(422, "invalid_request"));
      }
      send(caller.id, chat, asked, answer);
    });
    return;
  }
  if (url.pathname === "/sync") {
    const limit = Number(url.searchParams.get("limit") ?? 50);
    const since = url.searchParams.get("since");
    if (since === null) return answer(200, { events: [], next: String(find.now.get()), hasMore: false });
    const rows = find.missed.all(caller.id, Number(since), limit + 1);
    const events = rows.slice(0, limit).map((row) => ({
      event: "new_message",
      data: { chatId: row.chat_id, message: shown(row), scope: "chat", seq: row.seq },
    }));
    const hasMore = rows.length > limit;
    const next = hasMore ? String(rows[limit - 1].pos) : String(find.now.get());
    return answer(200, { events, next, hasMore });
  }
  answer(404, problem(404, "not_found"));
});

// Sockets.

const io = new Server(http, { transports: ["polling", "websocket"], serveClient: false, maxHttpBufferSize: 65536 });

io.use((socket, next) => {
  const caller = check(socket.handshake.auth?.token);
  if (!caller) return next(Object.assign(new Error("unauthorized"), { data: { code: "unauthorized" } }));
  socket.data.user = caller.id;
  next();
});

// Who is said to be there: somebody who comes back within three seconds never went.
const here = new Map();

io.on("connection", (socket) => {
  const user = socket.data.user;
  const chats = find.chats.all(user).map((chat) => `chat:${chat}`);
  socket.join([`user:${user}`, ...chats]);
  const count = here.get(user);
  here.set(user, (count ?? 0) + 1);
  if (count === undefined && chats.length > 0) {
    io.to(chats).except(`user:${user}`).volatile.emit("presence", { userId: user, status: "online" });
  }
  socket.on("join_chat", ({ chatId }, ack) => {
    const ok = Boolean(find.member.get(chatId, user));
    if (ok) socket.join(`open:${chatId}`);
    ack?.(ok ? { ok } : { ok, error: { code: "not_found", message: "not found" } });
  });
  socket.on("leave_chat", ({ chatId }, ack) => {
    socket.leave(`open:${chatId}`);
    ack?.({ ok: true });
  });
  socket.on("disconnect", () => {
    here.set(user, here.get(user) - 1);
    setTimeout(() => {
      if (here.get(user) !== 0) return;
      here.delete(user);
      const gone = { userId: user, status: "offline", lastSeen: new Date().toISOString() };
      io.to(chats).volatile.emit("presence", gone);
    }, 3000);
  });
});

http.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, () => {
  console.log(`listening on http://127.0.0.1:${http.address().port}`);
});
