/**
 * Below the chats, while one is looked for: people whom nobody has written to yet. Choosing one starts a chat.
 *
 * @typedef {import("../types").View} View
 * @typedef {import("../types").Person} Person
 */

import { showAvatar } from "../avatar.js";
import { wish } from "../ipc.js";
import { KeyedList } from "../keyed-list.js";
import { RovingFocus } from "../roving-focus.js";
import { instantiate, part, setText } from "../template.js";
import { t } from "../words.js";

/** A search begins when typing rests for this long. */
const SEARCH_AFTER = 200;

export class PeopleFound extends HTMLElement {
  #title = document.createElement("h2");
  #list = document.createElement("ul");
  #people = new KeyedList(
    this.#list,
    (/** @type {Person} */ person) => person.id,
    (person) => createRow(person.id),
  );
  #focus = new RovingFocus(this.#list, () => [...this.#list.querySelectorAll("button")]);
  #query = "";
  #isAllowed = false;
  #timer = 0;

  connectedCallback() {
    this.hidden = true;
    this.#title.className = "people-title";
    this.#title.textContent = t("newChat.found");
    this.#list.setAttribute("role", "list");
    this.#list.setAttribute("aria-label", t("newChat.found"));
    this.append(this.#title, this.#list);
  }

  /** @param {string} text that is looked for; nothing ends it */
  find(text) {
    const query = text.trim();
    clearTimeout(this.#timer);
    if (!this.#isAllowed || query === this.#query) return;
    this.#query = query;
    if (query === "") this.#ask();
    else this.#timer = setTimeout(() => this.#ask(), SEARCH_AFTER);
  }

  /** @returns {boolean} whether there is one */
  focusFirst() {
    this.#focus.first();
    return !this.hidden;
  }

  /** @param {View} view */
  render({ people, session, chats }) {
    this.#isAllowed = session.state === "signedIn" && session.mayStartChats;
    const me = session.state === "signedIn" ? session.me.id : "";
    const known = new Set(chats.filter(({ kind }) => kind === "direct").map(({ name }) => name));
    const found = people && people.query === this.#query && this.#query !== "" ? people.people : [];
    const shown = found.filter(({ id, name }) => id !== me && !known.has(name));
    this.#people.show(shown, fillRow, Object.is);
    this.#focus.update();
    this.hidden = shown.length === 0;
  }

  #ask() {
    void wish({ type: "findPeople", query: this.#query === "" ? null : this.#query });
  }
}

/** @param {string} id */
function createRow(id) {
  const row = instantiate("found-row");
  part(row, "button").addEventListener("click", () => {
    void wish({ type: "startChat", kind: "direct", name: null, memberIds: [id] });
  });
  return row;
}

/**
 * @param {HTMLElement} row
 * @param {Person} person
 */
function fillRow(row, person) {
  showAvatar(part(row, "avatar"), person.id, person.name, person.avatar);
  setText(part(row, "name"), person.name);
  setText(part(row, "username"), `@${person.username}`);
}
