/**
 * The text of a message as nodes: what looks like a link can be followed, everything else is text. Nothing of
 * it is ever read as markup.
 */

import { openLink } from "./ipc.js";

/** An address up to the next space, without the marks that end a sentence or a bracket around it. */
const LINK = /https?:\/\/[^\s<>"]+[^\s<>".,;:!?'’”)\]}]/giu;

/**
 * @param {HTMLElement} element
 * @param {string} text
 */
export function showText(element, text) {
  if (element.textContent === text) return;
  const nodes = [];
  let end = 0;
  for (const match of text.matchAll(LINK)) {
    nodes.push(text.slice(end, match.index), link(match[0]));
    end = match.index + match[0].length;
  }
  element.replaceChildren(...nodes, text.slice(end));
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
