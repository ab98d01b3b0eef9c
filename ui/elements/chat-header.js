/**
 * The name of the open chat, and who is in it. A `details` event asks for more, a `find` event for a
 * search in it.
 *
 * @typedef {import("../types").View} View
 * @typedef {import("../types").OpenChat} OpenChat
 */

import { showAvatar } from "../avatar.js";
import { wish } from "../ipc.js";
import { instantiate, part, setText } from "../template.js";
import { nameList, presenceText, t } from "../words.js";

export class ChatHeader extends HTMLElement {
  #root = instantiate("chat-header");

  connectedCallback() {
    this.append(this.#root);
    part(this.#root, "back").addEventListener("click", () => wish({ type: "closeChat" }));
    part(this.#root, "find").addEventListener("click", () => this.dispatchEvent(new CustomEvent("find")));
    part(this.#root, "details").addEventListener("click", () => this.dispatchEvent(new CustomEvent("details")));
  }

  /** @param {View} view */
  render({ open, session, chats }) {
    if (!open) return;
    const me = session.state === "signedIn" ? session.me.id : "";
    setText(part(this.#root, "name"), open.name);
    setText(part(this.#root, "subtitle"), subtitle(open, me));
    const chat = chats.find(({ id }) => id === open.id);
    showAvatar(part(this.#root, "avatar"), chat?.person ?? open.id, open.name, chat?.avatar);
  }
}

/**
 * @param {OpenChat} open
 * @param {string} me
 */
function subtitle(open, me) {
  if (open.topic) return open.topic;
  if (open.kind === "direct") {
    const other = open.members.find((member) => member.id !== me);
    if (!other) return "";
    const username = t("chat.direct", { username: other.username });
    return other.presence ? t("chat.presence", { username, presence: presenceText(other.presence) }) : username;
  }
  const names = open.members.map((member) => member.name);
  return t("chat.members", { count: names.length, names: nameList(names) });
}
