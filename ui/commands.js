/**
 * What a line that begins with a slash does. A slash with a word that is none of these is text like any other: a
 * path, say.
 *
 * @typedef {import("./types").OpenChat} OpenChat
 * @typedef {import("./types").Intent} Intent
 * @typedef {{ text: string } | { intent: Intent }} Outcome a message to be sent, or something to be done
 */

/** Markdown would read its lines as marks. */
const SHRUG = "¯\\\\\\_(ツ)\\_/¯";

/** @type {Map<string, { isThere(chat: OpenChat): boolean, run(rest: string, chat: OpenChat, me: string): Outcome }>} */
const COMMANDS = new Map([
  ["me", { isThere: always, run: (rest, _chat, me) => ({ text: `_${me} ${rest}_` }) }],
  ["shrug", { isThere: always, run: (rest) => ({ text: `${rest} ${SHRUG}`.trim() }) }],
  [
    "topic",
    {
      isThere: ({ may }) => may.describe,
      run: (topic, { id }) => ({ intent: { type: "describeChat", chatId: id, topic } }),
    },
  ],
  [
    "mute",
    {
      isThere: ({ may }) => may.prefer,
      run: (_rest, { id, muted }) => ({ intent: { type: "muteChat", chatId: id, muted: !muted } }),
    },
  ],
]);

/** @param {OpenChat} chat @returns {string[]} the commands that there are in it */
export function commandsFor(chat) {
  return [...COMMANDS].filter(([, { isThere }]) => isThere(chat)).map(([name]) => name);
}

/**
 * @param {string} text as it was typed
 * @param {OpenChat} chat
 * @param {string} me the person's name
 * @returns {Outcome}
 */
export function outcomeOf(text, chat, me) {
  const [, name = "", rest = ""] = /^\/(\w+)(?:\s+([\s\S]*))?$/u.exec(text) ?? [];
  const command = COMMANDS.get(name.toLowerCase());
  if (!command?.isThere(chat) || (name === "me" && rest === "")) return { text };
  return command.run(rest.trim(), chat, me);
}

function always() {
  return true;
}
