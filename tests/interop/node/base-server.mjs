// A server of contract level Base, written with the official `socket.io` package: what the app must be fully
// usable against, with no word of Khaya's own server in it.
//
// Owns: a team in memory, given as JSON in the first argument:
//   { "users": [{ "username", "password", "name", "role" }],
//     "chats": [{ "kind", "name", "members": [username], "messages": [{ "from", "content" }] }],
//     "transports": ["polling", "websocket"], "port": 0 }
// Prints `listening on http://ADDRESS:PORT` when it can serve.
//
// Never does: anything of level Full. No refresh, acks, sync, echo of `clientId`, discovery.

import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";
import { Server } from "socket.io";

const config = JSON.parse(process.argv[2] ?? "{}");
const TOKEN_SECONDS = 3600;
const key = randomBytes(32);

const users = (config.users ?? []).map((user, index) => ({ id: `u${index + 1}`, role: "member", ...user }));
const userBy = (field, value) => users.find((user) => user[field] === value);
const chats = [];

let lastTime = 0;
let messageCount = 0;

for (const [index, { kind = "group", name = "", members, messages = [] }] of (config.chats ?? []).entries()) {
  const chat = {
    id: `c${index + 1}`,
    kind,
    name,
    members: members.map((username) => userBy("username", username)),
    messages: [],
    seen: new Map(),
    createdAt: now(),
  };
  chats.push(chat);
  for (const { from, content } of messages) store(chat, userBy("username", from), { content });
}

const http = createServer(serve);
const io = new Server(http, { transports: config.transports ?? ["polling", "websocket"] });

io.use((socket, next) => {
  const user = verify(socket.handshake.auth?.token);
  if (user instanceof Failure) {
    const error = new Error("unauthorized");
    error.data = { code: user.code };
    next(error);
  } else {
    socket.data.user = user;
    next();
  }
});

io.on("connection", (socket) => {
  const { user } = socket.data;
  socket.on("join_chat", (body) => {
    const chat = chatFor(user, body?.chatId);
    if (chat) socket.join(chat.id);
  });
  socket.on("leave_chat", (body) => socket.leave(String(body?.chatId)));
  socket.on("user_typing", (body) => {
    const chat = chatFor(user, body?.chatId);
    if (!chat || body.userId !== user.id) return;
    // Whatever is said is taken as typing: a Base server may know no other.
    socket.to(chat.id).emit("user_typing", { chatId: chat.id, userId: user.id, isTyping: true });
  });
});

http.listen(config.port ?? 0, "127.0.0.1", () => {
  console.log(`listening on http://127.0.0.1:${http.address().port}`);
});

/** What is thrown to refuse a call. */
class Failure extends Error {
  constructor(status, code, detail) {
    super(detail);
    this.status = status;
    this.code = code;
  }
}

async function serve(request, response) {
  try {
    const { pathname, searchParams } = new URL(request.url, "http://localhost");
    const { status = 200, body } = await answer(request, pathname, searchParams);
    response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
  } catch (error) {
    const { status, code } = error instanceof Failure ? error : { status: 500, code: "unavailable" };
    const problem = { type: "about:blank", title: code, status, detail: error.message, code };
    response.writeHead(status, { "Content-Type": "application/problem+json" }).end(JSON.stringify(problem));
  }
}

async function answer(request, path, query) {
  const call = `${request.method} ${path}`;
  if (call === "POST /auth/login") return login(await json(request));

  const [, chatId, rest = ""] = /^\/chat\/([^/]+)(\/.*)?$/.exec(path) ?? [];
  const known = path === "/auth/me" || path === "/chat" || chatId;
  if (!known) throw new Failure(404, "not_found", "no such route");

  const user = verify(/^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1]);
  if (user instanceof Failure) throw user;

  if (call === "GET /auth/me") return { body: publicUser(user) };
  if (call === "GET /chat") return { body: chatPage(user, query) };

  const chat = chatFor(user, chatId);
  if (!chat) throw new Failure(404, "not_found", "no such chat");
  switch (`${request.method} ${rest}`) {
    case "GET ":
      return { body: chatAs(user, chat) };
    case "POST /join":
      chat.seen.set(user.id, chat.messages.length);
      return { body: chatAs(user, chat) };
    case "GET /messages":
      return { body: messagePage(user, chat, query) };
    case "POST /messages":
      return { status: 201, body: await send(user, chat, await json(request)) };
    default:
      throw new Failure(404, "not_found", "no such route");
  }
}

function login({ username, password }) {
  const user = userBy("username", username);
  if (!user || user.password !== password) {
    throw new Failure(401, "invalid_credentials", "the username or the password is wrong");
  }
  return { body: { token: sign(user), user: publicUser(user) } };
}

function chatPage(user, query) {
  const limit = Math.min(Number(query.get("limit") ?? 50), 100);
  const start = Number(query.get("cursor") ?? 0);
  const mine = chats
    .filter((chat) => chat.members.includes(user))
    .map((chat) => chatAs(user, chat))
    .sort((a, b) => (a.updatedAt < b.updatedAt ? 1 : -1));
  const next = start + limit;
  return { items: mine.slice(start, next), nextCursor: next < mine.length ? String(next) : null };
}

function messagePage(user, chat, query) {
  const limit = Math.min(Number(query.get("limit") ?? 50), 100);
  const visible = chat.messages.filter((message) => isVisible(user, message));
  const place = (id) => {
    const index = visible.findIndex((message) => message.id === id);
    if (index < 0) throw new Failure(404, "not_found", "no such message");
    return index;
  };
  if (query.has("after")) {
    const start = place(query.get("after")) + 1;
    const items = visible.slice(start, start + limit);
    const more = start + limit < visible.length;
    return { items, nextCursor: more ? items.at(-1).id : null };
  }
  const end = query.has("before") ? place(query.get("before")) : visible.length;
  const items = visible.slice(Math.max(0, end - limit), end);
  return { items, nextCursor: end > limit ? items[0].id : null };
}

async function send(user, chat, body) {
  if (typeof body.content !== "string" || body.content === "") {
    throw new Failure(422, "invalid_request", "content is missing");
  }
  const message = store(chat, user, body);
  for (const socket of await io.in(chat.id).fetchSockets()) {
    const reader = socket.data.user;
    if (!isVisible(reader, message)) continue;
    chat.seen.set(reader.id, chat.messages.length);
    socket.emit("new_message", { chatId: chat.id, message });
  }
  return message;
}

function store(chat, user, { content, visibleTo, visibleToRoles }) {
  messageCount += 1;
  const message = { id: `m${messageCount}`, chatId: chat.id, senderId: user.id, content, createdAt: now() };
  if (visibleTo?.length) message.visibleTo = visibleTo;
  if (visibleToRoles?.length) message.visibleToRoles = visibleToRoles;
  chat.messages.push(message);
  return message;
}

function isVisible(user, { senderId, visibleTo, visibleToRoles }) {
  if (!visibleTo && !visibleToRoles) return true;
  return senderId === user.id || visibleTo?.includes(user.id) || visibleToRoles?.includes(user.role) || false;
}

function chatFor(user, id) {
  return chats.find((chat) => chat.id === id && chat.members.includes(user));
}

function chatAs(user, chat) {
  const visible = chat.messages.filter((message) => isVisible(user, message));
  const unseen = chat.messages.slice(chat.seen.get(user.id) ?? 0);
  const other = chat.members.find((member) => member !== user);
  return {
    id: chat.id,
    kind: chat.kind,
    name: chat.kind === "direct" ? other.name : chat.name,
    members: chat.members.map(publicUser),
    lastMessage: visible.at(-1) ?? null,
    unreadCount: unseen.filter((message) => message.senderId !== user.id && isVisible(user, message)).length,
    updatedAt: visible.at(-1)?.createdAt ?? chat.createdAt,
  };
}

function publicUser({ id, username, name, role }) {
  return { id, username, name, role };
}

/** A time that is greater than every one before, in milliseconds as the contract writes them. */
function now() {
  lastTime = Math.max(Date.now(), lastTime + 1);
  return new Date(lastTime).toISOString();
}

function sign(user) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const exp = Math.floor(Date.now() / 1000) + TOKEN_SECONDS;
  const body = `${part({ alg: "HS256", typ: "JWT" })}.${part({ sub: user.id, exp })}`;
  return `${body}.${createHmac("sha256", key).update(body).digest("base64url")}`;
}

/** The user whom a token is of, or why it is refused. */
function verify(token) {
  const refused = (code) => new Failure(401, code, "sign in again");
  const parts = String(token ?? "").split(".");
  if (parts.length !== 3) return refused("unauthorized");
  const expected = createHmac("sha256", key).update(`${parts[0]}.${parts[1]}`).digest();
  const given = Buffer.from(parts[2], "base64url");
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return refused("unauthorized");
  const { sub, exp } = JSON.parse(Buffer.from(parts[1], "base64url"));
  if (exp * 1000 <= Date.now()) return refused("token_expired");
  return userBy("id", sub) ?? refused("unauthorized");
}

async function json(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  try {
    return JSON.parse(Buffer.concat(chunks));
  } catch {
    throw new Failure(422, "invalid_request", "the body is not JSON");
  }
}
