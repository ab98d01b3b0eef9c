/**
 * One message of the timeline as an element: what it shows, and what it is called.
 *
 * @typedef {import("./types").TimelineItem} TimelineItem
 * @typedef {import("./message-body.js").Mentionable} Mentionable
 */

import { attachmentWords, showAttachments } from "./attachments.js";
import { showAvatar } from "./avatar.js";
import { showBody, showWords, wordsOf } from "./message-body.js";
import { showReactions } from "./reactions.js";
import { instantiate, part, setAttribute, setText } from "./template.js";
import { clockTime, dayName, failureText, fullTime, hasText, listOf, nameList, sameDay, t } from "./words.js";

/**
 * A message, and how it stands among its neighbours.
 *
 * @typedef {object} Row
 * @property {TimelineItem} item
 * @property {string} day the name of the day that begins with it, or nothing
 * @property {boolean} isFirst of a run of messages of one person
 * @property {boolean} isLast of such a run
 * @property {boolean} isFirstUnread
 * @property {boolean} isSelected
 * @property {Mentionable} people
 */

/** So many rows that have gone are kept: as many as a tall window shows, and more. */
const MOST_GONE = 100;
/** Messages of one person within this time stand together. */
const RUN = 5 * 60_000;
/** Up to three emoji and nothing else are shown large. */
const EMOJI_ONLY =
  /^(?:\p{Extended_Pictographic}(?:\u200d\p{Extended_Pictographic}|\ufe0f|\p{Emoji_Modifier})*\s*){1,3}$/u;

/**
 * @param {readonly TimelineItem[]} items oldest first
 * @param {string | null} firstUnread
 * @param {Mentionable} people
 * @param {{ has(key: string): boolean }} selection
 * @returns {Row[]}
 */
export function rowsOf(items, firstUnread, people, selection) {
  return items.map((item, index) => {
    const before = items[index - 1];
    const after = items[index + 1];
    return {
      item,
      day: before && sameDay(before.at, item.at) ? "" : dayName(item.at),
      isFirst: !before || item.key === firstUnread || !isRun(before, item),
      isLast: !after || after.key === firstUnread || !isRun(item, after),
      isFirstUnread: item.key === firstUnread,
      isSelected: selection.has(item.key),
      people,
    };
  });
}

/** @param {Row} a @param {Row} b */
export function isSameRow(a, b) {
  return (
    a.item === b.item &&
    a.day === b.day &&
    a.isFirst === b.isFirst &&
    a.isLast === b.isLast &&
    a.isFirstUnread === b.isFirstUnread &&
    a.isSelected === b.isSelected
  );
}

/** What each row shows. */
const items = /** @type {WeakMap<HTMLElement, TimelineItem>} */ (new WeakMap());

/** @param {HTMLElement} row @returns {TimelineItem | undefined} what it shows */
export function itemOf(row) {
  return items.get(row);
}

/** A row as it is before it shows anything. @type {HTMLElement | null} */
let model = null;
/** Rows that have gone. @type {HTMLElement[]} */
const gone = [];

/**
 * A row of its own for each message, so that whoever holds one never holds another message; but what is in it comes
 * from one that has gone, where there is one. In a busy chat nearly all that is made would be thrown away at once, and
 * the web view would be long in taking it back. Only where more passes by than can be read, {@link renewRow} makes one
 * another message's.
 *
 * @param {Row} row
 */
export function createRow({ item }) {
  model ??= instantiate("message-row");
  const old = gone.pop();
  const element = /** @type {HTMLElement} */ (model.cloneNode(!old));
  if (old) {
    clear(old);
    element.append(...old.childNodes);
  }
  element.dataset.key = item.key;
  return element;
}

/** @param {HTMLElement} row that has left the timeline */
export function releaseRow(row) {
  if (gone.length < MOST_GONE) gone.push(row);
}

/**
 * Makes a row that stays in its place that of another message, before it is filled.
 *
 * @param {HTMLElement} row
 * @param {Row} of
 */
export function renewRow(row, { item }) {
  row.dataset.key = item.key;
  row.classList.remove("jumped");
  part(row, "attachments").replaceChildren();
}

/** Takes away what {@link fillRow} would take for the next message's. @param {HTMLElement} row */
function clear(row) {
  part(row, "attachments").replaceChildren();
  part(row, "text").replaceChildren();
  row.querySelector(".message-actions")?.remove();
  for (const button of row.querySelectorAll('[tabindex="0"]')) button.setAttribute("tabindex", "-1");
}

/**
 * @param {HTMLElement} element
 * @param {Row} row
 */
export function fillRow(element, { item, day, isFirst, isLast, isFirstUnread, isSelected, people }) {
  items.set(element, item);
  const kind = item.system ? "system" : item.own ? "own" : "other";
  element.dataset.kind = kind;
  element.dataset.state = item.state?.state ?? "";
  element.classList.toggle("first", isFirst);
  element.classList.toggle("last", isLast);
  element.classList.toggle("deleted", item.deleted);
  element.classList.toggle("restricted", item.audience !== null);
  element.classList.toggle("emoji", !item.deleted && EMOJI_ONLY.test(wordsOf(item.body)));
  element.classList.toggle("mentioned", item.mentionsMe);
  element.classList.toggle("changing", item.changing);
  element.classList.toggle("selected", isSelected);

  show(part(element, "day"), day);
  part(element, "unread").hidden = !isFirstUnread;
  const sender = part(element, "sender");
  setText(sender, item.sender.name);
  sender.hidden = !isFirst || kind !== "other";
  showAvatar(part(element, "avatar"), item.sender.id, item.sender.name, item.sender.avatar);
  sender.dataset.tone = part(element, "avatar").dataset.tone;

  part(element, "audience").hidden = item.audience === null;
  setText(part(element, "audience-text"), audienceText(item));
  showQuote(element, item.replyTo);
  if (item.deleted || item.system) showWords(part(element, "text"), bodyText(item));
  else showBody(part(element, "text"), item.text, item.body, people);
  showAttachments(part(element, "attachments"), item);
  element.classList.toggle("wordless", !item.deleted && !item.system && item.text === "");
  const isHandedOver = item.attachments.every(({ id }) => id !== null);
  part(element, "cancel-row").hidden = isHandedOver || item.state?.state !== "sending";
  part(element, "edited").hidden = !item.editedAt || item.deleted;
  setAttribute(part(element, "edited"), "title", item.editedAt ? fullTime(item.editedAt) : null);
  part(element, "pinned").toggleAttribute("hidden", !item.pinned);
  showReactions(part(element, "reactions"), item);
  const time = part(element, "time");
  setText(time, clockTime(item.at));
  setAttribute(time, "datetime", item.at);
  setAttribute(time, "title", fullTime(item.at));
  fillState(element, item);
  setAttribute(element, "aria-label", isSelected ? t("select.selected", { message: labelOf(item) }) : labelOf(item));
}

/**
 * @param {TimelineItem} item
 * @returns {string} its words, for who hears them
 */
export function bodyText(item) {
  if (item.deleted) return t("message.deleted");
  if (item.system) return systemText(item.system, item.sender.name);
  return listOf([wordsOf(item.body), attachmentWords(item)]);
}

/**
 * @param {HTMLElement} element
 * @param {TimelineItem["replyTo"]} quote
 */
function showQuote(element, quote) {
  part(element, "quote").hidden = !quote;
  if (!quote) return;
  setText(part(element, "quote-sender"), quote.senderName ?? "");
  const text = quote.deleted ? t("message.deleted") : quote.excerpt;
  // One that is not on this computer can be jumped to all the same.
  setText(part(element, "quote-text"), text || (quote.senderName ? "" : t("message.quoteUnknown")));
  part(element, "quote").toggleAttribute("disabled", quote.id === null);
}

/**
 * What went wrong with it: it was not sent, or an edit of it was not taken.
 *
 * @param {HTMLElement} element
 * @param {TimelineItem} item
 */
function fillState(element, { key, state, failedEdit }) {
  const failed = state?.state === "failed" ? { key, failure: state.failure } : failedEdit;
  part(element, "failure").hidden = !failed;
  if (failed) {
    part(element, "failure").dataset.key = failed.key;
    const text = failureText(failed.failure);
    setText(part(element, "failure-text"), failed === failedEdit ? t("message.editFailed", { reason: text }) : text);
  }
  part(element, "state").hidden = state === null;
  if (!state) return;
  setText(part(element, "state-text"), t(`message.${state.state}`));
  setAttribute(part(element, "state"), "title", t(`message.${state.state}`));
  setAttribute(part(element, "state-icon"), "href", `#icon-${state.state}`);
}

/** @param {TimelineItem} item @returns {string} what a screen reader says of it: sender, text, time and state */
function labelOf(item) {
  const name = item.own ? t("message.ownSender", { name: item.sender.name }) : item.sender.name;
  const to = item.replyTo?.senderName;
  const sender = to ? t("message.replying", { name, to }) : name;
  const details = [
    item.audience ? audienceText(item) : "",
    item.editedAt && !item.deleted ? t("message.edited") : "",
    item.pinned ? t("message.pinned") : "",
    listOf(item.reactions.map(({ emoji, count }) => t("message.reactions", { emoji, count }))),
    clockTime(item.at),
    item.state ? t(`message.${item.state.state}`) : "",
  ];
  return t("message.label", { sender, text: bodyText(item), details: listOf(details) });
}

/** @param {import("./types").SystemEvent} system @param {string} sender */
function systemText({ event, by, about }, sender) {
  const key = `system.${event}`;
  return t(hasText(key) ? key : "system.other", { name: by ?? sender, about: about ?? "" });
}

/** @param {TimelineItem} item */
function audienceText({ audience }) {
  return audience ? t("message.audience", { names: nameList(audience) }) : "";
}

/** @param {TimelineItem} before @param {TimelineItem} after */
function isRun(before, after) {
  return (
    before.sender.id === after.sender.id &&
    !before.system &&
    !after.system &&
    !after.replyTo &&
    String(before.audience) === String(after.audience) &&
    sameDay(before.at, after.at) &&
    new Date(after.at).getTime() - new Date(before.at).getTime() <= RUN
  );
}

/**
 * @param {HTMLElement} element
 * @param {string} text
 */
function show(element, text) {
  setText(element, text);
  element.hidden = text === "";
}
