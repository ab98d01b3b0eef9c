/**
 * What there is to know of the open chat, and to change in it: its name and topic, whether it is muted or pinned,
 * its members and their roles. What somebody may not do is not offered. A `files` event asks for its files.
 *
 * @typedef {import("../types").View} View
 * @typedef {import("../types").Person} Person
 * @typedef {import("../types").Member} Member
 * @typedef {import("../types").OpenChat} OpenChat
 * @typedef {import("./question-dialog.js").QuestionDialog} QuestionDialog
 */

import { showAvatar, showPresence } from "../avatar.js";
import { wish } from "../ipc.js";
import { KeyedList } from "../keyed-list.js";
import { instantiate, part, setAttribute, setText } from "../template.js";
import { presenceText, roleName, t } from "../words.js";

/** A search begins when typing rests for this long. */
const SEARCH_AFTER = 150;

export class ChatDetails extends HTMLElement {
  /** Who asks before something is done that cannot be taken back. @type {QuestionDialog | null} */
  question = null;
  #dialog = /** @type {HTMLDialogElement} */ (instantiate("chat-details"));
  #query = /** @type {HTMLInputElement} */ (part(this.#dialog, "query"));
  #name = /** @type {HTMLInputElement} */ (part(this.#dialog, "new-name"));
  #topic = /** @type {HTMLInputElement} */ (part(this.#dialog, "new-topic"));
  #members = new KeyedList(
    part(this.#dialog, "members"),
    (/** @type {Member} */ member) => member.id,
    (member) => this.#createMember(member),
  );
  #found = new KeyedList(
    part(this.#dialog, "found"),
    (/** @type {Person} */ person) => person.id,
    (person) => this.#createFound(person.id),
  );
  #pins = new KeyedList(
    part(this.#dialog, "pins"),
    (/** @type {OpenChat["pins"][number]} */ pin) => pin.id,
    (pin) => this.#createPin(pin.id),
  );
  #timer = 0;
  /** @type {View | null} */
  #view = null;

  connectedCallback() {
    this.append(this.#dialog);
    part(this.#dialog, "close").addEventListener("click", () => this.#dialog.close());
    this.#dialog.addEventListener("close", () => this.#find(""));
    this.#onSwitch("muted", (chatId, muted) => wish({ type: "muteChat", chatId, muted }));
    this.#onSwitch("pinned", (chatId, pinned) => wish({ type: "pinChat", chatId, pinned }));
    part(this.#dialog, "describe").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#describe();
    });
    this.#query.addEventListener("input", () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#find(this.#query.value), SEARCH_AFTER);
    });
    part(this.#dialog, "files").addEventListener("click", () => {
      this.#dialog.close();
      this.dispatchEvent(new CustomEvent("files"));
    });
    part(this.#dialog, "leave").addEventListener("click", () => void this.#end("leave"));
    part(this.#dialog, "delete").addEventListener("click", () => void this.#end("delete"));
  }

  open() {
    const open = this.#view?.open;
    if (this.#dialog.open || !open) return;
    this.#name.value = open.name;
    this.#topic.value = open.topic ?? "";
    this.#query.value = "";
    this.#dialog.showModal();
    this.#show();
  }

  /** @param {View} view */
  render(view) {
    if (view.open?.id !== this.#view?.open?.id) this.#dialog.close();
    this.#view = view;
    if (this.#dialog.open) this.#show();
  }

  #show() {
    const open = this.#view?.open;
    const session = this.#view?.session;
    if (!open || session?.state !== "signedIn") return;
    const { may } = open;
    setText(part(this.#dialog, "name"), open.name);
    setText(part(this.#dialog, "topic"), open.topic ?? "");
    part(this.#dialog, "topic").hidden = !open.topic;
    part(this.#dialog, "preferences").hidden = !may.prefer;
    /** @type {HTMLInputElement} */ (part(this.#dialog, "muted")).checked = open.muted;
    /** @type {HTMLInputElement} */ (part(this.#dialog, "pinned")).checked = open.pinned;
    part(this.#dialog, "describe").hidden = !may.describe;
    part(this.#dialog, "files").hidden = !may.attach;
    part(this.#dialog, "add").hidden = !may.addMembers;
    part(this.#dialog, "leave").hidden = !may.leave;
    part(this.#dialog, "delete").hidden = !may.delete;
    part(this.#dialog, "ends").hidden = !may.leave && !may.delete;
    setText(part(this.#dialog, "count"), t("details.count", { count: open.members.length }));
    this.#members.show(open.members, (row, member) => this.#fillMember(row, member, open));
    this.#showFound(open);
    part(this.#dialog, "pins-section").hidden = open.pins.length === 0;
    this.#pins.show(open.pins, (row, { senderName, excerpt }) => {
      setText(part(row, "sender"), senderName);
      setText(part(row, "excerpt"), excerpt);
    });
  }

  /** @param {OpenChat} open */
  #showFound({ members, may }) {
    const search = this.#query.value.trim() === "" || !may.addMembers ? null : this.#view?.people;
    const people = search?.people.filter(({ id }) => !members.some((member) => member.id === id)) ?? [];
    part(this.#dialog, "found").hidden = people.length === 0;
    this.#found.show(people, (row, person) => {
      showAvatar(part(row, "avatar"), person.id, person.name, person.avatar);
      setText(part(row, "name"), person.name);
      setText(part(row, "username"), `@${person.username}`);
      setText(part(row, "add"), t("details.addPerson", { name: person.name }));
    });
  }

  /**
   * @param {HTMLElement} row
   * @param {Member} member
   * @param {OpenChat} open
   */
  #fillMember(row, member, { kind, may }) {
    const session = this.#view?.session;
    const isMe = session?.state === "signedIn" && session.me.id === member.id;
    const canWrite = session?.state === "signedIn" && session.mayStartChats && kind === "group" && !isMe;
    showAvatar(part(row, "avatar"), member.id, member.name, member.avatar);
    showPresence(part(row, "avatar"), member.presence);
    setText(part(row, "name"), isMe ? t("message.ownSender", { name: member.name }) : member.name);
    setText(part(row, "username"), `@${member.username}`);
    setText(part(row, "presence"), member.presence ? presenceText(member.presence) : "");
    const write = part(row, "write");
    write.hidden = !canWrite;
    setAttribute(write, "aria-label", t("details.writeTo", { name: member.name }));
    setAttribute(write, "title", t("details.writeTo", { name: member.name }));
    const role = /** @type {HTMLSelectElement} */ (part(row, "role"));
    role.hidden = !may.setRoles || isMe;
    setAttribute(role, "aria-label", t("details.role", { name: member.name }));
    const remove = part(row, "remove");
    remove.hidden = !may.removeMembers || isMe;
    setAttribute(remove, "aria-label", t("details.remove", { name: member.name }));
    setAttribute(remove, "title", t("details.remove", { name: member.name }));
  }

  /** @param {Member} member */
  #createMember({ id, name }) {
    const row = instantiate("member-row");
    part(row, "write").addEventListener("click", () => {
      this.#dialog.close();
      void wish({ type: "startChat", kind: "direct", name: null, memberIds: [id] });
    });
    const role = /** @type {HTMLSelectElement} */ (part(row, "role"));
    role.append(new Option(t("details.roleChoose"), ""));
    for (const value of ["member", "moderator", "owner"]) role.append(new Option(roleName(value), value));
    role.addEventListener("change", () => {
      const chatId = this.#view?.open?.id;
      const chosen = /** @type {import("../types").ChatRole} */ (role.value);
      if (chatId && chosen) void wish({ type: "setRole", chatId, userId: id, role: chosen });
    });
    part(row, "remove").addEventListener("click", () => void this.#remove(id, name));
    return row;
  }

  /** @param {string} messageId */
  #createPin(messageId) {
    const row = instantiate("pin-row");
    part(row, "jump").addEventListener("click", () => {
      const chatId = this.#view?.open?.id;
      this.#dialog.close();
      if (chatId) void wish({ type: "jumpTo", chatId, messageId });
    });
    return row;
  }

  /** @param {string} userId */
  #createFound(userId) {
    const row = instantiate("found-person");
    part(row, "add").addEventListener("click", () => {
      const chatId = this.#view?.open?.id;
      if (chatId) void wish({ type: "addMember", chatId, userId });
    });
    return row;
  }

  /**
   * @param {string} name of the switch
   * @param {(chatId: string, isOn: boolean) => void} act
   */
  #onSwitch(name, act) {
    const input = /** @type {HTMLInputElement} */ (part(this.#dialog, name));
    input.addEventListener("change", () => {
      const chatId = this.#view?.open?.id;
      if (chatId) act(chatId, input.checked);
    });
  }

  #describe() {
    const open = this.#view?.open;
    const name = this.#name.value.trim();
    if (!open || name === "") return;
    void wish({ type: "describeChat", chatId: open.id, name, topic: this.#topic.value.trim() });
  }

  /** @param {string} query */
  #find(query) {
    clearTimeout(this.#timer);
    if (this.#view?.session.state !== "signedIn") return;
    void wish({ type: "findPeople", query: query.trim() === "" ? null : query.trim() });
  }

  /** @param {string} userId @param {string} name */
  async #remove(userId, name) {
    const chatId = this.#view?.open?.id;
    const action = t("details.remove", { name });
    const isSure = await this.question?.ask({ title: action, text: t("details.removeText"), action, isDanger: true });
    if (isSure && chatId) void wish({ type: "removeMember", chatId, userId });
  }

  /** @param {"leave" | "delete"} what */
  async #end(what) {
    const chatId = this.#view?.open?.id;
    const action = t(`details.${what}`);
    const text = t(`details.${what}Text`);
    const isSure = await this.question?.ask({ title: action, text, action, isDanger: true });
    if (isSure && chatId) void wish({ type: what === "leave" ? "leaveChat" : "deleteChat", chatId });
  }
}
