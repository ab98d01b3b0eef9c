/**
 * All the emoji at once, found by name: a field and a grid. Who opens it is told the one that was chosen.
 */

import { EMOJI, SKIN_TONES, findEmoji, toned } from "../emoji.js";
import { instantiate, part, setText } from "../template.js";
import { t } from "../words.js";

/** What the skin tones are shown on. */
const HAND = "✋";

export class EmojiPicker extends HTMLElement {
  #root = instantiate("emoji-picker");
  #query = /** @type {HTMLInputElement} */ (part(this.#root, "query"));
  #grid = part(this.#root, "grid");
  #tone = /** @type {HTMLSelectElement} */ (part(this.#root, "tone"));

  #onPick = (/** @type {string} */ _emoji) => {};

  connectedCallback() {
    this.append(this.#root);
    for (const tone of SKIN_TONES) this.#tone.append(new Option(toned(HAND, tone), tone));
    this.#query.addEventListener("input", () => this.#show());
    this.#tone.addEventListener("change", () => this.#show());
    this.#query.addEventListener("keydown", (event) => this.#onQueryKey(event));
    this.#grid.addEventListener("keydown", (event) => this.#onGridKey(event));
    this.#grid.addEventListener("click", (event) => {
      if (event.target instanceof HTMLElement && event.target.dataset.emoji) this.#pick(event.target.dataset.emoji);
    });
  }

  /**
   * @param {HTMLElement} anchor what it opens above
   * @param {(emoji: string) => void} onPick
   */
  open(anchor, onPick) {
    this.#onPick = onPick;
    this.#query.value = "";
    this.#show();
    this.#root.showPopover();
    const { right, top, left } = anchor.getBoundingClientRect();
    const { offsetWidth, offsetHeight, style } = this.#root;
    const isRightToLeft = getComputedStyle(this).direction === "rtl";
    style.left = `${Math.max(8, isRightToLeft ? left : right - offsetWidth)}px`;
    style.top = `${Math.max(8, top - offsetHeight - 8)}px`;
    this.#query.focus();
  }

  #show() {
    const found = this.#query.value.trim() === "" ? EMOJI : findEmoji(this.#query.value.trim());
    this.#grid.replaceChildren(...found.map(({ emoji, name }) => this.#button(toned(emoji, this.#tone.value), name)));
    this.#grid.hidden = found.length === 0;
    setText(part(this.#root, "note"), found.length === 0 ? t("emoji.none", { query: this.#query.value.trim() }) : "");
  }

  /**
   * @param {string} emoji
   * @param {string} name
   */
  #button(emoji, name) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "emoji-button";
    button.tabIndex = -1;
    button.title = `:${name}:`;
    button.dataset.emoji = emoji;
    button.setAttribute("role", "option");
    button.setAttribute("aria-label", `${emoji} ${name.replaceAll("_", " ")}`);
    button.textContent = emoji;
    return button;
  }

  /** @param {KeyboardEvent} event */
  #onQueryKey(event) {
    const first = this.#buttons()[0];
    if (!first || (event.key !== "ArrowDown" && event.key !== "Enter")) return;
    event.preventDefault();
    if (event.key === "ArrowDown") first.focus();
    else this.#pick(first.dataset.emoji ?? "");
  }

  /** @param {KeyboardEvent} event */
  #onGridKey(event) {
    const buttons = this.#buttons();
    const at = buttons.findIndex((button) => button === document.activeElement);
    const across = buttons.filter((button) => button.offsetTop === buttons[0]?.offsetTop).length;
    const forward = getComputedStyle(this).direction === "rtl" ? -1 : 1;
    const steps = new Map([
      ["ArrowRight", forward],
      ["ArrowLeft", -forward],
      ["ArrowDown", across],
      ["ArrowUp", -across],
      ["Home", -at],
      ["End", buttons.length - 1 - at],
    ]);
    const step = steps.get(event.key);
    if (at < 0 || step === undefined) return;
    event.preventDefault();
    if (event.key === "ArrowUp" && at < across) this.#query.focus();
    else buttons[at + step]?.focus();
  }

  /** @param {string} emoji */
  #pick(emoji) {
    this.#root.hidePopover();
    this.#onPick(emoji);
  }

  #buttons() {
    return [...this.#grid.querySelectorAll("button")];
  }
}
