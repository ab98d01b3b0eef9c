/**
 * Chooses who in a chat can see the next message: people by name, people by their role on the server. A `choose`
 * event carries an {@link Audience}; an empty one is everyone.
 *
 * @typedef {import("../types").OpenChat} OpenChat
 * @typedef {import("../types").Member} Member
 * @typedef {{ visibleTo: string[], visibleToRoles: string[], names: string[] }} Audience
 */

import { showAvatar } from "../avatar.js";
import { KeyedList } from "../keyed-list.js";
import { instantiate, part, setText } from "../template.js";
import { roleName } from "../words.js";

export class AudiencePicker extends HTMLElement {
  #dialog = /** @type {HTMLDialogElement} */ (instantiate("audience-picker"));
  #people = new KeyedList(
    part(this.#dialog, "people"),
    (/** @type {Member} */ member) => member.id,
    () => instantiate("person-row"),
  );
  #roles = new KeyedList(
    part(this.#dialog, "roles"),
    (/** @type {string} */ role) => role,
    () => instantiate("role-row"),
  );
  /** @type {Member[]} */
  #members = [];

  connectedCallback() {
    this.append(this.#dialog);
    part(this.#dialog, "close").addEventListener("click", () => this.#dialog.close());
    part(this.#dialog, "everyone").addEventListener("click", () => this.#choose([], []));
    this.#dialog.querySelector("form")?.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#choose(chosen(part(this.#dialog, "people")), chosen(part(this.#dialog, "roles")));
    });
  }

  /**
   * @param {OpenChat} chat
   * @param {string} me
   * @param {Audience | null} audience what is chosen so far
   */
  open(chat, me, audience) {
    this.#members = chat.members.filter(({ id }) => id !== me);
    this.#people.show(this.#members, (row, member) => {
      showAvatar(part(row, "avatar"), member.id, member.name, member.avatar);
      setText(part(row, "name"), member.name);
      setText(part(row, "username"), `@${member.username}`);
      setBox(row, member.id, audience?.visibleTo ?? []);
    });
    this.#roles.show([...new Set(chat.members.map(({ role }) => role))].sort(), (row, role) => {
      setText(part(row, "name"), roleName(role));
      setBox(row, role, audience?.visibleToRoles ?? []);
    });
    this.#dialog.showModal();
  }

  /** @param {string[]} visibleTo @param {string[]} visibleToRoles */
  #choose(visibleTo, visibleToRoles) {
    this.#dialog.close();
    const people = this.#members.filter(({ id }) => visibleTo.includes(id)).map(({ name }) => name);
    const names = [...people, ...visibleToRoles.map(roleName)];
    this.dispatchEvent(new CustomEvent("choose", { detail: { visibleTo, visibleToRoles, names } }));
  }
}

/** @param {Element} row @param {string} value @param {readonly string[]} among */
function setBox(row, value, among) {
  const box = /** @type {HTMLInputElement} */ (part(row, "box"));
  box.value = value;
  box.checked = among.includes(value);
}

/** @param {Element} list @returns {string[]} */
function chosen(list) {
  const boxes = /** @type {NodeListOf<HTMLInputElement>} */ (list.querySelectorAll("input:checked"));
  return [...boxes].map(({ value }) => value);
}
