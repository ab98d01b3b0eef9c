/**
 * What the app is told of who follows the newest messages: how many of them are enough. That is some heights of the view;
 * and while more comes than there is room for, which nobody can read, one: to paint is then a third of the work.
 *
 * @typedef {import("./types").TimelineItem} TimelineItem
 */

import { wish } from "./ipc.js";

/** Who follows has so many heights of the view, of rows this low in pixels. */
const HEIGHTS = 3;
const HEIGHTS_IN_FLOOD = 1;
const LOWEST_ROW = 36;
/** Told in steps, so that a window that is being resized does not tell of every pixel. As many are about what is seen. */
const STEP = 20;
/** A flood is over when for so long, in milliseconds, no more came at once than is seen. */
const FLOOD_OVER = 1_000;

/**
 * @typedef {object} Told
 * @property {string} chatId
 * @property {number | null} rows how many are enough, or `null` where nobody follows
 * @property {number} length of the window at that time
 */

export class Following {
  /** What the app was told, and is to be told. @type {Told | null} */
  #told = null;
  /** @type {Told | null} */
  #wanted = null;
  #isTelling = false;
  /** Runs while there is a flood. */
  #flood = 0;
  #onOver;

  /** @param {() => void} onOver hears that a flood is over, and tells anew */
  constructor(onOver) {
    this.#onOver = onOver;
  }

  /** Whether more comes than there is room for. */
  get isFlood() {
    return this.#flood > 0;
  }

  /** Another chat is shown, of which the app knows nothing yet. */
  begin() {
    clearTimeout(this.#flood);
    this.#flood = 0;
    this.#told = null;
    this.#wanted = null;
  }

  /**
   * Notices when more came than is seen at once.
   *
   * @param {readonly TimelineItem[]} before
   * @param {readonly TimelineItem[]} after
   */
  notice(before, after) {
    const newest = before.findLast(({ id }) => id !== null)?.key;
    const at = after.findLastIndex(({ key }) => key === newest);
    if (!newest || typeof this.#told?.rows !== "number" || (at >= 0 && after.length - 1 - at < STEP)) return;
    clearTimeout(this.#flood);
    this.#flood = setTimeout(() => {
      this.#flood = 0;
      this.#onOver();
    }, FLOOD_OVER);
  }

  /**
   * Tells the app, once; and again if its window grows as if it had not heard.
   *
   * @param {string} chatId
   * @param {number | null} height of the view; `null` where the newest messages are not followed. That some of them are
   *   missing for a while changes nothing about that: an app that heard so would let its window grow, until in a flood
   *   the newest are never in it
   * @param {number} length of the window
   */
  tell(chatId, height, length) {
    const heights = this.isFlood ? HEIGHTS_IN_FLOOD : HEIGHTS;
    const rows = height === null ? null : Math.ceil((height * heights) / LOWEST_ROW / STEP) * STEP;
    const last = this.#wanted;
    const isHeard = rows === null || length < Math.max(rows, last?.length ?? 0) + STEP;
    if (last?.rows === rows && isHeard) return;
    this.#wanted = { chatId, rows, length };
    void this.#tell();
  }

  /** One after the other: of two that are on their way at once, the app may take the first last. */
  async #tell() {
    if (this.#isTelling) return;
    this.#isTelling = true;
    while (this.#wanted && this.#wanted !== this.#told) {
      this.#told = this.#wanted;
      const { chatId, rows } = this.#told;
      await wish({ type: "follow", chatId, rows });
    }
    this.#isTelling = false;
  }
}
