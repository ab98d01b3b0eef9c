/**
 * In the settings: how others see the person, by name and picture. Both are as the server has them.
 *
 * @typedef {import("../types").View} View
 * @typedef {import("../types").Failure} Failure
 * @typedef {import("../types").Intent} Intent
 */

import { showAvatar } from "../avatar.js";
import { showFailure } from "../failure.js";
import { dispatch } from "../ipc.js";
import { Staging } from "../staging.js";
import { instantiate, part, setText } from "../template.js";
import { t } from "../words.js";

/** The sides of a picture of somebody, in pixels. */
const SIDE = 512;

export class ProfileSettings extends HTMLElement {
  #root = instantiate("profile-settings");
  #told = part(this.#root, "told");
  #name = /** @type {HTMLInputElement} */ (part(this.#root, "own-name"));
  #files = /** @type {HTMLInputElement} */ (part(this.#root, "files"));

  connectedCallback() {
    if (this.#root.isConnected) return;
    this.append(this.#root);
    this.#root.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#try(() => dispatch({ type: "rename", name: this.#name.value }));
    });
    part(this.#root, "choose").addEventListener("click", () => this.#files.click());
    part(this.#root, "remove").addEventListener("click", () => {
      void this.#try(() => dispatch({ type: "setPicture", file: null }));
    });
    this.#files.addEventListener("change", (event) => {
      // It is no setting.
      event.stopPropagation();
      const file = this.#files.files?.[0];
      this.#files.value = "";
      if (file) void this.#try(() => setPicture(file));
    });
  }

  /** @param {View} view */
  render({ session }) {
    // A server without these knows only what was set there.
    this.hidden = session.state !== "signedIn" || !session.features.includes("refresh");
    if (session.state !== "signedIn") return;
    const { me, features } = session;
    showAvatar(part(this.#root, "picture"), me.id, me.name, me.avatar);
    if (document.activeElement !== this.#name) this.#name.value = me.name;
    part(this.#root, "choose").hidden = !features.includes("files");
    part(this.#root, "remove").hidden = !me.avatar;
  }

  /** @param {() => Promise<void>} act */
  async #try(act) {
    this.#root.setAttribute("aria-busy", "true");
    try {
      await act();
      showFailure(this.#told, null);
      setText(this.#told, t("profile.done"));
    } catch (failure) {
      showFailure(this.#told, /** @type {Failure} */ (failure));
    } finally {
      this.#root.removeAttribute("aria-busy");
    }
  }
}

/** @param {File} file */
async function setPicture(file) {
  const staging = new Staging(await squareOf(file), () => {});
  await staging.run();
  if (staging.staged) await dispatch({ type: "setPicture", file: staging.staged });
}

/**
 * The middle of a picture, no larger than it is ever shown: what else the file tells (where it was taken, say) stays
 * here.
 *
 * @param {File} file
 * @returns {Promise<File>}
 */
async function squareOf(file) {
  const unreadable = { code: "", message: t("profile.notPicture", { name: file.name }) };
  const bitmap = await createImageBitmap(file).catch(() => {
    throw unreadable;
  });
  const side = Math.min(bitmap.width, bitmap.height);
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = Math.min(side, SIDE);
  const [left, top] = [(bitmap.width - side) / 2, (bitmap.height - side) / 2];
  canvas.getContext("2d")?.drawImage(bitmap, left, top, side, side, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  if (!(blob instanceof Blob)) throw unreadable;
  return new File([blob], "picture.png", { type: "image/png" });
}
