/**
 * A file on its way into the app: read piece by piece, so that a large one never lies in memory whole.
 *
 * @typedef {import("./types").StagedFile} StagedFile
 * @typedef {import("./types").Failure} Failure
 */

import { appendFile, beginFile, detachFile, dropFile, endFile } from "./ipc.js";
import { t } from "./words.js";

const PIECE = 1024 * 1024;

export class Staging {
  /** How much of it the app has, in bytes. */
  taken = 0;
  /** What it is sent as, once the app has it. @type {StagedFile | null} */
  staged = null;
  #isWanted = true;
  #file;
  #tell;

  /**
   * @param {File} file
   * @param {() => void} tell hears of every step
   */
  constructor(file, tell) {
    this.#file = file;
    this.#tell = tell;
  }

  /** Hands it over. Rejects with a {@link Failure} where that cannot be done. */
  async run() {
    const { name, type, size } = this.#file;
    const number = await beginFile(name, type);
    try {
      while (this.#isWanted && this.taken < size) {
        await appendFile(number, await this.#piece());
        this.taken = Math.min(size, this.taken + PIECE);
        this.#tell();
      }
      if (!this.#isWanted) await dropFile(number);
      else this.staged = await endFile(number);
    } catch (error) {
      await dropFile(number);
      throw error;
    }
    // It may have been let go while the app made it ready.
    if (!this.#isWanted) this.stop();
    this.#tell();
  }

  /** Lets it go, however far it has come. */
  stop() {
    this.#isWanted = false;
    if (this.staged) void detachFile(this.staged.id);
  }

  /** @returns {Promise<Uint8Array>} */
  async #piece() {
    try {
      return new Uint8Array(await this.#file.slice(this.taken, this.taken + PIECE).arrayBuffer());
    } catch {
      // A folder, or a file that has gone meanwhile.
      throw { code: "", message: t("files.unreadable", { name: this.#file.name }) };
    }
  }
}
