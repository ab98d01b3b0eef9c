/**
 * One sentence and one button below the chats, when there is a new version of the app.
 *
 * @typedef {import("../types").UpdateState} UpdateState
 */

import { askDesktop, system } from "../ipc.js";
import { instantiate, part, setText } from "../template.js";
import { percent, t } from "../words.js";

export class UpdateLine extends HTMLElement {
  #root = instantiate("update-line");

  connectedCallback() {
    this.append(this.#root);
    this.hidden = true;
    part(this.#root, "install").addEventListener("click", () => void this.#install());
  }

  /** Asks how things stand. */
  async refresh() {
    const update = (await system())?.update;
    this.hidden = !update || !["available", "downloading", "ready"].includes(update.state);
    if (!update || this.hidden) return;
    setText(part(this.#root, "text"), updateText(update));
    part(this.#root, "install").hidden = update.state === "downloading";
  }

  async #install() {
    try {
      await askDesktop("install_update");
    } catch (failure) {
      window.dispatchEvent(new CustomEvent("failure", { detail: failure }));
    }
  }
}

/**
 * @param {UpdateState} update
 * @returns {string} a sentence
 */
export function updateText(update) {
  switch (update.state) {
    case "off":
      return t(`update.off.${update.why}`);
    case "available":
      return t("update.available", { version: update.version });
    case "downloading":
      return t("update.downloading", { version: update.version, percent: percent(update.percent) });
    case "ready":
      return t("update.ready", { version: update.version });
    case "failed":
      return update.message;
    case "unknown":
    case "checking":
    case "upToDate":
      return t(`update.${update.state}`);
  }
}
