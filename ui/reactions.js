/**
 * The reactions below a message, each a switch.
 *
 * @typedef {import("./types").TimelineItem} TimelineItem
 * @typedef {import("./types").Reaction} Reaction
 */

import { KeyedList } from "./keyed-list.js";
import { setAttribute, setText } from "./template.js";
import { nameList, t } from "./words.js";

const lists = /** @type {WeakMap<HTMLElement, KeyedList<Reaction, HTMLButtonElement>>} */ (new WeakMap());

/**
 * @param {HTMLElement} element
 * @param {TimelineItem} item
 */
export function showReactions(element, { reactions, may }) {
  element.hidden = reactions.length === 0;
  let list = lists.get(element);
  if (!list) {
    if (reactions.length === 0) return;
    list = new KeyedList(element, (reaction) => reaction.emoji, createChip);
    lists.set(element, list);
  }
  list.show(reactions, (chip, { emoji, count, mine, names }) => {
    setText(chip, t("reaction.chip", { emoji, count }));
    chip.setAttribute("aria-pressed", String(mine));
    chip.disabled = !may.react;
    const who = mine ? [...names, t("reaction.me")] : names;
    const words = t("reaction.who", { emoji, count, names: nameList(who) });
    setAttribute(chip, "aria-label", words);
    setAttribute(chip, "title", words);
  });
}

/** @param {Reaction} reaction */
function createChip({ emoji }) {
  const chip = document.createElement("button");
  chip.type = "button";
  chip.className = "reaction";
  chip.tabIndex = -1;
  chip.dataset.emoji = emoji;
  return chip;
}
