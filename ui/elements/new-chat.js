/**
 * The dialog that starts a chat: one person makes a direct chat, several a group with a name.
 *
 * @typedef {import("../types").View} View
 * @typedef {import("../types").Person} Person
 * @typedef {import("../types").PeopleSearch} PeopleSearch
 * @typedef {import("../types").Failure} Failure
 */

import { showAvatar } from "../avatar.js";
import { showFailure } from "../failure.js";
import { dispatch, wish } from "../ipc.js";
import { KeyedList } from "../keyed-list.js";
import { instantiate, part, setAttribute, setText } from "../template.js";
import { failureText, t } from "../words.js";

/** A search begins when typing rests for this long. */
const SEARCH_AFTER = 150;

export class NewChat extends HTMLElement {
  #dialog = /** @type {HTMLDialogElement} */ (instantiate("new-chat"));
  #query = /** @type {HTMLInputElement} */ (part(this.#dialog, "query"));
  #name = /** @type {HTMLInputElement} */ (part(this.#dialog, "name"));
  #chosenList = part(this.#dialog, "chosen");
  #peopleList = part(this.#dialog, "people");
  #start = part(this.#dialog, "start");
  #alert = part(this.#dialog, "alert");
  /** @type {Map<string, Person>} */
  #chosen = new Map();
  /** @type {PeopleSearch | null} */
  #search = null;
  #isAllowed = false;
  #isStarting = false;
  #timer = 0;
  #people = new KeyedList(
    this.#peopleList,
    (/** @type {Person} */ person) => person.id,
    () => instantiate("person-row"),
  );
  #chips = new KeyedList(
    this.#chosenList,
    (/** @type {Person} */ person) => person.id,
    (person) => this.#createChip(person),
  );

  connectedCallback() {
    this.append(this.#dialog);
    part(this.#dialog, "close").addEventListener("click", () => this.#dialog.close());
    this.#dialog.addEventListener("close", () => this.#end());
    this.#dialog.querySelector("form")?.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#submit();
    });
    this.#query.addEventListener("input", () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#find(), SEARCH_AFTER);
    });
    this.#peopleList.addEventListener("change", (event) => {
      const box = /** @type {HTMLInputElement} */ (event.target);
      const person = this.#search?.people.find(({ id }) => id === box.value);
      if (person) this.#choose(person, box.checked);
    });
  }

  open() {
    if (!this.#isAllowed || this.#dialog.open) return;
    this.#query.value = "";
    this.#name.value = "";
    this.#chosen.clear();
    showFailure(this.#alert, null);
    this.#show();
    this.#dialog.showModal();
    this.#query.focus();
    this.#find();
  }

  /** @param {View} view */
  render({ people, session }) {
    this.#search = people;
    this.#isAllowed = session.state === "signedIn" && session.mayStartChats;
    if (!this.#isAllowed) this.#dialog.close();
    if (this.#dialog.open) this.#show();
  }

  #find() {
    void wish({ type: "findPeople", query: this.#query.value.trim() });
  }

  #end() {
    clearTimeout(this.#timer);
    void wish({ type: "findPeople", query: null });
  }

  /**
   * @param {Person} person
   * @param {boolean} isChosen
   */
  #choose(person, isChosen) {
    if (isChosen) this.#chosen.set(person.id, person);
    else this.#chosen.delete(person.id);
    this.#show();
  }

  async #submit() {
    if (this.#chosen.size === 0) {
      this.#query.focus();
      return;
    }
    const name = this.#name.value.trim();
    const isGroup = this.#chosen.size > 1;
    if (isGroup && name === "") {
      this.#name.focus();
      return;
    }
    if (this.#isStarting) return;
    this.#isStarting = true;
    showFailure(this.#alert, null);
    try {
      const memberIds = [...this.#chosen.keys()];
      await dispatch({ type: "startChat", kind: isGroup ? "group" : "direct", name: isGroup ? name : null, memberIds });
      this.#dialog.close();
      this.dispatchEvent(new CustomEvent("started"));
    } catch (failure) {
      showFailure(this.#alert, /** @type {Failure} */ (failure));
    } finally {
      this.#isStarting = false;
    }
  }

  #show() {
    const isGroup = this.#chosen.size > 1;
    this.#chips.show([...this.#chosen.values()], fillChip);
    this.#chosenList.hidden = this.#chosen.size === 0;
    this.#people.show(this.#search?.people ?? [], (row, person) => this.#fillPerson(row, person));
    part(this.#dialog, "name-field").hidden = !isGroup;
    setText(part(this.#dialog, "note"), noteText(this.#search));
    setText(this.#start, t(isGroup ? "newChat.startGroup" : "newChat.start"));
    setAttribute(this.#start, "aria-disabled", String(this.#chosen.size === 0));
  }

  /** @param {Person} person */
  #createChip(person) {
    const chip = instantiate("chosen-row");
    part(chip, "remove").addEventListener("click", () => {
      this.#choose(person, false);
      this.#query.focus();
    });
    return chip;
  }

  /**
   * @param {HTMLElement} row
   * @param {Person} person
   */
  #fillPerson(row, person) {
    const box = /** @type {HTMLInputElement} */ (part(row, "box"));
    box.value = person.id;
    box.checked = this.#chosen.has(person.id);
    showAvatar(part(row, "avatar"), person.id, person.name, person.avatar);
    setText(part(row, "name"), person.name);
    setText(part(row, "username"), `@${person.username}`);
  }
}

/**
 * @param {HTMLElement} chip
 * @param {Person} person
 */
function fillChip(chip, person) {
  setText(part(chip, "name"), person.name);
  setAttribute(part(chip, "remove"), "aria-label", t("newChat.remove", { name: person.name }));
}

/** @param {PeopleSearch | null} search */
function noteText(search) {
  if (!search) return t("newChat.type");
  if (search.failure) return failureText(search.failure);
  if (search.people.length > 0) return "";
  if (search.isLoading) return t("newChat.searching");
  return search.query === "" ? t("newChat.type") : t("newChat.nobody", { query: search.query });
}
