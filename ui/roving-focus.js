/**
 * One tab stop for a list: the arrows, Page Up and Down, Home and End move the focus within it.
 */

/** Which way each key goes, and how far. */
const KEYS = new Map([
  ["ArrowUp", { by: "step", direction: -1 }],
  ["ArrowDown", { by: "step", direction: 1 }],
  ["PageUp", { by: "page", direction: -1 }],
  ["PageDown", { by: "page", direction: 1 }],
  ["Home", { by: "end", direction: -1 }],
  ["End", { by: "end", direction: 1 }],
]);

export class RovingFocus {
  #container;
  #items;
  /** @type {HTMLElement | null} */
  #stop = null;

  /**
   * @param {HTMLElement} container
   * @param {() => HTMLElement[]} items those that can have the focus, in their order
   */
  constructor(container, items) {
    this.#container = container;
    this.#items = items;
    container.addEventListener("keydown", (event) => this.#onKey(event));
    container.addEventListener("focusin", (event) => {
      const item = items().find((element) => element === event.target);
      if (item) this.#setStop(item);
    });
  }

  /**
   * To be called when the items changed, which begin as no tab stops: keeps the one there is, or gives it to
   * `fallback`, or to the first.
   *
   * @param {HTMLElement | null} [fallback]
   */
  update(fallback) {
    if (this.#stop && this.#container.contains(this.#stop)) return;
    const stop = fallback ?? this.#items()[0];
    if (stop) this.#setStop(stop);
  }

  /** Forgets where the focus was, so that the next {@link update} chooses anew. */
  forget() {
    if (this.#stop) setTabIndex(this.#stop, -1);
    this.#stop = null;
  }

  first() {
    this.#moveTo(this.#items()[0]);
  }

  /** Back to where it was. */
  last() {
    this.#moveTo(this.#stop ?? this.#items().at(-1));
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    const move = KEYS.get(event.key);
    if (!move || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const items = this.#items();
    const at = items.findIndex((item) => item === event.target);
    if (at < 0) return;
    event.preventDefault();
    const page = pageOf(items, at);
    const distance = { step: 1, page, end: items.length }[move.by] ?? 1;
    this.#moveTo(items[Math.min(items.length - 1, Math.max(0, at + move.direction * distance))]);
  }

  /** @param {HTMLElement | undefined} item */
  #moveTo(item) {
    if (!item) return;
    this.#setStop(item);
    item.focus();
  }

  /** @param {HTMLElement} item */
  #setStop(item) {
    if (this.#stop) setTabIndex(this.#stop, -1);
    setTabIndex(item, 0);
    this.#stop = item;
  }
}

/**
 * Links and buttons within an item can be reached from it alone.
 *
 * @param {HTMLElement} item
 * @param {0 | -1} index
 */
function setTabIndex(item, index) {
  item.tabIndex = index;
  for (const inner of item.querySelectorAll("a, .message button:not(.message-failure button)")) {
    if (inner instanceof HTMLElement) inner.tabIndex = index;
  }
}

/** @param {HTMLElement[]} items @param {number} at @returns {number} about how many items a page has */
function pageOf(items, at) {
  const height = items[at]?.offsetHeight || 1;
  return Math.max(1, Math.floor((window.innerHeight * 0.7) / height));
}
