/**
 * In the settings: where the person is signed in, each of which can be signed out from here, and another password.
 *
 * @typedef {import("../types").View} View
 * @typedef {import("../types").Device} Device
 * @typedef {import("../types").Failure} Failure
 * @typedef {import("./question-dialog.js").QuestionDialog} QuestionDialog
 */

import { showFailure } from "../failure.js";
import { dispatch, wish } from "../ipc.js";
import { KeyedList } from "../keyed-list.js";
import { instantiate, part, setAttribute, setText } from "../template.js";
import { ago, fullTime, t } from "../words.js";

export class AccountSettings extends HTMLElement {
  /** Who asks before something is done that cannot be taken back. @type {QuestionDialog | null} */
  question = null;
  #root = instantiate("account-settings");
  #told = part(this.#root, "told");
  #rows = new KeyedList(
    part(this.#root, "devices"),
    (/** @type {Device} */ device) => device.id,
    (device) => this.#createRow(device),
  );

  connectedCallback() {
    this.append(this.#root);
    part(this.#root, "password").addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#changePassword();
    });
  }

  /** Asks for what is shown; for when the settings are opened. */
  refresh() {
    showFailure(this.#told, null);
    if (!this.hidden) void wish({ type: "listSessions" });
  }

  /** @param {View} view */
  render({ session, devices }) {
    // A server without this has no sessions to end.
    this.hidden = session.state !== "signedIn" || !session.features.includes("refresh");
    this.#rows.show(devices?.devices ?? [], fillRow, () => false);
    const isFirst = devices !== null && devices.isLoading && devices.devices.length === 0;
    setText(part(this.#root, "note"), isFirst ? t("devices.loading") : "");
    showFailure(part(this.#root, "failure"), devices?.failure ?? null);
  }

  /** @param {Device} device */
  #createRow(device) {
    const row = instantiate("device-row");
    part(row, "end").addEventListener("click", () => void this.#end(device));
    return row;
  }

  /** @param {Device} device */
  async #end(device) {
    const action = t("devices.end");
    const text = t("devices.endText", { name: nameOf(device) });
    const isSure = await this.question?.ask({ title: action, text, action, isDanger: true });
    if (isSure) void wish({ type: "revokeSession", sessionId: device.id });
  }

  async #changePassword() {
    const current = /** @type {HTMLInputElement} */ (part(this.#root, "current"));
    const next = /** @type {HTMLInputElement} */ (part(this.#root, "new"));
    if (current.value === "" || next.value === "") {
      showFailure(this.#told, { code: "", message: t("password.missing") });
      return;
    }
    try {
      await dispatch({ type: "changePassword", current: current.value, new: next.value });
      current.value = "";
      next.value = "";
      showFailure(this.#told, null);
      setText(this.#told, t("password.done"));
    } catch (failure) {
      const { code, message } = /** @type {Failure} */ (failure);
      // Here it is only the one of the two.
      showFailure(
        this.#told,
        code === "invalid_credentials" ? { code: "", message: t("password.wrong") } : { code, message },
      );
    }
  }
}

/** @param {HTMLElement} row @param {Device} device */
function fillRow(row, device) {
  const name = nameOf(device);
  setText(part(row, "name"), name);
  const when = part(row, "when");
  setText(when, device.isThis ? t("devices.this") : t("devices.seen", { when: ago(device.lastSeenAt) }));
  when.title = t("devices.since", { when: fullTime(device.since) });
  const end = part(row, "end");
  end.hidden = device.isThis;
  setAttribute(end, "aria-label", t("devices.endOne", { name }));
  setAttribute(row, "aria-label", `${name}, ${when.textContent}`);
}

/** @param {Device} device */
function nameOf({ client }) {
  return client ?? t("devices.unnamed");
}
