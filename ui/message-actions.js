/**
 * What can be done with a message at once, beside the one that is under the pointer or has the focus. There is one of
 * it for all messages: each with its own would be most of what a page is made of.
 */

import { itemOf } from "./message-row.js";
import { instantiate, part } from "./template.js";

export class MessageActions {
  #list;
  #bar = instantiate("message-actions");
  /** @type {HTMLElement | null} */
  #row = null;
  /** What is under the pointer. @type {HTMLElement | null} */
  #under = null;

  /** @param {HTMLElement} list whose children are messages */
  constructor(list) {
    this.#list = list;
    for (const move of ["pointerover", "pointermove", "pointerdown"])
      list.addEventListener(move, (event) => this.#point(rowOf(event.target)), { passive: true });
    list.addEventListener("pointerleave", () => this.#point(null));
    list.addEventListener("focusin", (event) => this.#stand(rowOf(event.target)));
    list.addEventListener("focusout", (event) => {
      if (!(event.relatedTarget instanceof Node && list.contains(event.relatedTarget))) this.#stand(this.#under);
    });
  }

  /** @param {HTMLElement | null} row under the pointer; nothing where it is elsewhere */
  #point(row) {
    this.#under = row;
    this.#stand(row ?? rowOf(document.activeElement));
  }

  /** Whether it stands beside a message. */
  get isShown() {
    return this.#bar.isConnected;
  }

  /** To be called when messages have changed. */
  update() {
    const item = this.#row?.isConnected ? itemOf(this.#row) : undefined;
    part(this.#bar, "act-react").hidden = !item?.may.react;
    part(this.#bar, "act-reply").hidden = !item?.may.reply;
  }

  /** @param {HTMLElement | null} row */
  #stand(row) {
    // Who is in it with the keyboard stays there, wherever the pointer goes.
    if (row === this.#row || (row && this.#bar.contains(document.activeElement))) return;
    const item = row && this.#list.contains(row) ? itemOf(row) : undefined;
    this.#row = row;
    if (!row || !item || item.system) {
      this.#bar.remove();
      return;
    }
    this.update();
    for (const button of this.#bar.querySelectorAll("button")) button.tabIndex = row.tabIndex;
    part(row, "bubble").append(this.#bar);
  }
}

/** @param {EventTarget | null} target @returns {HTMLElement | null} the message that it is in */
function rowOf(target) {
  return target instanceof Element ? target.closest("li.message") : null;
}
