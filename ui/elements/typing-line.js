/**
 * Who is typing in the open chat, told politely to screen readers as well.
 *
 * @typedef {import("../types").View} View
 */

import { setText } from "../template.js";
import { typingText } from "../words.js";

export class TypingLine extends HTMLElement {
  #text = document.createElement("span");

  connectedCallback() {
    this.setAttribute("aria-live", "polite");
    this.append(this.#text);
  }

  /** @param {View} view */
  render({ open }) {
    const names = open?.typing ?? [];
    setText(this.#text, names.length > 0 ? typingText(names) : "");
    this.classList.toggle("active", names.length > 0);
  }
}
