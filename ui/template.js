/**
 * Makes elements from the `<template>`s of index.html and fills in their words. Text is only ever set as text.
 */

import { t } from "./words.js";

/** The attributes that carry the key of a text, and what the text is for. */
const WORD_ATTRIBUTES = { "data-label": "aria-label", "data-placeholder": "placeholder", "data-tip": "title" };

/**
 * A copy of the template's first element, with its words.
 *
 * @param {string} id of the `<template>`
 * @returns {HTMLElement}
 */
export function instantiate(id) {
  const template = document.getElementById(id);
  if (!(template instanceof HTMLTemplateElement)) throw new Error(`no template ${id}`);
  const copy = template.content.firstElementChild?.cloneNode(true);
  if (!(copy instanceof HTMLElement)) throw new Error(`the template ${id} is empty`);
  fillWords(copy);
  return copy;
}

/** @param {Element} root sets the texts that are named in `data-t`, `data-label`, `data-placeholder` and `data-tip` */
export function fillWords(root) {
  fillOwnWords(root);
  for (const element of root.querySelectorAll("[data-t], [data-label], [data-placeholder], [data-tip]"))
    fillOwnWords(element);
}

/**
 * The element that the template calls `name` by `data-part`.
 *
 * @template {HTMLElement} [T=HTMLElement]
 * @param {Element} root
 * @param {string} name
 * @returns {T}
 */
export function part(root, name) {
  const found = root.querySelector(`[data-part="${name}"]`);
  if (!found) throw new Error(`no part ${name}`);
  return /** @type {T} */ (/** @type {unknown} */ (found));
}

/**
 * Sets the text of an element, touching the document only where it differs: an assignment of the same text
 * would end a selection, and make a live region speak.
 *
 * @param {Element} element
 * @param {string} text
 */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * @param {Element} element
 * @param {string} name
 * @param {string | null} value `null` takes the attribute away
 */
export function setAttribute(element, name, value) {
  if (value === null) element.removeAttribute(name);
  else if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/** @param {Element} element */
function fillOwnWords(element) {
  const key = element.getAttribute("data-t");
  if (key) element.textContent = t(key);
  for (const [from, to] of Object.entries(WORD_ATTRIBUTES)) {
    const words = element.getAttribute(from);
    if (words) element.setAttribute(to, t(words));
  }
}
