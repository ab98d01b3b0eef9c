/**
 * Finds messages: in the open chat or in all, by words and by what narrows a search down. What is found is walked
 * through by keys, and each leads to its message.
 *
 * @typedef {import("../types").View} View
 * @typedef {import("../types").Search} Search
 * @typedef {import("../types").SearchHit} SearchHit
 */

import { failureText, fullTime, listOf, nameList, shortTime, t } from "../words.js";
import { showAvatar } from "../avatar.js";
import { wish } from "../ipc.js";
import { KeyedList } from "../keyed-list.js";
import { RovingFocus } from "../roving-focus.js";
import { instantiate, part, setAttribute, setText } from "../template.js";

/** A search begins when typing rests for this long. */
const SEARCH_AFTER = 180;
/** What narrows a search down, with what is to be said of it. */
const FILTERS = [
  ["from:", "search.from"],
  ["in:", "search.in"],
  ["before:", "search.before"],
  ["after:", "search.after"],
  ["has:image", "search.image"],
  ["has:file", "search.file"],
  ["has:link", "search.link"],
];

export class MessageSearch extends HTMLElement {
  #dialog = /** @type {HTMLDialogElement} */ (instantiate("message-search"));
  #query = /** @type {HTMLInputElement} */ (part(this.#dialog, "query"));
  #here = /** @type {HTMLInputElement} */ (part(this.#dialog, "here"));
  #list = part(this.#dialog, "found");
  #rows = new KeyedList(
    this.#list,
    (/** @type {SearchHit} */ hit) => hit.key,
    () => instantiate("search-row"),
  );
  #focus = new RovingFocus(this.#list, () => [...this.#list.querySelectorAll("button")]);
  /** @type {View | null} */
  #view = null;
  #timer = 0;

  connectedCallback() {
    this.append(this.#dialog);
    part(this.#dialog, "filters").append(...FILTERS.map(([filter = "", words = ""]) => this.#filter(filter, t(words))));
    part(this.#dialog, "close").addEventListener("click", () => this.#dialog.close());
    part(this.#dialog, "more").addEventListener("click", () => void wish({ type: "searchMore" }));
    this.#here.addEventListener("change", () => this.#ask());
    this.#query.addEventListener("input", () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#ask(), SEARCH_AFTER);
    });
    this.#query.addEventListener("keydown", (event) => {
      // By itself the field would empty itself first, and what was looked for be gone.
      if (event.key === "Escape") {
        event.preventDefault();
        this.#dialog.close();
      }
      if (event.key !== "ArrowDown" && event.key !== "Enter") return;
      event.preventDefault();
      this.#focus.first();
    });
    this.#list.addEventListener("click", (event) => this.#onClick(event));
    this.#dialog.addEventListener("click", (event) => {
      if (event.target === this.#dialog) this.#dialog.close();
    });
  }

  /** @param {{ isHere: boolean, query?: string }} what whether the open chat alone is looked through, and for what */
  open({ isHere, query }) {
    if (document.querySelector("dialog[open]") || this.#view?.session.state !== "signedIn") return;
    this.#here.checked = isHere && this.#view.open !== null;
    if (query !== undefined) this.#query.value = query;
    this.#dialog.showModal();
    this.#query.focus();
    this.#query.select();
    this.#show();
    if (this.#query.value !== "") this.#ask();
  }

  /** @param {View} view */
  render(view) {
    this.#view = view;
    if (view.session.state !== "signedIn") {
      this.#query.value = "";
      this.#dialog.close();
    }
    if (this.#dialog.open) this.#show();
  }

  #show() {
    const { search, found, open } = this.#view ?? {};
    part(this.#dialog, "here-row").hidden = !open;
    setText(part(this.#dialog, "here-text"), t("search.here", { name: open?.name ?? "" }));
    const isBlank = this.#query.value.trim() === "";
    part(this.#dialog, "filters").hidden = !isBlank;
    const hits = isBlank || !search ? [] : (found ?? []);
    this.#rows.show(hits, fillRow, Object.is);
    this.#focus.update();
    this.#list.hidden = hits.length === 0;
    part(this.#dialog, "more").hidden = hits.length === 0 || !search?.hasMore;
    setText(part(this.#dialog, "note"), isBlank ? t("search.hint") : noteOf(search ?? null, hits.length));
    this.#dialog.toggleAttribute("data-loading", !isBlank && search?.isLoading === true);
  }

  #ask() {
    clearTimeout(this.#timer);
    const query = this.#query.value.trim();
    const chatId = this.#here.checked ? (this.#view?.open?.id ?? null) : null;
    if (query === "") void wish({ type: "closeSearch" });
    else void wish({ type: "search", query, chatId });
    this.#show();
  }

  /** @param {MouseEvent} event */
  #onClick(event) {
    const row = event.target instanceof Element ? event.target.closest("li") : null;
    const hit = this.#view?.found.find(({ key }) => key === row?.dataset.key);
    if (!hit) return;
    this.#dialog.close();
    delete document.body.dataset.pane;
    void wish({ type: "jumpTo", chatId: hit.chatId, messageId: hit.id });
  }

  /** @param {string} filter @param {string} words */
  #filter(filter, words) {
    const row = instantiate("search-filter");
    setText(part(row, "filter"), filter);
    setText(part(row, "words"), words);
    part(row, "add").addEventListener("click", () => {
      const before = this.#query.value.trim();
      this.#query.value = `${before === "" ? "" : `${before} `}${filter}${filter.endsWith(":") ? "" : " "}`;
      this.#query.focus();
      this.#ask();
    });
    return row;
  }
}

/** @param {HTMLElement} row @param {SearchHit} hit */
function fillRow(row, { key, chatName, sender, own, at, excerpt, files, restricted }) {
  row.dataset.key = key;
  const name = own ? t("message.ownSender", { name: sender.name }) : sender.name;
  showAvatar(part(row, "avatar"), sender.id, sender.name, sender.avatar);
  setText(part(row, "sender"), name);
  setText(part(row, "chat"), chatName);
  const time = part(row, "time");
  setText(time, shortTime(at));
  time.title = fullTime(at);
  part(row, "excerpt").replaceChildren(
    ...excerpt.map(({ text, isHit }) => {
      const piece = document.createElement(isHit ? "mark" : "span");
      piece.textContent = text;
      return piece;
    }),
  );
  setText(part(row, "files"), nameList(files));
  part(row, "files-row").hidden = files.length === 0;
  part(row, "restricted").toggleAttribute("hidden", !restricted);
  const text = listOf([excerpt.map((piece) => piece.text).join(""), ...files]);
  setAttribute(row, "aria-label", t("search.hit", { sender: name, chat: chatName, text, at: shortTime(at) }));
}

/** @param {Search | null} search @param {number} count @returns {string} how the search stands */
function noteOf(search, count) {
  if (!search || (search.isLoading && count === 0)) return t("search.searching");
  if (search.failure) return t("search.partly", { count, reason: failureText(search.failure) });
  if (search.isLoading) return t("search.searching");
  if (count === 0) return t("search.nothing", { query: search.query });
  return t(search.hasMore ? "search.countMore" : "search.count", { count });
}
