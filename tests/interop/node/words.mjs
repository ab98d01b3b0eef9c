// Compares the page's languages with each other and with what the page asks for. Prints a line for each fault, and
// fails when there is one.

import { readdirSync, readFileSync } from "node:fs";

const ui = new URL("../../../ui/", import.meta.url);
const read = (path) => readFileSync(new URL(path, ui), "utf8");
const faults = [];

const files = readdirSync(new URL("locales/", ui)).filter((name) => name.endsWith(".json"));
const english = JSON.parse(read("locales/en.json"));
for (const file of files) {
  const language = file.replace(".json", "");
  const words = JSON.parse(read(`locales/${file}`));
  for (const key of Object.keys(english)) {
    if (!(key in words)) faults.push(`${file}: ${key} is missing`);
    else compare(`${file}: ${key}`, language, words[key], english[key]);
  }
  for (const key of Object.keys(words)) {
    // A language may have words of its own for failures that English takes as the app says them.
    if (!(key in english) && !key.startsWith("failure.")) faults.push(`${file}: nobody asks for ${key}`);
  }
}

const asked = [
  ...[...read("index.html").matchAll(/data-(?:t|label|tip|placeholder)="([^"]+)"/g)].map((match) => match[1]),
  ...scripts().flatMap((script) => [...read(script).matchAll(/\bt\("([^"]+)"/g)].map((match) => match[1])),
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
  const categories = new Intl.PluralRules(language).resolvedOptions().pluralCategories;
  for (const category of Object.keys(entry)) {
    if (category !== "zero" && !categories.includes(category)) faults.push(`${where}: ${category} is never taken`);
  }
  if (!("other" in entry)) faults.push(`${where}: there is no form for any other number`);
}

function forms(entry) {
  return typeof entry === "string" ? [entry] : Object.values(entry);
}

function placeholders(entry) {
  return new Set(forms(entry).flatMap((text) => [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1])));
}

function scripts() {
  const names = readdirSync(ui, { recursive: true }).map((name) => name.replaceAll("\\", "/"));
  return names.filter((name) => name.endsWith(".js"));
}
