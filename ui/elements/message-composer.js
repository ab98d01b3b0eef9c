/**
 * Where a message is written. What is typed stays until the app has it on disk: as a draft while typing, as a
 * message once sent. An `emoji` event asks for the picker, above the element in its detail.
 *
 * @typedef {import("../types").View} View
 * @typedef {import("../types").Failure} Failure
 */

import { Completion } from "../completion.js";
import { showFailure } from "../failure.js";
import { dispatch, wish } from "../ipc.js";
import { instantiate, part, setText } from "../template.js";
import { t } from "../words.js";

/** A draft is on disk this soon after a key. */
const DRAFT_AFTER = 150;
/** Typing is told again after this long, and taken back after this long without a key. */
const TYPING_EVERY = 2_000;
const TYPING_ENDS = 5_000;
/** From this share of the limit on, what is left is shown. */
const COUNT_FROM = 0.9;

export class MessageComposer extends HTMLElement {
  #root = instantiate("message-composer");
  #text = /** @type {HTMLTextAreaElement} */ (part(this.#root, "text"));
  #send = /** @type {HTMLButtonElement} */ (part(this.#root, "send"));
  #grow = part(this.#root, "grow");
  #count = part(this.#root, "count");
  #alert = part(this.#root, "alert");
  #completion = new Completion(this.#text);
  #chatId = "";
  #limit = Infinity;
  /** What is on disk, as far as is known. @type {string | null} */
  #savedDraft = "";
  #draftTimer = 0;
  #typingToldAt = -Infinity;
  #typingTimer = 0;
  /** Sent, and not on disk yet; oldest first. @type {{ chatId: string, text: string }[]} */
  #leaving = [];
  /** What stood in the boxes of other chats when they were left while {@link #leaving} was not empty. */
  #rests = /** @type {Map<string, string>} */ (new Map());
  #isSending = false;

  connectedCallback() {
    this.append(this.#root);
    this.#root.prepend(this.#completion.element);
    part(this.#root, "emoji").addEventListener("click", (event) => {
      this.dispatchEvent(new CustomEvent("emoji", { detail: event.currentTarget }));
    });
    this.#root.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#submit();
    });
    this.#text.addEventListener("keydown", (event) => this.#onKey(event));
    this.#text.addEventListener("input", () => this.#onInput());
    this.#text.addEventListener("blur", () => this.#onLeave());
    window.addEventListener("pagehide", () => void this.#saveDraft());
  }

  /** @param {View} view */
  render({ open, session }) {
    this.#limit = session.state === "signedIn" ? session.messageBytes : Infinity;
    const me = session.state === "signedIn" ? session.me.id : "";
    this.#completion.people = open?.kind === "group" ? open.members.filter(({ id }) => id !== me) : [];
    if ((open?.id ?? "") === this.#chatId) return;
    this.#completion.close();
    this.#onLeave();
    if (this.#isSending) this.#rests.set(this.#chatId, this.#text.value);
    this.#chatId = open?.id ?? "";
    this.#savedDraft = open?.draft ?? "";
    this.#text.value = this.#rests.get(this.#chatId) ?? this.#savedDraft;
    showFailure(this.#alert, null);
    this.#showText();
  }

  focusText() {
    this.#text.focus({ preventScroll: true });
  }

  /** @param {string} text put where the caret is */
  insert(text) {
    this.#text.setRangeText(text, this.#text.selectionStart, this.#text.selectionEnd, "end");
    this.#onInput();
    this.focusText();
  }

  /** Puts what is typed on disk now. */
  async save() {
    await this.#saveDraft();
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    // WebKit ends a composition before the key that ended it; that key has the code 229.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    void this.#submit();
  }

  #onInput() {
    showFailure(this.#alert, null);
    this.#showText();
    if (this.#draftTimer === 0) this.#draftTimer = setTimeout(() => void this.#saveDraft(), DRAFT_AFTER);
    if (this.#text.value.trim() === "") this.#endTyping();
    else this.#tellTyping();
  }

  #onLeave() {
    void this.#saveDraft();
    this.#endTyping();
  }

  async #submit() {
    const chatId = this.#chatId;
    const text = this.#text.value.trim();
    if (!chatId || text === "" || this.#bytesOver() > 0) return;
    // The next message may be written at once; this one comes back into the box if the app cannot take it.
    this.#leaving.push({ chatId, text });
    this.#setText("");
    showFailure(this.#alert, null);
    this.#endTyping();
    if (this.#isSending) return;
    this.#isSending = true;
    for (let next; (next = this.#leaving[0]);) {
      try {
        await dispatch({ type: "send", ...next });
        this.#leaving.shift();
        this.#whenTaken(next.chatId);
      } catch (failure) {
        this.#takeBack(/** @type {Failure} */ (failure));
      }
    }
    this.#isSending = false;
    this.#rests.clear();
  }

  /** @param {string} chatId whose oldest message on its way is on disk now */
  #whenTaken(chatId) {
    if (chatId === this.#chatId) void this.#saveDraft();
    else void wish({ type: "saveDraft", chatId, text: this.#unsent(chatId) });
    this.dispatchEvent(new CustomEvent("sent", { bubbles: true }));
  }

  /** Puts what could not be sent back into the box, or into its chat's draft. @param {Failure} failure */
  #takeBack(failure) {
    const chats = new Set(this.#leaving.map(({ chatId }) => chatId));
    for (const chatId of chats) {
      if (chatId !== this.#chatId) void wish({ type: "saveDraft", chatId, text: this.#unsent(chatId) });
    }
    const mine = this.#unsent(this.#chatId);
    this.#leaving = [];
    if (!chats.has(this.#chatId)) {
      window.dispatchEvent(new CustomEvent("failure", { detail: failure }));
      return;
    }
    this.#setText(mine);
    showFailure(this.#alert, failure);
    void this.#saveDraft();
  }

  /**
   * @param {string} chatId
   * @returns {string} all that is written there and not on disk as a message
   */
  #unsent(chatId) {
    const leaving = this.#leaving.filter((message) => message.chatId === chatId).map(({ text }) => text);
    const written = (chatId === this.#chatId ? this.#text.value : this.#rests.get(chatId)) ?? "";
    return (written === "" ? leaving : [...leaving, written]).join("\n");
  }

  /** @param {string} text */
  #setText(text) {
    this.#text.value = text;
    this.#showText();
  }

  async #saveDraft() {
    clearTimeout(this.#draftTimer);
    this.#draftTimer = 0;
    const chatId = this.#chatId;
    const text = this.#unsent(chatId);
    if (!chatId || text === this.#savedDraft) return;
    this.#savedDraft = text;
    const isSaved = await wish({ type: "saveDraft", chatId, text });
    if (!isSaved && chatId === this.#chatId) this.#savedDraft = null;
  }

  #tellTyping() {
    clearTimeout(this.#typingTimer);
    this.#typingTimer = setTimeout(() => this.#endTyping(), TYPING_ENDS);
    const now = performance.now();
    if (now - this.#typingToldAt < TYPING_EVERY) return;
    this.#typingToldAt = now;
    this.#dispatchTyping(true);
  }

  #endTyping() {
    clearTimeout(this.#typingTimer);
    if (this.#typingToldAt === -Infinity) return;
    this.#typingToldAt = -Infinity;
    this.#dispatchTyping(false);
  }

  /** @param {boolean} active */
  #dispatchTyping(active) {
    // Nobody needs to know that this did not work.
    dispatch({ type: "typing", chatId: this.#chatId, active }).catch(() => {});
  }

  #showText() {
    // The box is as high as this copy of the text in it.
    this.#grow.dataset.text = this.#text.value;
    const over = this.#bytesOver();
    const isNear = -over < this.#limit * (1 - COUNT_FROM);
    this.#count.hidden = !isNear;
    this.#count.classList.toggle("over", over > 0);
    if (isNear)
      setText(this.#count, over > 0 ? t("composer.count", { count: over }) : t("composer.left", { count: -over }));
    this.#send.setAttribute("aria-disabled", String(this.#text.value.trim() === "" || over > 0));
  }

  /** @returns {number} of the text, beyond what the server takes; negative where there is room */
  #bytesOver() {
    return new TextEncoder().encode(this.#text.value.trim()).length - this.#limit;
  }
}
