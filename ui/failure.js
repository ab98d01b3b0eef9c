/**
 * A failure told on the spot, beside what it is about.
 *
 * @typedef {import("./types").Failure} Failure
 */

import { failureText } from "./words.js";

/**
 * Shows `failure` in `place`, as an alert; the same one is not said twice.
 *
 * @param {HTMLElement} place empty but for this
 * @param {Failure | null} failure `null` takes it away
 */
export function showFailure(place, failure) {
  const text = failure ? failureText(failure) : "";
  if (place.textContent === text) return;
  place.replaceChildren();
  if (!text) return;
  const alert = document.createElement("p");
  alert.className = "inline-alert";
  alert.setAttribute("role", "alert");
  alert.textContent = text;
  place.append(alert);
}
