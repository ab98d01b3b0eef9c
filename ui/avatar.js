/**
 * The small door that stands for a person or a chat: their picture, or initials in a tone that follows from the id.
 */

import { pictureAddress } from "./ipc.js";

const TONES = 8;

/**
 * @param {HTMLElement} element
 * @param {string} id
 * @param {string} name
 * @param {string | null} [picture] the id of the file
 */
export function showAvatar(element, id, name, picture) {
  const wanted = `${id}/${picture ?? ""}/${name}`;
  if (element.dataset.of === wanted) return;
  element.dataset.of = wanted;
  element.dataset.tone = String(toneOf(id));
  // Until the picture is there, and where it never comes, the initials are.
  element.textContent = initials(name);
  if (!picture) return;
  const image = new Image();
  image.className = "avatar-picture";
  image.alt = "";
  image.draggable = false;
  image.addEventListener("load", () => element.dataset.of === wanted && element.append(image));
  image.src = pictureAddress(`${picture}/thumbnail`);
}

/**
 * The light in the door: whether somebody is there. It says nothing to who hears the page; that is in words elsewhere.
 *
 * @param {HTMLElement} element
 * @param {import("./types").Presence | null} presence
 */
export function showPresence(element, presence) {
  element.dataset.presence = presence?.status ?? "";
}

/** @param {string} name @returns {string} one or two letters */
function initials(name) {
  const words = name.split(/\s+/u).filter((word) => /[\p{L}\p{N}]/u.test(word));
  const letters = words.map((word) => word.match(/[\p{L}\p{N}]/u)?.[0] ?? "");
  return [letters[0], letters.length > 1 ? letters.at(-1) : ""].join("").toLocaleUpperCase() || "·";
}

/** @param {string} id */
function toneOf(id) {
  let sum = 0;
  for (const unit of id) sum = (sum * 31 + (unit.codePointAt(0) ?? 0)) % 9973;
  return sum % TONES;
}
