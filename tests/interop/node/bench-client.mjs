// The official `socket.io-client` as a peer of `benches/socketio`.
//
//   node bench-client.mjs flood URL websocket|polling   floods, prints one line
//   node bench-client.mjs acks URL ROUNDS               round trips one after the other, prints one line
//   node bench-client.mjs idle URL CONNECTIONS          prints the resident bytes that a connection adds
//
// Owns: measuring this process between `start` and `done`, as the other clients measure theirs.

import { io } from "socket.io-client";

const NAME = "socket.io-client";
const [, , mode, url, argument] = process.argv;
const modes = { flood, acks, idle };
console.log(JSON.stringify({ client: NAME, ...(await modes[mode](argument)) }));
process.exit(0);

async function flood(transport) {
  const socket = await connected([transport]);
  let events = 0;
  const start = { wall: performance.now(), cpu: process.cpuUsage() };
  const done = new Promise((resolve) => socket.on("done", resolve));
  socket.on("new_message", ({ chatId, message }) => {
    if (message.chatId === chatId) events += 1;
  });
  socket.emit("start");
  await done;
  const { user, system } = process.cpuUsage(start.cpu);
  return {
    events,
    wall_s: (performance.now() - start.wall) / 1e3,
    cpu_s: (user + system) / 1e6,
    rss_mb: process.resourceUsage().maxRSS / 1024,
  };
}

async function acks(rounds) {
  const socket = await connected(["websocket"]);
  const samples = [];
  for (let round = 0; round < Number(rounds); round += 1) {
    const start = process.hrtime.bigint();
    await socket.emitWithAck("echo", round);
    samples.push(Number(process.hrtime.bigint() - start) / 1e3);
  }
  samples.sort((a, b) => a - b);
  const at = (share) => samples[Math.floor((samples.length - 1) * share)];
  return { p50_us: at(0.5), p99_us: at(0.99) };
}

async function idle(connections) {
  const first = await connected(["websocket"]);
  await first.emitWithAck("echo", 0);
  const before = process.memoryUsage().rss;
  const sockets = [];
  for (let index = 0; index < Number(connections); index += 1) {
    const socket = await connected(["websocket"]);
    await socket.emitWithAck("echo", index);
    sockets.push(socket);
  }
  return { connections: sockets.length, rss_bytes: (process.memoryUsage().rss - before) / sockets.length };
}

function connected(transports) {
  const socket = io(url, { transports, upgrade: false, forceNew: true, auth: { token: "t" } });
  return new Promise((resolve, reject) => {
    socket.on("connect", () => resolve(socket));
    socket.on("connect_error", reject);
  });
}
