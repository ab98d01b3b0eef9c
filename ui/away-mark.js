/**
 * Remembers where the messages begin that came while the window did not have the focus, so that the unread line
 * stands there for who comes back.
 *
 * @typedef {import("./types").TimelineItem} TimelineItem
 */

export class AwayMark {
  /** The newest message when the person left; nothing while they are here. @type {string | null} */
  #lastSeen = null;
  /** @type {string | null} */
  #first = null;

  get isAway() {
    return this.#lastSeen !== null;
  }

  /** @returns {string | null} the key of the first message that came meanwhile */
  get first() {
    return this.#first;
  }

  /** @param {readonly TimelineItem[]} items that are there as the person leaves */
  leave(items) {
    this.#lastSeen = items.at(-1)?.key ?? "";
  }

  comeBack() {
    this.#lastSeen = null;
  }

  /** @param {readonly TimelineItem[]} items as they are now */
  update(items) {
    if (this.#lastSeen === null || (this.#first !== null && items.some(({ key }) => key === this.#first))) return;
    const from = items.findIndex(({ key }) => key === this.#lastSeen);
    this.#first = items.slice(from + 1).find(({ own }) => from >= 0 && !own)?.key ?? null;
  }

  /** Forgets the line: another chat is shown, or the person has answered. */
  clear() {
    this.#first = null;
  }
}
