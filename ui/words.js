/**
 * Words, numbers and times in the person's language. Every string that the page shows comes from
 * `locales/*.json`; none is written in code.
 *
 * @typedef {import("./types").Failure} Failure
 */

/** @typedef {string | Record<string, string>} Entry a text, or one for each plural category */

/** The languages that `locales/` has. */
export const LANGUAGES = ["af", "ar", "de", "en", "fr", "zu"];
const RIGHT_TO_LEFT = ["ar"];

/** @type {Map<string, Entry>} */
let entries = new Map();
let locale = "en";
let plural = new Intl.PluralRules(locale);
let formats = formatsFor(locale);

const DAY = 86_400_000;
/** Each a thousand of the one before. */
const BYTE_UNITS = ["byte", "kilobyte", "megabyte", "gigabyte"];

/**
 * Loads the words of a language; times and numbers follow the region that the system tells for it.
 *
 * @param {string | undefined} wanted taken where it is one of {@link LANGUAGES}; else the first of the system's that is
 * there. So does the app for what it says itself.
 * @param {readonly string[]} system as the app tells them: a web view knows fewer
 */
export async function loadWords(wanted, system) {
  const asked = [wanted ?? "", ...system].map((tag) => tag.split("-", 1)[0] ?? "");
  const language = asked.find((tag) => LANGUAGES.includes(tag)) ?? "en";
  const answer = await fetch(new URL(`locales/${language}.json`, import.meta.url));
  entries = new Map(Object.entries(await answer.json()));
  locale = system.find((tag) => tag.startsWith(`${language}-`) && isTag(tag)) ?? language;
  plural = new Intl.PluralRules(locale);
  formats = formatsFor(locale);
  document.documentElement.lang = language;
  document.documentElement.dir = RIGHT_TO_LEFT.includes(language) ? "rtl" : "ltr";
}

/**
 * The text of `key` with `{name}` replaced by `values.name`. An entry with plural forms picks by `values.count`.
 *
 * @param {string} key
 * @param {Record<string, string | number>} [values]
 * @returns {string}
 */
export function t(key, values = {}) {
  let entry = entries.get(key);
  if (typeof entry === "object") {
    const count = Number(values.count);
    entry = (count === 0 ? entry.zero : undefined) ?? entry[plural.select(count)] ?? entry.other;
  }
  if (entry === undefined) return key;
  return entry.replace(/\{(\w+)\}/g, (whole, name) => {
    const value = values[name];
    if (value === undefined) return whole;
    return typeof value === "number" ? formats.number.format(value) : value;
  });
}

/** @param {string} key whether the language has a text for it */
export function hasText(key) {
  return entries.has(key);
}

/**
 * What to tell of a failure: the language's own words where it has some for the code, else the app's sentence.
 *
 * @param {Failure} failure
 */
export function failureText(failure) {
  const key = `failure.${failure.code}`;
  return hasText(key) ? t(key) : failure.message;
}

/** @param {string[]} names @returns {string} "Ann", "Ann and Bob", "Ann, Bob and Cat" */
export function nameList(names) {
  return formats.list.format(names);
}

/** @param {string[]} parts @returns {string} "Ann, 2 unread messages, muted", without those that are empty */
export function listOf(parts) {
  return parts.filter(Boolean).join(t("list.separator"));
}

/** @param {string} role on the server @returns {string} what people call it */
export function roleName(role) {
  const key = `role.${role}`;
  return hasText(key) ? t(key) : role;
}

/** @param {import("./types").Presence} presence */
export function presenceText({ status, lastSeen }) {
  return status === "offline" && lastSeen ? t("presence.lastSeen", { when: ago(lastSeen) }) : t(`presence.${status}`);
}

/** @param {string} time @returns {string} "5 minutes ago", "yesterday" */
export function ago(time) {
  const minutes = Math.round((Date.now() - new Date(time).getTime()) / 60_000);
  if (minutes < 60) return formats.relative.format(-Math.max(0, minutes), "minute");
  if (minutes < 24 * 60) return formats.relative.format(-Math.round(minutes / 60), "hour");
  return formats.relative.format(dayNumber(new Date(time)) - dayNumber(new Date()), "day");
}

/** @param {string[]} names those who are typing; at least one */
export function typingText(names) {
  if (names.length > 3) return t("typing.several");
  return t("typing.names", { count: names.length, names: nameList(names) });
}

/** @param {string} tag @returns {string} the name of a language in itself */
export function languageName(tag) {
  return capitalized(new Intl.DisplayNames([tag], { type: "language" }).of(tag) ?? tag);
}

/** @param {number} value */
export function percent(value) {
  return formats.percent.format(value / 100);
}

/** @param {number} bytes @returns {string} "1.5 MB" */
export function byteSize(bytes) {
  const power = Math.min(BYTE_UNITS.length - 1, Math.floor(Math.log10(Math.max(bytes, 1)) / 3));
  const unit = BYTE_UNITS[power] ?? "byte";
  const digits = power === 0 ? 0 : 1;
  return new Intl.NumberFormat(locale, {
    style: "unit",
    unit,
    unitDisplay: power === 0 ? "long" : "short",
    maximumFractionDigits: digits,
  }).format(bytes / 1000 ** power);
}

/** @param {string} time */
export function clockTime(time) {
  return formats.time.format(new Date(time));
}

/** @param {string} time the whole of it, for a tooltip */
export function fullTime(time) {
  return formats.full.format(new Date(time));
}

/** @param {string} time "Today", "Yesterday", "Monday", "3 March" */
export function dayName(time) {
  const date = new Date(time);
  const age = dayNumber(new Date()) - dayNumber(date);
  if (age === 0 || age === 1) return capitalized(formats.relative.format(-age, "day"));
  if (age > 1 && age < 7) return formats.weekday.format(date);
  return (date.getFullYear() === new Date().getFullYear() ? formats.day : formats.dayOfYear).format(date);
}

/** @param {string} time as short as a row of the list of chats wants it */
export function shortTime(time) {
  const date = new Date(time);
  const age = dayNumber(new Date()) - dayNumber(date);
  if (age <= 0) return formats.time.format(date);
  if (age === 1) return capitalized(formats.relative.format(-1, "day"));
  if (age < 7) return formats.shortWeekday.format(date);
  return (date.getFullYear() === new Date().getFullYear() ? formats.shortDay : formats.shortDayOfYear).format(date);
}

/** @param {number} milliseconds from now @returns {string} "in 12 seconds" */
export function inSeconds(milliseconds) {
  return formats.relative.format(Math.max(0, Math.ceil(milliseconds / 1000)), "second");
}

/** @param {string} a @param {string} b whether both are on one day of the person's calendar */
export function sameDay(a, b) {
  return dayNumber(new Date(a)) === dayNumber(new Date(b));
}

/** @param {string} text @returns {string} for comparing what is typed with a name: without case and accents */
export function folded(text) {
  return text
    .normalize("NFKD")
    .replace(/\p{Mn}/gu, "")
    .toLocaleLowerCase(locale);
}

/** @param {string} text whether it is made as tags are: on some systems a person may have written it by hand */
function isTag(text) {
  try {
    return Intl.getCanonicalLocales(text).length > 0;
  } catch {
    return false;
  }
}

/** @param {Date} date @returns {number} days since some day, in local time */
function dayNumber(date) {
  return Math.round(new Date(date.getFullYear(), date.getMonth(), date.getDate(), 12).getTime() / DAY);
}

/** @param {string} text */
function capitalized(text) {
  return text.charAt(0).toLocaleUpperCase(locale) + text.slice(1);
}

/** @param {string} tag */
function formatsFor(tag) {
  /** @param {Intl.DateTimeFormatOptions} options */
  const date = (options) => new Intl.DateTimeFormat(tag, options);
  return {
    number: new Intl.NumberFormat(tag),
    percent: new Intl.NumberFormat(tag, { style: "percent" }),
    list: new Intl.ListFormat(tag, { type: "conjunction" }),
    relative: new Intl.RelativeTimeFormat(tag, { numeric: "auto" }),
    time: date({ timeStyle: "short" }),
    full: date({ dateStyle: "full", timeStyle: "medium" }),
    weekday: date({ weekday: "long" }),
    shortWeekday: date({ weekday: "short" }),
    day: date({ weekday: "long", day: "numeric", month: "long" }),
    dayOfYear: date({ day: "numeric", month: "long", year: "numeric" }),
    shortDay: date({ day: "numeric", month: "short" }),
    shortDayOfYear: date({ day: "numeric", month: "numeric", year: "2-digit" }),
  };
}
