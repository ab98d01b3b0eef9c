/**
 * In the settings: how much of the account is on this computer, a file with all of it, and what comes back from one.
 *
 * @typedef {import("../types").Failure} Failure
 */

import { showFailure } from "../failure.js";
import { diagnosis, exportChats, importChats } from "../ipc.js";
import { instantiate, part, setText } from "../template.js";
import { byteSize, t } from "../words.js";

/** How much may be kept of files that were shown, in MB. */
const KEPT = [0, 100, 500, 2000, 10000];
const MEGABYTE = 1_000_000;

export class StorageSettings extends HTMLElement {
  #root = instantiate("storage-settings");
  #told = part(this.#root, "told");

  connectedCallback() {
    if (this.#root.isConnected) return;
    this.append(this.#root);
    for (const size of KEPT) {
      const words = size === 0 ? t("storage.keepNone") : t("storage.keepUpTo", { size: byteSize(size * MEGABYTE) });
      part(this.#root, "keep").append(new Option(words, String(size)));
    }
    part(this.#root, "export").addEventListener("click", () => {
      void this.#try(async () => {
        const made = await exportChats();
        return made ? t("storage.exported", { count: made.messages }) : "";
      });
    });
    part(this.#root, "import").addEventListener("click", () => {
      void this.#try(async () => {
        const found = await importChats();
        return found ? t("storage.imported", { count: found.drafts + found.unsent }) : "";
      });
    });
  }

  /** Asks how much there is. */
  async refresh() {
    showFailure(this.#told, null);
    try {
      const { storage } = await diagnosis();
      setText(part(this.#root, "size"), byteSize(Object.values(storage).reduce((sum, size) => sum + size, 0)));
    } catch {
      // A locked app tells nothing, and its settings are closed in a moment.
    }
  }

  /** @param {() => Promise<string>} act answers what is to be told of it */
  async #try(act) {
    this.#root.setAttribute("aria-busy", "true");
    try {
      const words = await act();
      showFailure(this.#told, null);
      setText(this.#told, words);
    } catch (failure) {
      showFailure(this.#told, /** @type {Failure} */ (failure));
    } finally {
      this.#root.removeAttribute("aria-busy");
    }
  }
}
