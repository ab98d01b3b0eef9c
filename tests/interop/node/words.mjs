// Compares the page's languages with each other and with what the page and the app ask for. Prints a line for each
// fault, and fails when there is one.

import { readdirSync, readFileSync } from "node:fs";

const ui = new URL("../../../ui/", import.meta.url);
const read = (path) => readFileSync(new URL(path, ui), "utf8");
const faults = [];

/** Among these is one of each kind of number that there is a form for, but for millions. */
const COUNTS = Array.from({ length: 200 }, (_, count) => count);
/** Where a language has a space beside a mark, it is one at which no line ends. */
const MAY_BREAK = { de: / …/, fr: /« | [:;!?»]/ };

const files = readdirSync(new URL("locales/", ui)).filter((name) => name.endsWith(".json"));
const languages = new Map(files.map((file) => [file, JSON.parse(read(`locales/${file}`))]));
const english = languages.get("en.json");
// Failures that the other languages have words of their own for; English takes them as the app says them.
const failures = new Set([...languages.values()].flatMap(Object.keys).filter((key) => key.startsWith("failure.")));
const rust = ["../crates/", "../src-tauri/"]
  .flatMap((folder) => filesOf(folder, ".rs"))
  .map(read)
  .join("");
for (const key of failures) {
  if (!rust.includes(`"${key.replace("failure.", "")}"`)) faults.push(`nothing fails with ${key}`);
}
for (const [file, words] of languages) {
  const language = file.replace(".json", "");
  for (const key of Object.keys(english)) {
    if (!(key in words)) faults.push(`${file}: ${key} is missing`);
    else compare(`${file}: ${key}`, language, words[key], english[key]);
  }
  for (const key of Object.keys(words)) {
    if (!(key in english) && !failures.has(key)) faults.push(`${file}: nobody asks for ${key}`);
  }
  for (const key of failures) {
    if (language !== "en" && !(key in words)) faults.push(`${file}: ${key} is missing`);
  }
  for (const [key, entry] of Object.entries(words)) {
    const breaks = MAY_BREAK[language];
    if (breaks && forms(entry).some((text) => breaks.test(text))) faults.push(`${file}: ${key} may break at a mark`);
  }
}

// What the app itself says. Where it says a number, the text is one for each number: nobody there picks a form.
const said = new Set([...rust.matchAll(/"(native\.[^"]+)"/g)].map((match) => match[1]));
for (const key of Object.keys(english).filter((key) => key.startsWith("native."))) {
  if (!said.has(key)) faults.push(`en.json: nobody says ${key}`);
}
for (const [file, words] of languages) {
  for (const key of said) {
    if (key in words && typeof words[key] !== "string") faults.push(`${file}: ${key} has forms, and nobody picks one`);
  }
}
if (said.size < 20) faults.push(`only ${said.size} keys were found in the app: the search is wrong`);

const asked = [
  ...said,
  ...[...read("index.html").matchAll(/data-(?:t|label|tip|placeholder)="([^"]+)"/g)].map((match) => match[1]),
  ...filesOf("./", ".js").flatMap((script) => [...read(script).matchAll(/\bt\("([^"]+)"/g)].map((match) => match[1])),
];
for (const key of new Set(asked)) {
  if (!(key in english)) faults.push(`en.json: ${key} is asked for and missing`);
}
if (asked.length < 50) faults.push(`only ${asked.length} keys were found in the page: the search is wrong`);

for (const fault of faults) console.log(fault);
process.exit(faults.length === 0 ? 0 : 1);

function compare(where, language, entry, model) {
  const wanted = placeholders(model);
  for (const text of forms(entry)) {
    for (const name of placeholders(text)) {
      if (!wanted.has(name)) faults.push(`${where}: there is no {${name}}`);
    }
  }
  const all = placeholders(entry);
  for (const name of wanted) {
    if (!all.has(name)) faults.push(`${where}: {${name}} is left out`);
  }
  if (typeof entry === "string") return;
  const rules = new Intl.PluralRules(language);
  for (const category of Object.keys(entry)) {
    const isTaken = category === "zero" || rules.resolvedOptions().pluralCategories.includes(category);
    if (!isTaken) faults.push(`${where}: ${category} is never taken`);
  }
  for (const category of new Set(COUNTS.map((count) => rules.select(count)))) {
    if (!(category in entry)) faults.push(`${where}: there is no form for ${category}`);
  }
}

function forms(entry) {
  return typeof entry === "string" ? [entry] : Object.values(entry);
}

function placeholders(entry) {
  return new Set(forms(entry).flatMap((text) => [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1])));
}

function filesOf(folder, end) {
  const names = readdirSync(new URL(folder, ui), { recursive: true }).filter((name) => name.endsWith(end));
  return names.map((name) => folder + name.replaceAll("\\", "/"));
}
