/**
 * Keeps the children of an element equal to a list of items: the element of an item that stays is the same
 * element, so that focus, selection and scroll live on.
 */

/**
 * @template T
 * @template {HTMLElement} E
 */
export class KeyedList {
  /** @type {Map<string, { element: E, item: T }>} */
  #rows = new Map();
  #container;
  #create;
  #release;
  #keyOf;

  /**
   * @param {HTMLElement} container whose children are this list's alone
   * @param {(item: T) => string} keyOf
   * @param {(item: T) => E} create makes an item's element, without its content
   * @param {(element: E) => void} [release] hears of an element that has gone
   */
  constructor(container, keyOf, create, release) {
    this.#container = container;
    this.#keyOf = keyOf;
    this.#create = create;
    this.#release = release;
  }

  /**
   * @param {readonly T[]} items
   * @param {(element: E, item: T, index: number) => void} fill brings an element up to date
   * @param {(before: T, after: T) => boolean} [isSame] whether an item needs no filling
   * @param {((element: E, item: T) => void) | null} [renew] where no item stays, their elements stay in their places and
   *   become those of others: that is less work than to put others there, but whoever holds one holds another item then
   */
  show(items, fill, isSame, renew) {
    const wanted = new Set(items.map(this.#keyOf));
    const isRenewed = renew && this.#rows.size > 0 && ![...this.#rows.keys()].some((key) => wanted.has(key));
    const free = /** @type {E[]} */ (isRenewed ? [...this.#container.children].slice(0, items.length) : []);
    const kept = new Set(free);
    // In a map of its own each time: JavaScriptCore's collector of what is young keeps every table that a map has
    // outgrown, with all that was in it, once the first of them has grown old.
    const rows = /** @type {Map<string, { element: E, item: T }>} */ (new Map());
    for (const [key, row] of this.#rows) {
      if (wanted.has(key)) {
        rows.set(key, row);
        continue;
      }
      if (kept.has(row.element)) continue;
      row.element.remove();
      this.#release?.(row.element);
    }
    this.#rows = rows;
    const focused = this.#container.contains(document.activeElement) ? document.activeElement : null;
    let next = this.#container.firstElementChild;
    items.forEach((item, index) => {
      const key = this.#keyOf(item);
      const row = rows.get(key);
      const old = row ? undefined : free[index];
      const element = row?.element ?? old ?? this.#create(item);
      if (old) renew?.(old, item);
      if (!row || !isSame?.(row.item, item)) fill(element, item, index);
      rows.set(key, { element, item });
      if (element === next) next = next.nextElementSibling;
      else this.#container.insertBefore(element, next);
    });
    // An element that moved has lost the focus on its way.
    if (focused instanceof HTMLElement && focused.isConnected && document.activeElement !== focused) {
      focused.focus({ preventScroll: true });
    }
  }

  /** @param {string} key @returns {E | undefined} */
  get(key) {
    return this.#rows.get(key)?.element;
  }
}
