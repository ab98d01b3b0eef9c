/**
 * Keeps what is being read where it is while the list around it changes: either the bottom is followed, or a
 * message keeps its distance from the top of the view. Engines differ in doing this by themselves, so that
 * `overflow-anchor` is off and this does all of it.
 */

/** Nearer to the end than this many pixels is at the end. */
const BOTTOM = 15;
/** How many messages are remembered, for when the first of them goes away. */
const CANDIDATES = 8;

export class ScrollAnchor {
  /** Whether the newest message is to stay in view. */
  following = true;
  /** @type {{ row: HTMLElement, offset: number }[]} */
  #candidates = [];
  #expectedTop = 0;
  #scroller;
  #list;

  /**
   * @param {HTMLElement} scroller
   * @param {HTMLElement} list whose children can be anchors
   */
  constructor(scroller, list) {
    this.#scroller = scroller;
    this.#list = list;
  }

  get isAtBottom() {
    const { scrollHeight, clientHeight, scrollTop } = this.#scroller;
    return scrollHeight - clientHeight - scrollTop <= BOTTOM;
  }

  /**
   * Notices that somebody else has scrolled. To be called before every change of the list as well as on the
   * event, which may come after the change.
   *
   * @returns {boolean} whether somebody has
   */
  notice() {
    const hasMoved = Math.abs(this.#scroller.scrollTop - this.#expectedTop) >= 1;
    if (hasMoved) this.capture();
    return hasMoved;
  }

  /** Takes what is in view now as what is being read. */
  capture() {
    this.#expectedTop = this.#scroller.scrollTop;
    this.following = this.isAtBottom;
    const top = this.#scroller.getBoundingClientRect().top;
    const bottom = top + this.#scroller.clientHeight;
    const rows = /** @type {HTMLCollectionOf<HTMLElement>} */ (this.#list.children);
    this.#candidates = [];
    for (let at = firstBelow(rows, top); at < rows.length && this.#candidates.length < CANDIDATES; at += 1) {
      const row = /** @type {HTMLElement} */ (rows[at]);
      const rect = anchorOf(row).getBoundingClientRect();
      if (rect.top > bottom) break;
      if (rect.bottom > top) this.#candidates.push({ row, offset: rect.top - top });
    }
    // A message that begins in view says better what is read than one whose end is seen.
    if (this.#candidates.length > 1 && (this.#candidates[0]?.offset ?? 0) < 0) this.#candidates.shift();
  }

  /** @returns {{ row: HTMLElement, offset: number } | null} what is being read; nothing where the bottom is followed */
  get reading() {
    const anchor = this.#candidates[0];
    return this.following || !anchor ? null : { row: anchor.row, offset: anchor.offset };
  }

  /** Puts what was being read back to its place. To be called after every change of the list or of sizes. */
  restore() {
    if (this.following) {
      this.#scrollBy(this.#scroller.scrollHeight);
      return;
    }
    this.#candidates = this.#candidates.filter(({ row }) => row.parentElement === this.#list);
    const anchor = this.#candidates[0];
    if (!anchor) {
      this.capture();
      return;
    }
    const top = this.#scroller.getBoundingClientRect().top;
    // Engines cut a fraction off where they are given one.
    const moved = Math.round(anchorOf(anchor.row).getBoundingClientRect().top - top - anchor.offset);
    if (moved !== 0) this.#scrollBy(moved);
    // The rest below a pixel stays in the offsets, so that it cannot add up.
    const rest = anchorOf(anchor.row).getBoundingClientRect().top - top - anchor.offset;
    for (const candidate of this.#candidates) {
      candidate.offset = anchorOf(candidate.row).getBoundingClientRect().top - top - rest;
    }
  }

  /**
   * Brings `row` into view, and reads on from there.
   *
   * @param {HTMLElement} row
   * @param {number} offset of its message from the top of the view
   */
  place(row, offset) {
    const top = this.#scroller.getBoundingClientRect().top + offset;
    this.#scrollBy(Math.round(anchorOf(row).getBoundingClientRect().top - top));
    this.capture();
  }

  /** @param {number} pixels */
  #scrollBy(pixels) {
    this.#scroller.scrollBy(0, pixels);
    this.#expectedTop = this.#scroller.scrollTop;
  }
}

/**
 * What a separator above a message must not move: the message itself.
 *
 * @param {HTMLElement} row
 */
function anchorOf(row) {
  const line = row.querySelector(".message-line");
  return line instanceof HTMLElement ? line : row;
}

/**
 * @param {HTMLCollectionOf<HTMLElement>} rows in the order of the view
 * @param {number} top
 * @returns {number} the index of the first row that ends below `top`
 */
function firstBelow(rows, top) {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((rows[middle]?.getBoundingClientRect().bottom ?? 0) > top) high = middle;
    else low = middle + 1;
  }
  return low;
}
