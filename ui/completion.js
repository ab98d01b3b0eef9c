/**
 * Suggestions while typing: emoji after `:`, people after `@`, chats after `#`, and commands after a `/` that begins
 * the text. The text box keeps the focus; the suggestion that Enter or Tab would take is its active descendant.
 *
 * @typedef {import("./types").Person} Person
 * @typedef {import("./types").ChatRow} ChatRow
 */

import { findEmoji } from "./emoji.js";
import { typeOver } from "./typing.js";
import { folded, t } from "./words.js";

/** @typedef {{ shown: string, insert: string }} Suggestion */

const SHOWN = 6;
/** What is being named just before the caret. */
const TOKEN = /(?:^|\s)([:@#])([\p{L}\p{N}_.+-]*)$|^(\/)(\w*)$/u;
/** So many letters an emoji needs, so that a colon alone suggests nothing. */
const EMOJI_FROM = 2;

export class Completion {
  /** Those who can be mentioned. @type {readonly Person[]} */
  people = [];
  /** Those that can be linked to. @type {readonly ChatRow[]} */
  chats = [];
  /** Those that can be given. @type {readonly string[]} */
  commands = [];
  #box;
  #list = document.createElement("ul");
  /** @type {Suggestion[]} */
  #suggestions = [];
  #active = 0;
  /** Where the token begins that a suggestion would replace. */
  #from = 0;

  /** @param {HTMLTextAreaElement} box */
  constructor(box) {
    this.#box = box;
    this.#list.id = "composer-completion";
    this.#list.className = "completion";
    this.#list.hidden = true;
    this.#list.setAttribute("role", "listbox");
    this.#list.setAttribute("aria-label", t("completion.label"));
    box.setAttribute("aria-autocomplete", "list");
    box.addEventListener("input", () => this.#suggest());
    box.addEventListener("blur", () => this.close());
    box.addEventListener("click", () => this.close());
    box.addEventListener("keydown", (event) => this.#onKey(event));
    // A press would take the focus, and with it the caret.
    this.#list.addEventListener("mousedown", (event) => event.preventDefault());
    this.#list.addEventListener("click", (event) => {
      const option = event.target instanceof Element ? event.target.closest("li") : null;
      const at = option ? [...this.#list.children].indexOf(option) : -1;
      if (at >= 0) this.#take(at);
    });
  }

  /** The list; it belongs beside the text box. */
  get element() {
    return this.#list;
  }

  close() {
    this.#suggestions = [];
    this.#show();
  }

  #suggest() {
    const caret = this.#box.selectionStart;
    const match = caret === this.#box.selectionEnd ? TOKEN.exec(this.#box.value.slice(0, caret)) : null;
    const mark = match?.[1] ?? match?.[3] ?? "";
    const typed = match?.[2] ?? match?.[4] ?? "";
    this.#from = caret - typed.length - mark.length;
    this.#suggestions = this.#find(mark, typed).slice(0, SHOWN);
    this.#active = 0;
    this.#show();
  }

  /**
   * @param {string} mark
   * @param {string} typed
   * @returns {Suggestion[]}
   */
  #find(mark, typed) {
    switch (mark) {
      case ":":
        return emojiFor(typed);
      case "@":
        return peopleFor(typed, this.people);
      case "#":
        return chatsFor(typed, this.chats);
      case "/":
        return commandsFor(typed, this.commands);
      default:
        return [];
    }
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    // The key that ends a composition comes after it in WebKit, with the code 229.
    if (this.#suggestions.length === 0 || event.isComposing || event.keyCode === 229) return;
    const count = this.#suggestions.length;
    if (event.key === "ArrowDown") this.#active = (this.#active + 1) % count;
    else if (event.key === "ArrowUp") this.#active = (this.#active - 1 + count) % count;
    else if (event.key === "Escape") this.#suggestions = [];
    else if ((event.key === "Enter" || event.key === "Tab") && !event.shiftKey) return this.#takeBy(event);
    else return;
    // What the key would do in the box, and in the composer around it, has been done here.
    event.preventDefault();
    event.stopImmediatePropagation();
    this.#show();
  }

  /** @param {KeyboardEvent} event */
  #takeBy(event) {
    event.preventDefault();
    event.stopImmediatePropagation();
    this.#take(this.#active);
  }

  /** @param {number} at */
  #take(at) {
    const suggestion = this.#suggestions[at];
    if (!suggestion) return;
    typeOver(this.#box, `${suggestion.insert} `, this.#from, this.#box.selectionEnd);
    this.close();
  }

  #show() {
    const isOpen = this.#suggestions.length > 0;
    this.#list.hidden = !isOpen;
    this.#list.replaceChildren(...this.#suggestions.map(({ shown }, at) => option(shown, at, at === this.#active)));
    if (!isOpen) {
      this.#box.removeAttribute("aria-activedescendant");
      this.#box.removeAttribute("aria-controls");
      return;
    }
    this.#box.setAttribute("aria-controls", this.#list.id);
    this.#box.setAttribute("aria-activedescendant", optionId(this.#active));
  }
}

/** @param {string} typed @returns {Suggestion[]} */
function emojiFor(typed) {
  if (typed.length < EMOJI_FROM) return [];
  return findEmoji(typed).map(({ emoji, name }) => ({ shown: `${emoji} :${name}:`, insert: emoji }));
}

/**
 * @param {string} typed
 * @param {readonly Person[]} people
 * @returns {Suggestion[]} nobody when the name is there in full
 */
function peopleFor(typed, people) {
  const wanted = folded(typed);
  if (people.some(({ username }) => folded(username) === wanted)) return [];
  const found = people.filter(
    ({ name, username }) =>
      folded(username).startsWith(wanted) ||
      folded(name)
        .split(/\s+/u)
        .some((word) => word.startsWith(wanted)),
  );
  return found.map(({ name, username }) => ({ shown: `${name} @${username}`, insert: `@${username}` }));
}

/**
 * @param {string} typed
 * @param {readonly ChatRow[]} chats
 * @returns {Suggestion[]}
 */
function chatsFor(typed, chats) {
  const wanted = folded(typed);
  const found = chats.filter(({ kind, name }) => kind === "group" && folded(name).includes(wanted));
  return found.map(({ id, name }) => ({
    shown: `#${name}`,
    // Brackets in a name would end the link's words.
    insert: `[#${name.replace(/[[\]\\]/gu, "\\$&")}](khaya://chat/${id})`,
  }));
}

/**
 * @param {string} typed
 * @param {readonly string[]} commands
 * @returns {Suggestion[]} none when the command is there in full
 */
function commandsFor(typed, commands) {
  if (commands.includes(typed)) return [];
  const found = commands.filter((name) => name.startsWith(typed.toLowerCase()));
  return found.map((name) => ({ shown: `/${name} · ${t(`command.${name}`)}`, insert: `/${name}` }));
}

/**
 * @param {string} text
 * @param {number} at
 * @param {boolean} isActive
 */
function option(text, at, isActive) {
  const item = document.createElement("li");
  item.id = optionId(at);
  item.className = "completion-option";
  item.dir = "auto";
  item.setAttribute("role", "option");
  item.setAttribute("aria-selected", String(isActive));
  item.textContent = text;
  return item;
}

/** @param {number} at */
function optionId(at) {
  return `composer-completion-${at}`;
}
