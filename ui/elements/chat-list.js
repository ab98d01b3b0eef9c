/**
 * The chats, latest activity first: one tab stop, arrows within. Filters by name; opens what is chosen.
 *
 * @typedef {import("../types").View} View
 * @typedef {import("../types").ChatRow} ChatRow
 */

import { showAvatar, showPresence } from "../avatar.js";
import { wish } from "../ipc.js";
import { KeyedList } from "../keyed-list.js";
import { RovingFocus } from "../roving-focus.js";
import { instantiate, part, setAttribute, setText } from "../template.js";
import { folded, fullTime, listOf, shortTime, t, typingText } from "../words.js";

/** How often it is checked whether it is tomorrow, and "Yesterday" another day. */
const DAY_CHECKED_EVERY = 60_000;

export class ChatList extends HTMLElement {
  #list = document.createElement("ul");
  #note = document.createElement("p");
  /** @type {View | null} */
  #view = null;
  #query = "";
  #typed = "";
  /** @type {HTMLElement | null | undefined} */
  #current = null;
  #day = new Date().getDate();
  #rows = new KeyedList(
    this.#list,
    (/** @type {ChatRow} */ chat) => chat.id,
    (chat) => createRow(chat.id),
  );
  #focus = new RovingFocus(this.#list, () => [...this.#list.querySelectorAll("button")]);

  connectedCallback() {
    this.#list.className = "chat-rows";
    this.#list.setAttribute("role", "list");
    this.#list.setAttribute("aria-label", t("chats.list"));
    this.#note.className = "chats-note";
    this.#note.setAttribute("aria-live", "polite");
    this.append(this.#list, this.#note);
    this.#list.addEventListener("click", (event) => {
      const row = event.target instanceof Element ? event.target.closest("li") : null;
      if (row?.dataset.chat) this.#open(row.dataset.chat);
    });
    setInterval(() => this.#onMinute(), DAY_CHECKED_EVERY);
  }

  /** @param {View} view */
  render(view) {
    this.#view = view;
    this.#fill(Object.is);
  }

  /** @param {string} query */
  filter(query) {
    this.#typed = query.trim();
    this.#query = folded(this.#typed);
    this.#fill(Object.is);
  }

  /** @returns {boolean} whether there is one */
  focusFirst() {
    this.#focus.first();
    return this.#matches().length > 0;
  }

  /** @returns {boolean} whether there is one */
  openFirst() {
    const first = this.#matches()[0];
    if (first) this.#open(first.id);
    return first !== undefined;
  }

  /** @param {1 | -1} direction opens the chat below or above the one that is open */
  step(direction) {
    const chats = this.#matches();
    const at = chats.findIndex((chat) => chat.id === this.#view?.open?.id);
    const next = at < 0 ? chats[0] : chats[at + direction];
    if (next) this.#open(next.id);
  }

  #onMinute() {
    const day = new Date().getDate();
    if (day === this.#day) return;
    this.#day = day;
    this.#fill(() => false);
  }

  /** @param {(before: ChatRow, after: ChatRow) => boolean} isSame */
  #fill(isSame) {
    if (!this.#view) return;
    const chats = this.#matches();
    this.#rows.show(chats, fillRow, isSame);
    const open = this.#view.open ? this.#rows.get(this.#view.open.id)?.querySelector("button") : null;
    if (open !== this.#current) this.#current?.removeAttribute("aria-current");
    open?.setAttribute("aria-current", "true");
    this.#current = open;
    this.#focus.update(open);
    this.#list.hidden = chats.length === 0;
    setText(this.#note, this.#noteText(chats.length, this.#view));
  }

  #matches() {
    const chats = this.#view?.chats ?? [];
    return this.#query ? chats.filter((chat) => folded(chat.name).includes(this.#query)) : chats;
  }

  /**
   * @param {number} shown
   * @param {View} view
   */
  #noteText(shown, { chats, chatsLoading, session }) {
    if (shown > 0) return "";
    if (chats.length > 0) return t("chats.noMatch", { query: this.#typed });
    if (chatsLoading) return t("chats.loading");
    const canStart = session.state === "signedIn" && session.mayStartChats;
    return `${t("chats.empty")}. ${t(canStart ? "chats.emptyNew" : "chats.emptyBase")}`;
  }

  /** @param {string} chatId */
  #open(chatId) {
    delete document.body.dataset.pane;
    if (chatId !== this.#view?.open?.id) void wish({ type: "openChat", chatId });
  }
}

/** @param {string} id */
function createRow(id) {
  const row = instantiate("chat-row");
  row.dataset.chat = id;
  return row;
}

/**
 * @param {HTMLElement} row
 * @param {ChatRow} chat
 */
function fillRow(row, chat) {
  const time = part(row, "time");
  const unread = part(row, "unread");
  const preview = previewOf(chat);
  setText(part(row, "name"), chat.name);
  showAvatar(part(row, "avatar"), chat.person ?? chat.id, chat.name, chat.avatar);
  setText(time, shortTime(chat.at));
  time.title = fullTime(chat.at);
  setText(part(row, "preview"), preview.text);
  setText(unread, chat.unread > 0 ? t("chatRow.count", { count: chat.unread }) : "");
  unread.hidden = chat.unread === 0;
  setText(part(row, "unread-text"), t("chatRow.unread", { count: chat.unread }));
  part(row, "muted").toggleAttribute("hidden", !chat.muted);
  part(row, "pinned").toggleAttribute("hidden", !chat.pinned);
  part(row, "mention").hidden = !chat.mentioned;
  showPresence(part(row, "avatar"), chat.presence);
  part(row, "muted-text").hidden = !chat.muted;
  row.dataset.preview = preview.kind;
  row.classList.toggle("unread", chat.unread > 0);
  row.classList.toggle("marked", chat.unread > 0 || chat.muted || chat.pinned || chat.mentioned);
  row.classList.toggle("muted", chat.muted);
  const details = [t("chatRow.unread", { count: chat.unread }), preview.text, shortTime(chat.at)];
  if (chat.mentioned) details.push(t("chatRow.mentioned"));
  if (chat.muted) details.push(t("chatRow.muted"));
  if (chat.pinned) details.push(t("chatRow.pinned"));
  if (chat.presence) details.push(t(`presence.${chat.presence.status}`));
  setAttribute(row, "aria-label", t("chatRow.label", { name: chat.name, details: listOf(details) }));
}

/**
 * @param {ChatRow} chat
 * @returns {{ kind: string, text: string }} what is most worth telling of a chat, in one line
 */
function previewOf({ typing, draft, preview, kind }) {
  if (typing.length > 0) return { kind: "typing", text: typingText(typing) };
  if (draft) return { kind: "draft", text: t("chatRow.draft", { text: draft }) };
  if (!preview) return { kind: "empty", text: t("chatRow.noMessages") };
  if (preview.own) {
    const failed = preview.state?.state === "failed";
    const text = t("chatRow.own", { text: preview.text });
    return failed ? { kind: "failed", text: `${t("message.failed")} · ${text}` } : { kind: "message", text };
  }
  if (kind === "direct") return { kind: "message", text: preview.text };
  return { kind: "message", text: t("chatRow.from", { name: preview.senderName, text: preview.text }) };
}
