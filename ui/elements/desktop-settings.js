/**
 * The part of the settings that is about this computer: notices, the lock, the start with the desktop, profiles, new
 * versions. What is chosen for good is the settings' own; what the system knows is asked for each time they open.
 *
 * @typedef {import("../types").System} System
 * @typedef {import("../types").Failure} Failure
 */

import { showFailure } from "../failure.js";
import { askDesktop, diagnosis, system } from "../ipc.js";
import { instantiate, part, setText } from "../template.js";
import { t } from "../words.js";
import { updateText } from "./update-line.js";

export class DesktopSettings extends HTMLElement {
  #root = instantiate("desktop-settings");
  #alert = part(this.#root, "alert");
  #autostart = /** @type {HTMLInputElement} */ (part(this.#root, "autostart"));
  #hasLock = false;

  connectedCallback() {
    if (this.#root.isConnected) return;
    this.append(this.#root);
    this.#on("test", () => askDesktop("test_notice"));
    this.#on("lock-now", () => askDesktop("lock_now"));
    this.#on("check", () => askDesktop("check_for_update"));
    this.#on("install", () => askDesktop("install_update"));
    this.#on("diagnose", () => this.#diagnose());
    this.#on("remove-lock", () => this.#setLock(null));
    this.#autostart.addEventListener("change", (event) => {
      // It is the system's to keep.
      event.stopPropagation();
      void this.#try(() => askDesktop("set_autostart", { on: this.#autostart.checked }));
    });
    part(this.#root, "lock").addEventListener("submit", (event) => {
      event.preventDefault();
      const passphrase = this.#field("lock-new").value;
      if (passphrase !== "") void this.#try(() => this.#setLock(passphrase));
    });
    part(this.#root, "profiles").addEventListener("submit", (event) => {
      event.preventDefault();
      const name = this.#field("profile-name").value.trim();
      if (name !== "") void this.#try(() => this.#openProfile(name));
    });
  }

  /** Asks how things stand. */
  async refresh() {
    const known = await system();
    if (known) this.#show(known);
  }

  /** @param {System} known */
  #show({ version, profile, profiles, lock, tray, autostart, notices, update }) {
    this.#hasLock = lock;
    const by = notices.by ?? "";
    const refused = notices.by === null ? "desktop.noticesNone" : "desktop.noticesDenied";
    const state = notices.shown === false ? refused : "desktop.noticesShown";
    setText(part(this.#root, "notices"), notices.shown === null ? "" : t(state, { by }));
    part(this.#root, "no-tray").hidden = tray;
    part(this.#root, "autostart-row").hidden = autostart === null;
    this.#autostart.checked = autostart ?? false;
    part(this.#root, "lock-current-field").hidden = !lock;
    part(this.#root, "lock-buttons").hidden = !lock;
    setText(part(this.#root, "lock-set"), t(lock ? "desktop.lockChange" : "desktop.lockSet"));
    part(this.#root, "profiles-group").hidden = profiles.length === 0;
    setText(part(this.#root, "profile"), profile);
    part(this.#root, "profile-list").replaceChildren(
      ...profiles.filter((name) => name !== profile).map((name) => this.#profileButton(name)),
    );
    setText(part(this.#root, "version"), version);
    setText(part(this.#root, "update"), updateText(update));
    part(this.#root, "check").hidden = ["off", "checking", "downloading", "ready"].includes(update.state);
    part(this.#root, "channel-row").hidden = update.state === "off";
    part(this.#root, "install").hidden = update.state !== "available" && update.state !== "ready";
    setText(part(this.#root, "notes"), update.state === "available" ? update.notes : "");
  }

  /** @param {string} name */
  #profileButton(name) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "button small";
    button.textContent = name;
    button.addEventListener("click", () => void this.#try(() => this.#openProfile(name)));
    return button;
  }

  /** Shows the text, chosen as a whole, for who wants to copy it. */
  async #diagnose() {
    const { text } = await diagnosis();
    const field = /** @type {HTMLTextAreaElement} */ (part(this.#root, "diagnosis"));
    field.hidden = false;
    field.value = text;
    field.focus();
    field.select();
  }

  /** @param {string} name */
  async #openProfile(name) {
    await askDesktop("open_profile", { name });
    this.#field("profile-name").value = "";
  }

  /** @param {string | null} passphrase none takes the lock away */
  async #setLock(passphrase) {
    const current = this.#hasLock ? this.#field("lock-current").value : null;
    await askDesktop("set_lock", { current, new: passphrase });
    this.#field("lock-current").value = "";
    this.#field("lock-new").value = "";
  }

  /**
   * @param {string} name of the button
   * @param {() => Promise<void>} act
   */
  #on(name, act) {
    part(this.#root, name).addEventListener("click", () => void this.#try(act));
  }

  /** @param {() => Promise<void>} act */
  async #try(act) {
    try {
      await act();
      showFailure(this.#alert, null);
    } catch (failure) {
      showFailure(this.#alert, /** @type {Failure} */ (failure));
      this.#alert.scrollIntoView({ block: "nearest" });
    }
    await this.refresh();
  }

  /** @param {string} name */
  #field(name) {
    return /** @type {HTMLInputElement} */ (part(this.#root, name));
  }
}
