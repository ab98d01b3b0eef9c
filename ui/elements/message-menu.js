/**
 * What can be done with a message: by its context menu (also by the keyboard), and by the copy shortcut while it
 * has the focus. A selection keeps the system's own menu.
 */

import { wish } from "../ipc.js";
import { instantiate, part } from "../template.js";

export class MessageMenu extends HTMLElement {
  #menu = instantiate("message-menu");
  /** @type {HTMLElement | null} */
  #row = null;

  connectedCallback() {
    this.append(this.#menu);
    document.addEventListener("contextmenu", (event) => this.#onContextMenu(event));
    document.addEventListener("copy", (event) => onCopy(event));
    this.#menu.addEventListener("click", (event) => this.#onClick(event));
    this.#menu.addEventListener("keydown", (event) => this.#onKey(event));
    this.#menu.addEventListener("toggle", (event) => {
      if (/** @type {ToggleEvent} */ (event).newState === "closed") this.#row?.focus({ preventScroll: true });
    });
  }

  /** @param {MouseEvent} event */
  #onContextMenu(event) {
    const target = event.target instanceof Element ? event.target : null;
    if (!target || target.closest("input, textarea") || !getSelection()?.isCollapsed) return;
    event.preventDefault();
    const row = /** @type {HTMLElement | null} */ (target.closest("li.message"));
    if (!row || row.dataset.kind === "system") return;
    this.#row = row;
    const isFailed = row.dataset.state === "failed";
    part(this.#menu, "retry").hidden = !isFailed;
    part(this.#menu, "delete").hidden = !isFailed;
    part(this.#menu, "copy").hidden = row.classList.contains("deleted");
    this.#menu.showPopover();
    this.#place(row, event);
    this.#items()[0]?.focus();
  }

  /**
   * At the pointer, or below the message when the keyboard asked; always within the window.
   *
   * @param {HTMLElement} row
   * @param {MouseEvent} event
   */
  #place(row, event) {
    const bubble = part(row, "bubble").getBoundingClientRect();
    const byKey = event.clientX === 0 && event.clientY === 0;
    const { offsetWidth, offsetHeight, style } = this.#menu;
    const left = byKey ? bubble.left : event.clientX;
    const top = byKey ? bubble.bottom : event.clientY;
    style.left = `${Math.max(0, Math.min(left, innerWidth - offsetWidth))}px`;
    style.top = `${Math.max(0, Math.min(top, innerHeight - offsetHeight))}px`;
  }

  /** @param {Event} event */
  #onClick(event) {
    const action = event.target instanceof HTMLElement ? event.target.dataset.part : undefined;
    const key = this.#row?.dataset.key;
    if (!action || !key || !this.#row) return;
    const text = textOf(this.#row);
    this.#menu.hidePopover();
    if (action === "copy") void copy(text);
    if (action === "retry") void wish({ type: "retry", key });
    if (action === "delete") void wish({ type: "deleteUnsent", key });
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    const items = this.#items();
    const at = items.findIndex((item) => item === document.activeElement);
    const steps = { ArrowDown: at + 1, ArrowUp: at - 1 + items.length, Home: 0, End: items.length - 1 };
    const next = new Map(Object.entries(steps)).get(event.key);
    if (event.key === "Tab") this.#menu.hidePopover();
    if (next === undefined) return;
    event.preventDefault();
    items[next % items.length]?.focus();
  }

  #items() {
    return [...this.#menu.querySelectorAll("button")].filter((item) => !item.hidden);
  }
}

/** @param {ClipboardEvent} event */
function onCopy(event) {
  const row = document.activeElement;
  if (!(row instanceof HTMLElement) || !row.matches("li.message") || !getSelection()?.isCollapsed) return;
  event.preventDefault();
  event.clipboardData?.setData("text/plain", textOf(row));
}

/** @param {HTMLElement} row */
function textOf(row) {
  return part(row, "text").textContent ?? "";
}

/** @param {string} text */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Where the engine wants to be asked in the old way.
    const give = (/** @type {ClipboardEvent} */ event) => {
      event.preventDefault();
      event.stopImmediatePropagation();
      event.clipboardData?.setData("text/plain", text);
    };
    document.addEventListener("copy", give, { capture: true, once: true });
    document.execCommand("copy");
    document.removeEventListener("copy", give, { capture: true });
  }
}
