/**
 * What can be done with the messages that are selected: copied together, or deleted where they are one's own to delete.
 * An `end` event ends the selection.
 *
 * @typedef {import("../types").TimelineItem} TimelineItem
 * @typedef {import("./question-dialog.js").QuestionDialog} QuestionDialog
 */

import { copy } from "../clipboard.js";
import { wish } from "../ipc.js";
import { bodyText } from "../message-row.js";
import { instantiate, part, setText } from "../template.js";
import { fullTime, t } from "../words.js";

export class SelectionBar extends HTMLElement {
  /** Who asks before something is done that cannot be taken back. @type {QuestionDialog | null} */
  question = null;
  #bar = instantiate("selection-bar");
  /** @type {readonly TimelineItem[]} */
  #items = [];

  connectedCallback() {
    this.append(this.#bar);
    part(this.#bar, "copy").addEventListener("click", () => void this.#copy());
    part(this.#bar, "delete").addEventListener("click", () => void this.#delete());
    part(this.#bar, "end").addEventListener("click", () => this.#end());
    this.#bar.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      this.#end();
    });
  }

  /** @param {readonly TimelineItem[] | null} items that are selected, oldest first; `null` while nothing is */
  show(items) {
    this.hidden = items === null;
    this.#items = items ?? [];
    setText(part(this.#bar, "count"), items ? t("select.count", { count: items.length }) : "");
    part(this.#bar, "copy").toggleAttribute("disabled", this.#items.length === 0);
    part(this.#bar, "delete").hidden = this.#items.length === 0 || !this.#items.every(({ may }) => may.delete);
  }

  async #copy() {
    const lines = this.#items.map(
      (item) => `${item.sender.name}, ${fullTime(item.at)}:\n${item.text || bodyText(item)}`,
    );
    await copy(lines.join("\n\n"));
    this.#end();
  }

  async #delete() {
    const items = this.#items;
    const title = t("select.deleteTitle", { count: items.length });
    const isSure = await this.question?.ask({
      title,
      text: t("delete.text"),
      action: t("message.delete"),
      isDanger: true,
    });
    if (!isSure) return;
    this.#end();
    for (const { key } of items) await wish({ type: "delete", key });
  }

  #end() {
    this.dispatchEvent(new Event("end"));
  }
}
