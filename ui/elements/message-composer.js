/**
 * Where a message is written. What is typed stays until the app has it on disk: as a draft while typing, as a
 * message once sent. It can be a reply, the edit of a message, or meant for some members only.
 *
 * An `emoji` event asks for the picker, above the element in its detail; a `restrict` event for who can see the
 * next message; an `edit-last` event for the last message that can be changed.
 *
 * @typedef {import("../types").View} View
 * @typedef {import("../types").Failure} Failure
 * @typedef {import("../types").TimelineItem} TimelineItem
 * @typedef {import("./audience-picker.js").Audience} Audience
 *
 * @typedef {import("../types").StagedFile} StagedFile
 *
 * @typedef {{ chatId: string, text: string, context: Context, audience: Audience | null, files: StagedFile[] }} Leaving
 */

/**
 * What the text in the box is for, besides a message of its own. What stood in the box before an edit comes back
 * after it.
 *
 * @typedef {{ kind: "none" } | { kind: "reply", item: TimelineItem } | { kind: "edit", item: TimelineItem, aside: string }} Context
 */

import { AttachmentTray } from "../attachment-tray.js";
import { commandsFor, outcomeOf } from "../commands.js";
import { Completion } from "../completion.js";
import { showFailure } from "../failure.js";
import { dispatch, wish } from "../ipc.js";
import { bodyText } from "../message-row.js";
import { instantiate, part, setAttribute, setText } from "../template.js";
import { typeOver } from "../typing.js";
import { nameList, t } from "../words.js";

/** A draft is on disk this soon after a key. */
const DRAFT_AFTER = 150;
/** Typing is told again after this long, and taken back after this long without a key. */
const TYPING_EVERY = 2_000;
const TYPING_ENDS = 5_000;
/** From this share of the limit on, what is left is shown. */
const COUNT_FROM = 0.9;
/** What a key with Ctrl or ⌘ puts around what is selected. */
const MARKS = new Map([
  ["b", "**"],
  ["i", "_"],
  ["e", "`"],
]);
/** @type {Context} */
const NO_CONTEXT = { kind: "none" };

export class MessageComposer extends HTMLElement {
  /** Whether others are told that somebody types here. */
  static tellsTyping = true;
  #root = instantiate("message-composer");
  #text = /** @type {HTMLTextAreaElement} */ (part(this.#root, "text"));
  #send = /** @type {HTMLButtonElement} */ (part(this.#root, "send"));
  #grow = part(this.#root, "grow");
  #count = part(this.#root, "count");
  #alert = part(this.#root, "alert");
  #completion = new Completion(this.#text);
  #chooser = /** @type {HTMLInputElement} */ (part(this.#root, "files"));
  #tray = new AttachmentTray(
    () => this.#onFiles(),
    (failure) => {
      this.#isAwaited = false;
      showFailure(this.#alert, failure);
    },
  );
  #chatId = "";
  /** @type {import("../types").OpenChat | null} */
  #open = null;
  #myName = "";
  #limit = Infinity;
  /** What is on disk, as far as is known. @type {string | null} */
  #savedDraft = "";
  #draftTimer = 0;
  #typingToldAt = -Infinity;
  #typingTimer = 0;
  /** Sent, and not on disk yet; oldest first. @type {Leaving[]} */
  #leaving = [];
  /** @type {Context} */
  #context = NO_CONTEXT;
  /** Who can see the next message; nothing for everyone. @type {Audience | null} */
  #audience = null;
  /** What was begun in other chats. @type {Map<string, { context: Context, audience: Audience | null }>} */
  #begun = new Map();
  /** What stood in the boxes of other chats when they were left while {@link #leaving} was not empty. */
  #rests = /** @type {Map<string, string>} */ (new Map());
  #isSending = false;
  /** Whether all that is in the box is to be sent as soon as its files are ready. */
  #isAwaited = false;

  connectedCallback() {
    this.append(this.#root);
    this.#root.prepend(this.#completion.element);
    part(this.#root, "box").before(this.#tray.element);
    part(this.#root, "attach").addEventListener("click", () => this.#chooser.click());
    this.#chooser.addEventListener("change", () => {
      this.attach([...(this.#chooser.files ?? [])]);
      // The same file may be chosen again.
      this.#chooser.value = "";
    });
    window.addEventListener("paste", (event) => this.#onPaste(event));
    part(this.#root, "emoji").addEventListener("click", (event) => {
      this.dispatchEvent(new CustomEvent("emoji", { detail: event.currentTarget }));
    });
    part(this.#root, "restrict").addEventListener("click", () => this.dispatchEvent(new CustomEvent("restrict")));
    part(this.#root, "context-end").addEventListener("click", () => this.#endContext());
    part(this.#root, "audience-end").addEventListener("click", () => this.restrict(null));
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
  render({ open, session, chats }) {
    this.#open = open;
    this.#myName = session.state === "signedIn" ? session.me.name : "";
    this.#completion.chats = chats;
    this.#completion.commands = open ? commandsFor(open) : [];
    this.#limit = session.state === "signedIn" ? session.messageBytes : Infinity;
    const me = session.state === "signedIn" ? session.me.id : "";
    this.#completion.people = open?.kind === "group" ? open.members.filter(({ id }) => id !== me) : [];
    part(this.#root, "restrict").hidden = !open?.may.restrict;
    part(this.#root, "attach").hidden = !open?.may.attach;
    this.#tray.limit = session.state === "signedIn" ? session.fileBytes : null;
    if ((open?.id ?? "") === this.#chatId) return;
    this.#completion.close();
    if (this.#context.kind === "edit") this.#endContext();
    this.#onLeave();
    if (this.#isSending) this.#rests.set(this.#chatId, this.#text.value);
    this.#begun.set(this.#chatId, { context: this.#context, audience: this.#audience });
    this.#chatId = open?.id ?? "";
    this.#isAwaited = false;
    this.#tray.show(this.#chatId);
    const begun = this.#begun.get(this.#chatId);
    this.#context = begun?.context ?? NO_CONTEXT;
    this.#audience = begun?.audience ?? null;
    this.#savedDraft = open?.draft ?? "";
    this.#text.value = this.#rests.get(this.#chatId) ?? this.#savedDraft;
    showFailure(this.#alert, null);
    this.#showContext();
    this.#showText();
  }

  /** @returns {boolean} whether files can go with the next message */
  get mayAttach() {
    return this.#open?.may.attach ?? false;
  }

  /** @param {readonly File[]} files to go with the next message */
  attach(files) {
    if (files.length === 0 || !this.mayAttach) return;
    showFailure(this.#alert, null);
    if (this.#context.kind === "edit") this.#endContext();
    this.#tray.add(files);
    this.focusText();
  }

  /** @returns {Record<string, StagedFile[]>} what is to go with the next message, by chat */
  get files() {
    return this.#tray.ready;
  }

  set files(files) {
    for (const [chatId, staged] of Object.entries(files)) this.#tray.putBack(chatId, staged);
  }

  /** @returns {Audience | null} who can see the next message; nothing for everyone */
  get audience() {
    return this.#audience;
  }

  /** @param {Audience | null} audience who can see the next message; nothing for everyone */
  restrict(audience) {
    this.#audience = audience && audience.names.length > 0 ? audience : null;
    this.#showContext();
    this.focusText();
  }

  /** @param {TimelineItem} item that the next message replies to */
  reply(item) {
    if (this.#context.kind === "edit") this.#endContext();
    this.#context = { kind: "reply", item };
    this.#showContext();
    this.focusText();
  }

  /** @param {TimelineItem} item whose text is to be changed; what is in the box waits */
  edit(item) {
    if (this.#context.kind === "edit") this.#endContext();
    this.#endTyping();
    this.#context = { kind: "edit", item, aside: this.#text.value };
    this.#setText(item.text);
    this.#showContext();
    this.focusText();
    this.#text.setSelectionRange(item.text.length, item.text.length);
  }

  focusText() {
    this.#text.focus({ preventScroll: true });
  }

  /** @param {string} text put where the caret is */
  insert(text) {
    typeOver(this.#text, text, this.#text.selectionStart, this.#text.selectionEnd);
  }

  /** @param {string} mark put around what is selected, or taken away from there */
  #surround(mark) {
    const { selectionStart: start, selectionEnd: end, value } = this.#text;
    const isMarked = value.slice(0, start).endsWith(mark) && value.slice(end).startsWith(mark);
    const inner = value.slice(start, end);
    if (isMarked) typeOver(this.#text, inner, start - mark.length, end + mark.length);
    else typeOver(this.#text, `${mark}${inner}${mark}`, start, end);
    const from = isMarked ? start - mark.length : start + mark.length;
    this.#text.setSelectionRange(from, from + inner.length);
  }

  /** Puts what is typed on disk now. */
  async save() {
    await this.#saveDraft();
  }

  #onFiles() {
    this.#showText();
    if (!this.#isAwaited || this.#tray.isBusy) return;
    this.#isAwaited = false;
    void this.#submit();
  }

  /** @param {ClipboardEvent} event */
  #onPaste(event) {
    const files = [...(event.clipboardData?.files ?? [])];
    // A piece of a table, say, comes as text, and as a picture of it.
    const isText = event.clipboardData?.types.includes("text/html") && event.clipboardData.getData("text/plain") !== "";
    if (files.length === 0 || isText || !this.mayAttach || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    this.attach(files);
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    const mark = (event.ctrlKey || event.metaKey) && !event.altKey ? MARKS.get(event.key) : undefined;
    if (mark) {
      event.preventDefault();
      this.#surround(mark);
    }
    if (event.key === "Escape" && this.#context.kind !== "none") {
      event.preventDefault();
      this.#endContext();
    }
    if (event.key === "ArrowUp" && this.#text.value === "" && this.#context.kind === "none") {
      event.preventDefault();
      this.dispatchEvent(new CustomEvent("edit-last"));
    }
    // WebKit ends a composition before the key that ended it; that key has the code 229.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    void this.#submit();
  }

  #onInput() {
    showFailure(this.#alert, null);
    this.#showText();
    if (this.#draftTimer === 0) this.#draftTimer = setTimeout(() => void this.#saveDraft(), DRAFT_AFTER);
    if (this.#text.value.trim() === "" || this.#context.kind === "edit") this.#endTyping();
    else this.#tellTyping();
  }

  #endContext() {
    const context = this.#context;
    this.#context = NO_CONTEXT;
    if (context.kind === "edit") this.#setText(context.aside);
    showFailure(this.#alert, null);
    this.#showContext();
  }

  #showContext() {
    const context = this.#context;
    part(this.#root, "context").hidden = context.kind === "none";
    if (context.kind !== "none") {
      const name = context.item.own ? t("composer.yourself") : context.item.sender.name;
      const text = bodyText(context.item);
      const words = context.kind === "edit" ? t("composer.editing", { text }) : t("composer.replying", { name, text });
      setText(part(this.#root, "context-text"), words);
      setAttribute(part(this.#root, "context-icon"), "href", `#icon-${context.kind}`);
    }
    // An answer goes no further than what it answers.
    const inherited = context.kind === "reply" ? context.item.audience : null;
    const names = this.#audience?.names ?? inherited;
    part(this.#root, "audience").hidden = !names || context.kind === "edit";
    part(this.#root, "audience-end").hidden = !this.#audience;
    setText(part(this.#root, "audience-text"), names ? t("message.audience", { names: nameList(names) }) : "");
    this.#root.classList.toggle("restricted", Boolean(names));
  }

  /** @returns {string} what is meant to become a message of its own */
  get #draft() {
    return this.#context.kind === "edit" ? this.#context.aside : this.#text.value;
  }

  #onLeave() {
    void this.#saveDraft();
    this.#endTyping();
  }

  async #submit() {
    const chatId = this.#chatId;
    const typed = this.#text.value.trim();
    // Who presses Enter a moment too early is done with it all the same.
    this.#isAwaited = this.#context.kind !== "edit" && this.#tray.isBusy;
    if (!chatId || !this.#open || !this.#canSend()) return;
    const context = this.#context;
    if (context.kind === "edit") return this.#saveEdit(context, typed);
    const outcome = outcomeOf(typed, this.#open, this.#myName);
    if ("intent" in outcome) return this.#runCommand(outcome.intent);
    const { text } = outcome;
    // The next message may be written at once; this one comes back into the box if the app cannot take it.
    this.#leaving.push({ chatId, text, context, audience: this.#audience, files: this.#tray.take() });
    this.#context = NO_CONTEXT;
    this.#audience = null;
    this.#setText("");
    showFailure(this.#alert, null);
    this.#showContext();
    this.#endTyping();
    if (this.#isSending) return;
    this.#isSending = true;
    for (let next; (next = this.#leaving[0]);) {
      try {
        await dispatch(sendIntent(next));
        this.#leaving.shift();
        this.#whenTaken(next.chatId);
      } catch (failure) {
        this.#takeBack(/** @type {Failure} */ (failure));
      }
    }
    this.#isSending = false;
    this.#rests.clear();
  }

  /** @param {import("../types").Intent} intent that a command in the box stands for */
  async #runCommand(intent) {
    try {
      await dispatch(intent);
      this.#setText("");
      void this.#saveDraft();
    } catch (failure) {
      showFailure(this.#alert, /** @type {Failure} */ (failure));
    }
  }

  /**
   * @param {Extract<Context, { kind: "edit" }>} context
   * @param {string} text
   */
  async #saveEdit(context, text) {
    try {
      if (text !== context.item.text) await dispatch({ type: "edit", key: context.item.key, text });
      if (this.#context === context) this.#endContext();
    } catch (failure) {
      showFailure(this.#alert, /** @type {Failure} */ (failure));
    }
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
    for (const { chatId, files } of this.#leaving) this.#tray.putBack(chatId, files);
    const mine = this.#unsent(this.#chatId);
    const first = this.#leaving.find(({ chatId }) => chatId === this.#chatId);
    this.#leaving = [];
    if (!chats.has(this.#chatId)) {
      window.dispatchEvent(new CustomEvent("failure", { detail: failure }));
      return;
    }
    if (this.#context.kind === "edit") this.#endContext();
    this.#setText(mine);
    if (first && this.#context.kind === "none") this.#context = first.context;
    if (first && !this.#audience) this.#audience = first.audience;
    this.#showContext();
    showFailure(this.#alert, failure);
    void this.#saveDraft();
  }

  /**
   * @param {string} chatId
   * @returns {string} all that is written there and not on disk as a message
   */
  #unsent(chatId) {
    const leaving = this.#leaving.filter((message) => message.chatId === chatId).flatMap(({ text }) => text || []);
    const written = (chatId === this.#chatId ? this.#draft : this.#rests.get(chatId)) ?? "";
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
    if (!MessageComposer.tellsTyping) return;
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
    this.#send.setAttribute("aria-disabled", String(!this.#canSend()));
  }

  /** @returns {boolean} whether there is something, and all of it can go */
  #canSend() {
    const isBlank = this.#text.value.trim() === "";
    const isEdit = this.#context.kind === "edit";
    return this.#bytesOver() <= 0 && (isEdit || !this.#tray.isBusy) && !(isBlank && (isEdit || this.#tray.isEmpty));
  }

  /** @returns {number} of the text, beyond what the server takes; negative where there is room */
  #bytesOver() {
    return new TextEncoder().encode(this.#text.value.trim()).length - this.#limit;
  }
}

/** @param {Leaving} leaving @returns {import("../types").Intent} */
function sendIntent({ chatId, text, context, audience, files }) {
  const replyTo = context.kind === "reply" ? context.item.key : null;
  const { visibleTo = [], visibleToRoles = [] } = audience ?? {};
  return { type: "send", chatId, text, replyTo, visibleTo, visibleToRoles, attachments: files };
}
