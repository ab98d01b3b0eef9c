/**
 * How the app stands with the server, in one exact word, and how it is connected in its description.
 *
 * @typedef {import("../types").View} View
 * @typedef {import("../types").Connection} Connection
 */

import { setAttribute, setText } from "../template.js";
import { failureText, inSeconds, t } from "../words.js";

export class ConnectionStatus extends HTMLElement {
  #status = document.createElement("span");
  #detail = document.createElement("span");
  /** @type {Connection | null} */
  #connection = null;

  connectedCallback() {
    this.#status.className = "status";
    this.#status.setAttribute("role", "status");
    this.#status.setAttribute("aria-describedby", "connection-detail");
    this.#detail.id = "connection-detail";
    this.#detail.className = "status-detail";
    this.append(this.#status, this.#detail);
    // The seconds to the next attempt are worth telling only to who looks.
    this.addEventListener("pointerenter", () => this.#showDetail());
  }

  /** @param {View} view */
  render({ connection }) {
    this.#connection = connection;
    this.dataset.state = connection.state;
    const state = t(`connection.${connection.state}`);
    setText(this.#status, state);
    // WebKit would take the description for the name where there is none.
    setAttribute(this.#status, "aria-label", state);
    this.#showDetail();
  }

  #showDetail() {
    if (!this.#connection) return;
    const text = describe(this.#connection);
    setText(this.#detail, text);
    setAttribute(this.#status, "aria-description", text);
  }
}

/** @param {Connection} connection */
function describe({ transport, retryAt, failure }) {
  if (transport) return t(`connection.${transport}`);
  const parts = [];
  if (failure) parts.push(failureText(failure));
  const wait = retryAt ? new Date(retryAt).getTime() - Date.now() : -1;
  if (wait > 0) parts.push(t("connection.retry", { when: inSeconds(wait) }));
  return parts.join(" ") || t("connection.none");
}
