/**
 * One message of the timeline as an element: what it shows, and what it is called.
 *
 * @typedef {import("./types").TimelineItem} TimelineItem
 * @typedef {import("./message-text.js").Mentionable} Mentionable
 */

import { showAvatar } from "./avatar.js";
import { showText } from "./message-text.js";
import { instantiate, part, setAttribute, setText } from "./template.js";
import { clockTime, dayName, failureText, fullTime, hasText, nameList, sameDay, t } from "./words.js";

/**
 * A message, and how it stands among its neighbours.
 *
 * @typedef {object} Row
 * @property {TimelineItem} item
 * @property {string} day the name of the day that begins with it, or nothing
 * @property {boolean} isFirst of a run of messages of one person
 * @property {boolean} isLast of such a run
 * @property {boolean} isFirstUnread
 * @property {Mentionable} people
 */

/** Messages of one person within this time stand together. */
const RUN = 5 * 60_000;
/** Up to three emoji and nothing else are shown large. */
const EMOJI_ONLY =
  /^(?:\p{Extended_Pictographic}(?:\u200d\p{Extended_Pictographic}|\ufe0f|\p{Emoji_Modifier})*\s*){1,3}$/u;

/**
 * @param {readonly TimelineItem[]} items oldest first
 * @param {string | null} firstUnread
 * @param {Mentionable} people
 * @returns {Row[]}
 */
export function rowsOf(items, firstUnread, people) {
  return items.map((item, index) => {
    const before = items[index - 1];
    const after = items[index + 1];
    return {
      item,
      day: before && sameDay(before.at, item.at) ? "" : dayName(item.at),
      isFirst: !before || item.key === firstUnread || !isRun(before, item),
      isLast: !after || after.key === firstUnread || !isRun(item, after),
      isFirstUnread: item.key === firstUnread,
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
    a.isFirstUnread === b.isFirstUnread
  );
}

/** @param {Row} row */
export function createRow({ item }) {
  const element = instantiate("message-row");
  element.dataset.key = item.key;
  return element;
}

/**
 * @param {HTMLElement} element
 * @param {Row} row
 */
export function fillRow(element, { item, day, isFirst, isLast, isFirstUnread, people }) {
  const kind = item.system !== null ? "system" : item.own ? "own" : "other";
  element.dataset.kind = kind;
  element.dataset.state = item.state?.state ?? "";
  element.classList.toggle("first", isFirst);
  element.classList.toggle("last", isLast);
  element.classList.toggle("deleted", item.deleted);
  element.classList.toggle("restricted", item.audience !== null);
  element.classList.toggle("emoji", !item.deleted && EMOJI_ONLY.test(item.text));

  show(part(element, "day"), day);
  part(element, "unread").hidden = !isFirstUnread;
  const sender = part(element, "sender");
  setText(sender, item.sender.name);
  sender.hidden = !isFirst || kind !== "other";
  showAvatar(part(element, "avatar"), item.sender.id, item.sender.name);
  sender.dataset.tone = part(element, "avatar").dataset.tone;

  part(element, "audience").hidden = item.audience === null;
  setText(part(element, "audience-text"), audienceText(item));
  showText(part(element, "text"), bodyText(item), people);
  part(element, "edited").hidden = item.editedAt === null || item.deleted;
  const time = part(element, "time");
  setText(time, clockTime(item.at));
  setAttribute(time, "datetime", item.at);
  setAttribute(time, "title", fullTime(item.at));
  fillState(element, item);
  setAttribute(element, "aria-label", labelOf(item));
}

/**
 * @param {TimelineItem} item
 * @returns {string} the text as it is shown
 */
export function bodyText(item) {
  if (item.deleted) return t("message.deleted");
  if (item.system !== null && item.text === "") return systemText(item.system.event, item.sender.name);
  return item.text;
}

/**
 * @param {HTMLElement} element
 * @param {TimelineItem} item
 */
function fillState(element, { state }) {
  part(element, "state").hidden = state === null;
  part(element, "failure").hidden = state?.state !== "failed";
  if (!state) return;
  setText(part(element, "state-text"), t(`message.${state.state}`));
  setAttribute(part(element, "state"), "title", t(`message.${state.state}`));
  setAttribute(part(element, "state-icon"), "href", `#icon-${state.state}`);
  setText(part(element, "failure-text"), state.state === "failed" ? failureText(state.failure) : "");
}

/** @param {TimelineItem} item @returns {string} what a screen reader says of it: sender, text, time and state */
function labelOf(item) {
  const sender = item.own ? t("message.ownSender", { name: item.sender.name }) : item.sender.name;
  const details = [
    item.audience ? audienceText(item) : "",
    item.editedAt !== null && !item.deleted ? t("message.edited") : "",
    clockTime(item.at),
    item.state ? t(`message.${item.state.state}`) : "",
  ];
  return t("message.label", { sender, text: bodyText(item), details: details.filter(Boolean).join(", ") });
}

/** @param {string} event @param {string} name */
function systemText(event, name) {
  const key = `system.${event}`;
  return t(hasText(key) ? key : "system.other", { name });
}

/** @param {TimelineItem} item */
function audienceText({ audience }) {
  return audience ? t("message.audience", { names: nameList(audience) }) : "";
}

/** @param {TimelineItem} before @param {TimelineItem} after */
function isRun(before, after) {
  return (
    before.sender.id === after.sender.id &&
    before.system === null &&
    after.system === null &&
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
