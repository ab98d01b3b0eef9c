/**
 * Decides when the newest message has been seen: its end was in view, in a focused window, for a second.
 */

const SEEN_AFTER = 1_000;

export class ReadWatch {
  #timer = 0;
  #told = "";
  /** @type {{ chatId: string, key: string } | null} */
  #newest = null;
  #report;

  /** @param {(chatId: string, key: string) => void} report */
  constructor(report) {
    this.#report = report;
  }

  /**
   * To be called whenever what is in view may have changed, and when the focus did.
   *
   * @param {{ chatId: string, key: string } | null} newest `null` when the end of the timeline is not in view
   */
  update(newest) {
    this.#newest = document.hasFocus() && !document.hidden ? newest : null;
    if (!this.#newest || this.#told === toldOf(this.#newest)) {
      clearTimeout(this.#timer);
      this.#timer = 0;
    } else if (this.#timer === 0) {
      // Later messages do not start the second anew: in a busy chat it would never end.
      this.#timer = setTimeout(() => this.#tell(), SEEN_AFTER);
    }
  }

  #tell() {
    this.#timer = 0;
    if (!this.#newest) return;
    this.#told = toldOf(this.#newest);
    this.#report(this.#newest.chatId, this.#newest.key);
  }
}

/** @param {{ chatId: string, key: string }} newest */
function toldOf({ chatId, key }) {
  return `${chatId} ${key}`;
}
