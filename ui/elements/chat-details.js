/**
 * What there is to know of the open chat: its topic, and its members, to whom one can write.
 *
 * @typedef {import("../types").View} View
 * @typedef {import("../types").Person} Person
 */

import { showAvatar } from "../avatar.js";
import { wish } from "../ipc.js";
import { KeyedList } from "../keyed-list.js";
import { instantiate, part, setAttribute, setText } from "../template.js";
import { t } from "../words.js";

export class ChatDetails extends HTMLElement {
  #dialog = /** @type {HTMLDialogElement} */ (instantiate("chat-details"));
  #members = new KeyedList(
    part(this.#dialog, "members"),
    (/** @type {Person} */ person) => person.id,
    (person) => this.#createMember(person.id),
  );
  /** @type {View | null} */
  #view = null;

  connectedCallback() {
    this.append(this.#dialog);
    part(this.#dialog, "close").addEventListener("click", () => this.#dialog.close());
  }

  open() {
    if (this.#dialog.open || !this.#view?.open) return;
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
    const canWrite = session.features.includes("chats");
    setText(part(this.#dialog, "name"), open.name);
    setText(part(this.#dialog, "topic"), open.topic ?? "");
    part(this.#dialog, "topic").hidden = !open.topic;
    setText(part(this.#dialog, "count"), t("details.count", { count: open.members.length }));
    this.#members.show(open.members, (row, person) => {
      const isMe = person.id === session.me.id;
      showAvatar(part(row, "avatar"), person.id, person.name);
      setText(part(row, "name"), isMe ? t("message.ownSender", { name: person.name }) : person.name);
      setText(part(row, "username"), `@${person.username}`);
      const write = part(row, "write");
      write.hidden = isMe || !canWrite || open.kind === "direct";
      setText(write, t("details.writeTo", { name: person.name }));
      setAttribute(write, "title", t("details.writeTo", { name: person.name }));
    });
  }

  /** @param {string} id */
  #createMember(id) {
    const row = instantiate("member-row");
    part(row, "write").addEventListener("click", () => {
      this.#dialog.close();
      void wish({ type: "startChat", kind: "direct", name: null, memberIds: [id] });
    });
    return row;
  }
}
