/**
 * What the person should know wherever they are: the app's alerts, and intents that it refused. Never a place
 * for what concerns one field; that is told beside the field.
 *
 * @typedef {import("../types").View} View
 * @typedef {import("../types").Failure} Failure
 */

import { wish } from "../ipc.js";
import { KeyedList } from "../keyed-list.js";
import { instantiate, part, setText } from "../template.js";
import { failureText } from "../words.js";

/** @typedef {{ key: string, failure: Failure, dismiss: () => void }} Shown */

/** Refused intents are shown for a while; the app's alerts stay until it takes them away. */
const REFUSAL_SHOWN = 10_000;

export class AlertStack extends HTMLElement {
  /** @type {Shown[]} */
  #alerts = [];
  /** @type {Shown[]} */
  #refusals = [];
  /** @type {Map<string, number>} */
  #timers = new Map();
  #list = new KeyedList(
    this,
    (/** @type {Shown} */ shown) => shown.key,
    (shown) => createAlert(shown),
  );

  connectedCallback() {
    window.addEventListener("failure", (event) => {
      this.#refuse(/** @type {CustomEvent<Failure>} */ (event).detail);
    });
  }

  /** @param {View} view */
  render({ alerts }) {
    this.#alerts = alerts.map(({ id, failure }) => ({
      key: `alert-${id}`,
      failure,
      dismiss: () => {
        for (const same of alerts.filter((one) => one.failure.message === failure.message)) {
          void wish({ type: "dismiss", alertId: same.id });
        }
      },
    }));
    this.#show();
  }

  /** @param {Failure} failure */
  #refuse(failure) {
    // The same one again is not said again, as when each letter of a draft meets a full disk.
    const key = `refusal-${failure.code}-${failure.message}`;
    const dismiss = () => {
      clearTimeout(this.#timers.get(key));
      this.#timers.delete(key);
      this.#refusals = this.#refusals.filter((shown) => shown.key !== key);
      this.#show();
    };
    if (!this.#timers.has(key)) this.#refusals = [...this.#refusals, { key, failure, dismiss }];
    clearTimeout(this.#timers.get(key));
    this.#timers.set(key, setTimeout(dismiss, REFUSAL_SHOWN));
    this.#show();
  }

  #show() {
    const all = [...this.#alerts, ...this.#refusals];
    // One sentence is said once, also where it is true of several things.
    const shown = all.filter(
      ({ failure }, at) => at === all.findIndex((one) => one.failure.message === failure.message),
    );
    this.#list.show(shown, (element, { failure }) => {
      setText(part(element, "text"), failureText(failure));
    });
  }
}

/** @param {Shown} shown */
function createAlert({ dismiss }) {
  const element = instantiate("alert");
  part(element, "dismiss").addEventListener("click", dismiss);
  return element;
}
