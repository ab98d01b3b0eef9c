/**
 * The text of a message as nodes: what looks like a link can be followed, everything else is text. Nothing of
 * it is ever read as markup.
 */

import { openLink } from "./ipc.js";

/** @typedef {{ usernames: ReadonlySet<string>, me: string }} Mentionable those who can be mentioned in a chat */

/** An address up to the next space, or a name. */
const TOKEN = /https?:\/\/[^\s<>"]+|(?<![\p{L}\p{N}])@[\p{L}\p{N}_.-]*[\p{L}\p{N}_]/giu;
/** What ends a sentence or a bracket around an address, and not the address. */
const AFTER = /[.,;:!?'’”)\]}]$/u;

/**
 * @param {HTMLElement} element
 * @param {string} text
 * @param {Mentionable} people
 */
export function showText(element, text, people) {
  if (element.textContent === text) return;
  const nodes = [];
  let end = 0;
  for (const match of text.matchAll(TOKEN)) {
    const token = match[0].startsWith("@") ? match[0] : addressOf(match[0]);
    const node = token.startsWith("@") ? mention(token, people) : link(token);
    if (!node) continue;
    nodes.push(text.slice(end, match.index), node);
    end = match.index + token.length;
  }
  element.replaceChildren(...nodes, text.slice(end));
}

/**
 * @param {string} text
 * @param {Mentionable} people
 * @returns {HTMLElement | null} nothing where nobody is called so
 */
function mention(text, { usernames, me }) {
  const username = text.slice(1).toLowerCase();
  if (!usernames.has(username)) return null;
  const element = document.createElement("span");
  element.className = username === me ? "mention me" : "mention";
  element.textContent = text;
  return element;
}

/** @param {string} text @returns {string} without the marks after it; a bracket that was opened in it stays */
function addressOf(text) {
  let address = text;
  while (
    AFTER.test(address) &&
    !(address.endsWith(")") && address.lastIndexOf("(") > address.lastIndexOf(")", address.length - 2))
  ) {
    address = address.slice(0, -1);
  }
  return address;
}

/** @param {string} address */
function link(address) {
  const anchor = document.createElement("a");
  anchor.href = address;
  anchor.textContent = address;
  // Can be reached once its message has the tab stop of the list.
  anchor.tabIndex = -1;
  anchor.addEventListener("click", (event) => {
    event.preventDefault();
    void openLink(address);
  });
  return anchor;
}
