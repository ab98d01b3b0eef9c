/**
 * What can be done with a message: by its context menu (also by the keyboard), by the buttons that stand beside it
 * under the pointer, and by keys while it has the focus. A selection keeps the system's own menu.
 *
 * `reply`, `edit`, `react`, `delete`, `link` and `select` events carry the message's item; who hears them does it.
 *
 * @typedef {import("../types").TimelineItem} TimelineItem
 */

import { copy } from "../clipboard.js";
import { wish } from "../ipc.js";
import { itemOf } from "../message-row.js";
import { instantiate, part } from "../template.js";
import { t } from "../words.js";

/** The reactions that are at hand at once. */
const AT_HAND = ["👍", "❤️", "😂", "🎉", "😮", "🙏"];
/** What a key does with the message that has the focus. */
const KEYS = new Map([
  ["r", "reply"],
  ["e", "edit"],
  ["+", "react"],
  ["Delete", "delete"],
  ["x", "select"],
]);

export class MessageMenu extends HTMLElement {
  #menu = instantiate("message-menu");
  /** @type {HTMLElement | null} */
  #row = null;

  connectedCallback() {
    this.append(this.#menu);
    part(this.#menu, "emoji").append(...AT_HAND.map(emojiButton));
    document.addEventListener("contextmenu", (event) => this.#onContextMenu(event));
    document.addEventListener("copy", (event) => onCopy(event));
    document.addEventListener("click", (event) => this.#onRowClick(event));
    document.addEventListener("keydown", (event) => this.#onRowKey(event));
    this.#menu.addEventListener("click", (event) => this.#onClick(event));
    this.#menu.addEventListener("keydown", (event) => this.#onKey(event));
    this.#menu.addEventListener("toggle", (event) => {
      const isClosed = /** @type {ToggleEvent} */ (event).newState === "closed";
      if (isClosed && (document.activeElement === document.body || this.#menu.contains(document.activeElement)))
        this.#row?.focus({ preventScroll: true });
    });
  }

  /** @param {MouseEvent} event */
  #onContextMenu(event) {
    const target = event.target instanceof Element ? event.target : null;
    if (!target || target.closest("input, textarea") || !getSelection()?.isCollapsed) return;
    event.preventDefault();
    const row = /** @type {HTMLElement | null} */ (target.closest("li.message"));
    const byKey = event.clientX === 0 && event.clientY === 0;
    if (row) this.#open(row, byKey ? null : { x: event.clientX, y: event.clientY });
  }

  /** @param {MouseEvent} event */
  #onRowClick(event) {
    const button = event.target instanceof Element ? event.target.closest("[data-act]") : null;
    const row = /** @type {HTMLElement | null | undefined} */ (button?.closest("li.message"));
    const item = row && itemOf(row);
    if (!row || !item || !(button instanceof HTMLElement)) return;
    if (button.dataset.act === "more") {
      const { left, bottom } = button.getBoundingClientRect();
      this.#open(row, { x: left, y: bottom });
    } else this.#tell(button.dataset.act ?? "", item, row);
  }

  /** @param {KeyboardEvent} event */
  #onRowKey(event) {
    const row = document.activeElement;
    const isMenuKey = event.key === "ContextMenu" || (event.key === "F10" && event.shiftKey);
    if (isMenuKey && row instanceof HTMLElement && row.matches("li.message")) {
      // Not every engine makes of the key what the mouse makes of its second button.
      event.preventDefault();
      this.#open(row, null);
      return;
    }
    const action = KEYS.get(event.key);
    if (!action || event.ctrlKey || event.metaKey || event.altKey || !(row instanceof HTMLElement)) return;
    // After a click on a message, letters are meant for the composer.
    const item = row.matches("li.message:focus-visible") ? itemOf(row) : undefined;
    if (!item || !may(item, action)) return;
    event.preventDefault();
    this.#tell(action, item, row);
  }

  /**
   * @param {HTMLElement} row
   * @param {{ x: number, y: number } | null} at nothing when the keyboard asked
   */
  #open(row, at) {
    const item = itemOf(row);
    if (!item || item.system) return;
    this.#row = row;
    for (const button of this.#menu.querySelectorAll("button")) {
      button.hidden = !may(item, button.dataset.part ?? "react");
    }
    part(this.#menu, "emoji").hidden = !item.may.react;
    this.#menu.showPopover();
    this.#place(row, at);
    this.#items()[0]?.focus();
  }

  /**
   * At the pointer, or below the message when the keyboard asked; always within the window.
   *
   * @param {HTMLElement} row
   * @param {{ x: number, y: number } | null} at
   */
  #place(row, at) {
    const bubble = part(row, "bubble").getBoundingClientRect();
    const { x, y } = at ?? { x: bubble.left, y: bubble.bottom };
    const { offsetWidth, offsetHeight, style } = this.#menu;
    style.left = `${Math.max(0, Math.min(x, innerWidth - offsetWidth))}px`;
    style.top = `${Math.max(0, Math.min(y, innerHeight - offsetHeight))}px`;
  }

  /** @param {Event} event */
  #onClick(event) {
    const button = event.target instanceof HTMLElement ? event.target.closest("button") : null;
    const row = this.#row;
    const item = row && itemOf(row);
    if (!button || !item) return;
    this.#menu.hidePopover();
    const { part: action = "", emoji } = button.dataset;
    const { key } = item;
    if (emoji) void wish({ type: "react", key, emoji, add: !hasMine(item, emoji) });
    else if (action === "copy") void copy(item.text);
    else if (action === "retry") void wish({ type: "retry", key });
    else if (action === "pin" || action === "unpin") void wish({ type: "pinMessage", key, pinned: action === "pin" });
    else this.#tell(action, item, row);
  }

  /**
   * @param {string} action
   * @param {TimelineItem} item
   * @param {HTMLElement} row
   */
  #tell(action, item, row) {
    this.dispatchEvent(new CustomEvent(action, { detail: { item, row } }));
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    const items = this.#items();
    const at = items.findIndex((item) => item === document.activeElement);
    const steps = new Map([
      ["ArrowDown", at + 1],
      ["ArrowUp", at - 1 + items.length],
      ["ArrowRight", at + 1],
      ["ArrowLeft", at - 1 + items.length],
      ["Home", 0],
      ["End", items.length - 1],
    ]);
    const next = steps.get(event.key);
    if (event.key === "Tab") this.#menu.hidePopover();
    if (next === undefined) return;
    event.preventDefault();
    items[next % items.length]?.focus();
  }

  #items() {
    return [...this.#menu.querySelectorAll("button")].filter((item) => item.offsetParent !== null);
  }
}

/**
 * @param {TimelineItem} item
 * @param {string} action
 * @returns {boolean} whether it can be done with the message as it is
 */
function may(item, action) {
  const isFailed = item.state?.state === "failed";
  switch (action) {
    case "react":
      return item.may.react;
    case "reply":
      return item.may.reply;
    case "edit":
      return item.may.edit;
    case "pin":
      return item.may.pin && !item.pinned;
    case "unpin":
      return item.may.pin && item.pinned;
    case "copy":
      return !item.deleted && item.text !== "";
    case "link":
      return !item.deleted && item.id !== null;
    case "select":
      return !item.system;
    case "retry":
      return isFailed;
    case "delete":
      return isFailed || item.may.delete;
    default:
      return false;
  }
}

/** @param {TimelineItem} item @param {string} emoji */
function hasMine(item, emoji) {
  return item.reactions.some((reaction) => reaction.emoji === emoji && reaction.mine);
}

/** @param {string} emoji */
function emojiButton(emoji) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "emoji-button";
  button.tabIndex = -1;
  button.dataset.emoji = emoji;
  button.setAttribute("role", "menuitem");
  button.setAttribute("aria-label", t("menu.reactWith", { emoji }));
  button.textContent = emoji;
  return button;
}

/** @param {ClipboardEvent} event */
function onCopy(event) {
  const row = document.activeElement;
  const item = row instanceof HTMLElement && row.matches("li.message") ? itemOf(row) : undefined;
  if (!item || !getSelection()?.isCollapsed) return;
  event.preventDefault();
  event.clipboardData?.setData("text/plain", item.text);
}
