/**
 * The files that go with the next message of a chat: chosen, dropped or pasted; each can be taken away again. Every
 * chat has its own.
 *
 * @typedef {import("./types").StagedFile} StagedFile
 * @typedef {import("./types").Failure} Failure
 *
 * @typedef {object} Entry
 * @property {string} name
 * @property {number} size
 * @property {string} mimeType
 * @property {StagedFile | null} staged
 * @property {Staging | null} staging while it is handed over
 */

import { fileKind, showFileKind } from "./file-kind.js";
import { detachFile, pictureAddress } from "./ipc.js";
import { KeyedList } from "./keyed-list.js";
import { Staging } from "./staging.js";
import { instantiate, part, setAttribute, setText } from "./template.js";
import { byteSize, t } from "./words.js";

/** How many files a message may have. */
const MOST = 20;

export class AttachmentTray {
  element = instantiate("attachment-tray");
  /** The largest file that the server takes, in bytes. @type {number | null} */
  limit = null;
  #chatId = "";
  /** @type {Map<string, Entry[]>} */
  #trays = new Map();
  /** @type {WeakMap<Entry, string>} */
  #keys = new WeakMap();
  #nextKey = 0;
  #changed;
  #failed;
  #rows = new KeyedList(
    this.element,
    (/** @type {Entry} */ entry) => this.#keyOf(entry),
    (entry) => this.#createRow(entry),
  );

  /**
   * @param {() => void} changed is called when there is another file, or one is ready
   * @param {(failure: Failure) => void} failed hears why a file was not taken
   */
  constructor(changed, failed) {
    this.#changed = changed;
    this.#failed = failed;
  }

  get isEmpty() {
    return this.#entries.length === 0;
  }

  /** Whether a file is still being handed over. */
  get isBusy() {
    return this.#entries.some(({ staged }) => !staged);
  }

  /** @param {string} chatId whose files are shown from now on */
  show(chatId) {
    this.#chatId = chatId;
    this.#fill();
  }

  /** @param {Iterable<File>} files */
  add(files) {
    for (const file of files) {
      const refusal = this.#refusalOf(file);
      if (refusal) {
        this.#failed({ code: "", message: refusal });
        continue;
      }
      void this.#stage(file);
    }
    this.#fill();
  }

  /** @returns {StagedFile[]} those of the chat that is shown, which are the message's from now on */
  take() {
    const files = this.#entries.flatMap(({ staged }) => staged ?? []);
    this.#trays.delete(this.#chatId);
    this.#fill();
    return files;
  }

  /** @param {string} chatId @param {readonly StagedFile[]} files that were not sent after all */
  putBack(chatId, files) {
    if (files.length === 0) return;
    const entries = files.map((staged) => ({ ...staged, staged, staging: null }));
    this.#trays.set(chatId, [...entries, ...(this.#trays.get(chatId) ?? [])]);
    this.#fill();
  }

  /** @returns {Record<string, StagedFile[]>} all that are ready, by chat */
  get ready() {
    const ready = [...this.#trays].map(([chatId, entries]) => [chatId, entries.flatMap(({ staged }) => staged ?? [])]);
    return Object.fromEntries(ready.filter(([, files]) => files && files.length > 0));
  }

  get #entries() {
    return this.#trays.get(this.#chatId) ?? [];
  }

  /** @param {File} file @returns {string} why it is not taken; nothing where it is */
  #refusalOf({ name, size }) {
    if (this.#entries.length >= MOST) return t("files.tooMany", { count: MOST });
    if (this.limit !== null && size > this.limit)
      return t("files.tooLarge", { name, size: byteSize(size), limit: byteSize(this.limit) });
    return "";
  }

  /** @param {File} file */
  async #stage(file) {
    const chatId = this.#chatId;
    const staging = new Staging(file, () => this.#fill());
    /** @type {Entry} */
    const entry = { name: file.name, size: file.size, mimeType: file.type, staged: null, staging };
    this.#trays.set(chatId, [...this.#entries, entry]);
    try {
      await staging.run();
      entry.staged = staging.staged;
      entry.staging = null;
    } catch (failure) {
      this.#forget(entry);
      this.#failed(/** @type {Failure} */ (failure));
    }
    this.#fill();
  }

  /** @param {Entry} entry */
  #remove(entry) {
    entry.staging?.stop();
    if (entry.staged) void detachFile(entry.staged.id);
    this.#forget(entry);
    this.#fill();
  }

  /** @param {Entry} entry */
  #forget(entry) {
    for (const [chatId, entries] of this.#trays) {
      const left = entries.filter((other) => other !== entry);
      if (left.length > 0) this.#trays.set(chatId, left);
      else this.#trays.delete(chatId);
    }
  }

  #fill() {
    const entries = this.#entries;
    this.element.hidden = entries.length === 0;
    this.#rows.show(entries, fillRow, () => false);
    this.#changed();
  }

  /** @param {Entry} entry */
  #createRow(entry) {
    const row = instantiate("tray-row");
    part(row, "remove").addEventListener("click", () => this.#remove(entry));
    return row;
  }

  /** @param {Entry} entry */
  #keyOf(entry) {
    let key = this.#keys.get(entry);
    if (!key) {
      key = String((this.#nextKey += 1));
      this.#keys.set(entry, key);
    }
    return key;
  }
}

/** @param {HTMLElement} row @param {Entry} entry */
function fillRow(row, { name, size, mimeType, staged, staging }) {
  setText(part(row, "name"), name);
  setText(part(row, "size"), byteSize(size));
  setAttribute(row, "aria-label", `${name}, ${byteSize(size)}`);
  const remove = t("files.remove", { name });
  setAttribute(part(row, "remove"), "aria-label", remove);
  setAttribute(part(row, "remove"), "title", remove);
  const progress = /** @type {HTMLProgressElement} */ (part(row, "progress"));
  progress.hidden = !staging;
  setAttribute(progress, "aria-label", t("files.preparing", { name }));
  if (staging) progress.value = size > 0 ? staging.taken / size : 0;
  showFileKind(part(row, "kind"), name);
  const image = /** @type {HTMLImageElement} */ (part(row, "image"));
  if (!staged || fileKind(mimeType) !== "picture" || image.src) return;
  image.addEventListener("load", () => row.classList.add("pictured"), { once: true });
  image.src = pictureAddress(`staged/${staged.id}`);
}
