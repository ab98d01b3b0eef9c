/**
 * The settings: who is signed in, how the window looks, how it is connected, which keys it knows.
 *
 * @typedef {import("../types").View} View
 * @typedef {import("../types").Session} Session
 * @typedef {import("../types").Connection} Connection
 * @typedef {import("../types").Theme} Theme
 * @typedef {import("../types").Settings} Settings
 * @typedef {"closeToTray" | "noticeText" | "noticeSound" | "doNotDisturb" | "quietButMentions" | "lockOnSuspend" | "sendTyping"} Switch
 * @typedef {"quietFrom" | "quietTo"} Time
 */

import { showFailure } from "../failure.js";
import { dispatch, licences, wish } from "../ipc.js";
import { keyName } from "../shortcuts.js";
import { instantiate, part, setText } from "../template.js";
import { LANGUAGES, failureText, languageName, percent, t } from "../words.js";

/** In percent of the usual; as `styles/tokens.css` has them. */
const TEXT_SIZES = [90, 100, 115, 135, 170, 200];
/** What is told of the keyboard, and the keys. */
const SHORTCUTS = [
  ["shortcut.search", "Mod+K"],
  ["shortcut.searchHere", "Mod+F"],
  ["shortcut.searchMessages", "Mod+Shift+F"],
  ["shortcut.newChat", "Mod+N"],
  ["shortcut.settings", "Mod+,"],
  ["shortcut.textSize", "Mod+=", "Mod+-"],
  ["settings.shortcuts", "Shift+?"],
  ["shortcut.chat", "Alt+ArrowDown", "Alt+ArrowUp"],
  ["shortcut.send", "Enter"],
  ["shortcut.line", "Shift+Enter"],
  ["shortcut.bold", "Mod+B"],
  ["shortcut.italic", "Mod+I"],
  ["shortcut.code", "Mod+E"],
  ["shortcut.editLast", "ArrowUp"],
  ["shortcut.reply", "R", "E", "+", "Delete"],
  ["shortcut.select", "X", "Shift+ArrowDown"],
  ["shortcut.back", "Escape"],
];

/** The switches that are off until somebody turns them on. */
const OFF_AT_FIRST = ["doNotDisturb", "quietButMentions"];
/** How text is marked, and what it becomes. */
const FORMATS = [
  ["format.bold", "**…**"],
  ["format.italic", "_…_"],
  ["format.strike", "~~…~~"],
  ["format.code", "`…`"],
  ["format.block", "```rust"],
  ["format.quote", "> …"],
  ["format.list", "- …", "1. …"],
  ["format.task", "- [ ] …"],
  ["format.heading", "# …"],
  ["format.link", "[…](https://…)"],
  ["format.emoji", ":tada:"],
];

export class SettingsPanel extends HTMLElement {
  #dialog = /** @type {HTMLDialogElement} */ (instantiate("settings-panel"));
  #confirm = part(this.#dialog, "confirm");
  #desktop = /** @type {import("./desktop-settings.js").DesktopSettings} */ (part(this.#dialog, "desktop"));
  #storage = /** @type {import("./storage-settings.js").StorageSettings} */ (part(this.#dialog, "storage"));
  #hasUnsent = false;
  /** @type {Settings} */
  #settings = {};

  connectedCallback() {
    this.append(this.#dialog);
    const shortcuts = part(this.#dialog, "shortcuts");
    for (const [what = "", ...keys] of SHORTCUTS) shortcuts.append(shortcutRow(what, keys.map(keyName)));
    for (const [what = "", ...marks] of FORMATS) part(this.#dialog, "formats").append(shortcutRow(what, marks));
    const languages = part(this.#dialog, "language");
    languages.append(new Option(t("settings.languageSystem"), "system"));
    for (const size of TEXT_SIZES) {
      part(this.#dialog, "text-size").append(new Option(percent(size), String(size)));
    }
    for (const tag of LANGUAGES) languages.append(new Option(languageName(tag), tag));
    part(this.#dialog, "close").addEventListener("click", () => this.#dialog.close());
    this.#fillNav();
    part(this.#dialog, "sign-out").addEventListener("click", () => this.#askOrSignOut());
    part(this.#dialog, "keep-session").addEventListener("click", () => void wish({ type: "retryKeyring" }));
    part(this.#dialog, "confirm-sign-out").addEventListener("click", () => void wish({ type: "signOut" }));
    part(this.#dialog, "recovery").addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#setRecovery();
    });
    part(this.#dialog, "licences").addEventListener("toggle", () => void this.#showLicences(), { once: true });
    part(this.#dialog, "stay").addEventListener("click", () => this.#showConfirm(false));
  }

  /** @returns {Settings} what is chosen, and what else is stored; a `change` event tells that it was changed here */
  get settings() {
    const settings = { ...this.#settings };
    for (const input of this.#dialog.querySelectorAll("input")) {
      // What has no name is not kept.
      if (!input.name) continue;
      if (input.type === "radio" && input.checked) settings.theme = /** @type {Theme} */ (input.value);
      if (input.type === "checkbox") settings[/** @type {Switch} */ (input.name)] = input.checked;
      if (input.type === "time") settings[/** @type {Time} */ (input.name)] = input.value;
    }
    for (const select of this.#dialog.querySelectorAll("select")) {
      Object.assign(settings, { [select.name]: select.value });
    }
    return settings;
  }

  set settings(settings) {
    this.#settings = settings;
    for (const input of this.#dialog.querySelectorAll("input")) {
      // What has no name is not kept.
      if (!input.name) continue;
      if (input.type === "radio") input.checked = input.value === (settings.theme ?? "system");
      if (input.type === "checkbox")
        input.checked = settings[/** @type {Switch} */ (input.name)] ?? !OFF_AT_FIRST.includes(input.name);
      if (input.type === "time") input.value = settings[/** @type {Time} */ (input.name)] ?? "";
    }
    choose(part(this.#dialog, "language"), settings.language ?? "system");
    choose(this.#dialog.querySelector("[name=textSize]"), settings.textSize ?? "100");
    choose(this.#dialog.querySelector("[name=density]"), settings.density ?? "roomy");
    choose(this.#dialog.querySelector("[name=lockAfter]"), settings.lockAfter ?? "0");
    choose(this.#dialog.querySelector("[name=keepFiles]"), settings.keepFiles ?? "500");
    choose(this.#dialog.querySelector("[name=updateChannel]"), settings.updateChannel ?? "stable");
  }

  /** What the settings show of this computer may have changed. */
  refreshDesktop() {
    if (this.#dialog.open) void this.#desktop.refresh();
  }

  /** @param {string} [section] the part to begin with; else the first */
  open(section) {
    if (this.#dialog.open || document.body.dataset.screen !== "rooms") return;
    this.#showConfirm(false);
    this.#dialog.showModal();
    this.dispatchEvent(new Event("open"));
    this.refreshDesktop();
    void this.#storage.refresh();
    if (section) part(this.#dialog, section).parentElement?.scrollIntoView({ block: "nearest" });
  }

  /** @param {1 | -1} direction makes the text larger or smaller by one step */
  stepTextSize(direction) {
    const select = /** @type {HTMLSelectElement} */ (this.#dialog.querySelector("[name=textSize]"));
    const next = select.options[select.selectedIndex + direction];
    if (!next) return;
    select.value = next.value;
    this.dispatchEvent(new Event("change"));
  }

  /** @param {View} view */
  render({ session, connection, chats }) {
    if (session.state !== "signedIn") {
      this.#dialog.close();
      return;
    }
    this.#hasUnsent = chats.some(
      ({ preview }) => preview?.state?.state === "sending" || preview?.state?.state === "failed",
    );
    const { me, server, kept } = session;
    setText(part(this.#dialog, "name"), me.name);
    setText(part(this.#dialog, "address"), `@${me.username} · ${server}`);
    setText(
      part(this.#dialog, "kept"),
      t(kept.state === "inKeyring" ? "settings.keptInKeyring" : "settings.keptThisRun"),
    );
    part(this.#dialog, "keep-session").hidden = kept.state === "inKeyring";
    this.#showConnection(connection);
  }

  /** @param {Connection} connection */
  #showConnection({ state, transport, failure }) {
    setText(part(this.#dialog, "state"), t(`connection.${state}`));
    setText(part(this.#dialog, "transport"), t(transport ? `connection.${transport}` : "connection.none"));
    part(this.#dialog, "problem-row").hidden = !failure;
    setText(part(this.#dialog, "problem"), failure ? failureText(failure) : "");
  }

  /** Each part of the settings by its heading. */
  #fillNav() {
    for (const heading of this.#dialog.querySelectorAll("h3")) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "settings-nav-item";
      button.textContent = heading.textContent;
      button.addEventListener("click", () => heading.scrollIntoView({ block: "start" }));
      part(this.#dialog, "nav").append(button);
    }
  }

  async #showLicences() {
    for (const { name, version, licence } of await licences()) {
      const row = instantiate("fact-row");
      part(row, "what").textContent = `${name} ${version}`;
      part(row, "fact").textContent = licence;
      part(this.#dialog, "licence-list").append(row);
    }
  }

  #askOrSignOut() {
    if (this.#hasUnsent) this.#showConfirm(true);
    else void wish({ type: "signOut" });
  }

  async #setRecovery() {
    const field = /** @type {HTMLInputElement} */ (part(this.#dialog, "recovery-passphrase"));
    const told = part(this.#dialog, "recovery-alert");
    if (field.value === "") return;
    try {
      await dispatch({ type: "setRecoveryPassphrase", passphrase: field.value });
      field.value = "";
      setText(told, t("settings.recoveryDone"));
    } catch (failure) {
      showFailure(told, /** @type {import("../types").Failure} */ (failure));
    }
  }

  /** @param {boolean} isAsking */
  #showConfirm(isAsking) {
    this.#confirm.hidden = !isAsking;
    part(this.#dialog, "sign-out").hidden = isAsking;
    if (isAsking) part(this.#dialog, "stay").focus();
  }
}

/**
 * @param {Element | null} select
 * @param {string} value
 */
function choose(select, value) {
  if (select instanceof HTMLSelectElement) select.value = value;
}

/**
 * @param {string} what
 * @param {string[]} keys as they are shown
 */
function shortcutRow(what, keys) {
  const row = instantiate("shortcut-row");
  part(row, "what").textContent = t(what);
  for (const name of keys) {
    const key = document.createElement("kbd");
    key.textContent = name;
    part(row, "keys").append(key, " ");
  }
  return row;
}
