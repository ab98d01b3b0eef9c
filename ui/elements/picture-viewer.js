/**
 * A picture as large as the window: the others of the chat beside it, nearer or further, and a way to save it.
 *
 * @typedef {import("../types").View} View
 * @typedef {import("../types").Attachment} Attachment
 * @typedef {{ file: Attachment, key: string, index: number, sender: string, at: string }} Shown
 */

import { addressOf, isPicture } from "../attachments.js";
import { saveFile } from "../ipc.js";
import { instantiate, part, setAttribute, setText } from "../template.js";
import { byteSize, fullTime, percent, t } from "../words.js";

/** How near a picture can come, in percent of the size in which all of it is seen. */
const ZOOMS = [100, 150, 200, 300, 400, 600];
/** What is left free around it, in pixels. */
const MARGIN = 32;

export class PictureViewer extends HTMLElement {
  #dialog = /** @type {HTMLDialogElement} */ (instantiate("picture-viewer"));
  #stage = part(this.#dialog, "stage");
  #image = /** @type {HTMLImageElement} */ (part(this.#dialog, "image"));
  /** @type {View | null} */
  #view = null;
  /** @type {Shown | null} */
  #shown = null;
  #zoom = 0;

  connectedCallback() {
    this.append(this.#dialog);
    this.#on("close", () => this.#dialog.close());
    this.#on("save", () => this.#shown && void saveFile(this.#shown.file));
    this.#on("nearer", () => this.#setZoom(this.#zoom + 1));
    this.#on("further", () => this.#setZoom(this.#zoom - 1));
    this.#on("before", () => this.#step(-1));
    this.#on("after", () => this.#step(1));
    this.#image.addEventListener("dblclick", () => this.#setZoom(this.#zoom === 0 ? 2 : 0));
    this.#image.addEventListener("load", () => {
      this.#dialog.classList.remove("loading");
      this.#setZoom(this.#zoom);
    });
    new ResizeObserver(() => this.#setZoom(this.#zoom)).observe(this.#stage);
    this.#image.addEventListener("error", () => this.#dialog.classList.replace("loading", "missing"));
    this.#stage.addEventListener("click", (event) => {
      if (event.target === this.#stage) this.#dialog.close();
    });
    this.#stage.addEventListener("wheel", (event) => this.#onWheel(event), { passive: false });
    this.#dialog.addEventListener("keydown", (event) => this.#onKey(event));
    this.#dialog.addEventListener("close", () => {
      this.#shown = null;
      this.#image.removeAttribute("src");
    });
  }

  /** @param {View} view */
  render(view) {
    this.#view = view;
    if (!this.#shown) return;
    const { key, index } = this.#shown;
    // A message that was deleted, or whose chat was left, takes its picture with it.
    const still = this.#all().some((other) => other.key === key && other.index === index);
    if (!still) this.#dialog.close();
  }

  /** @param {string} key of the message @param {number} index of its file */
  open(key, index) {
    const shown = this.#all().find((other) => other.key === key && other.index === index);
    if (!shown) return;
    if (!this.#dialog.open) this.#dialog.showModal();
    this.#show(shown);
  }

  /** @param {Shown} shown */
  #show(shown) {
    const { file, sender, at } = shown;
    this.#shown = shown;
    this.#dialog.classList.remove("missing");
    this.#dialog.classList.add("loading");
    setText(part(this.#dialog, "name"), file.name);
    setText(part(this.#dialog, "about"), t("viewer.about", { sender, at: fullTime(at), size: byteSize(file.size) }));
    setAttribute(this.#image, "alt", file.name);
    const small = addressOf(file, true);
    // An id has no character that ends the address.
    this.#image.style.backgroundImage = file.id ? `url("${small}")` : "";
    this.#image.src = addressOf(file);
    part(this.#dialog, "save").hidden = file.id === null;
    const all = this.#all();
    const place = this.#place(all);
    part(this.#dialog, "before").toggleAttribute("disabled", place <= 0);
    part(this.#dialog, "after").toggleAttribute("disabled", place >= all.length - 1);
    this.#setZoom(0);
  }

  /** @param {number} zoom */
  #setZoom(zoom) {
    this.#zoom = Math.max(0, Math.min(ZOOMS.length - 1, zoom));
    const value = ZOOMS[this.#zoom] ?? 100;
    const { scrollLeft, scrollTop, scrollWidth, scrollHeight, clientWidth, clientHeight } = this.#stage;
    const x = (scrollLeft + clientWidth / 2) / scrollWidth;
    const y = (scrollTop + clientHeight / 2) / scrollHeight;
    this.#size(value / 100);
    this.#stage.scrollTo(
      x * this.#stage.scrollWidth - clientWidth / 2,
      y * this.#stage.scrollHeight - clientHeight / 2,
    );
    setText(part(this.#dialog, "zoom"), percent(value));
    part(this.#dialog, "further").toggleAttribute("disabled", this.#zoom === 0);
    part(this.#dialog, "nearer").toggleAttribute("disabled", this.#zoom === ZOOMS.length - 1);
  }

  /** @param {number} times the size in which all of it is seen */
  #size(times) {
    const width = this.#shown?.file.width ?? this.#image.naturalWidth;
    const height = this.#shown?.file.height ?? this.#image.naturalHeight;
    if (!width || !height) return;
    const { clientWidth, clientHeight } = this.#stage;
    const fit = Math.min(1, (clientWidth - MARGIN) / width, (clientHeight - MARGIN) / height) * times;
    this.#image.style.inlineSize = `${width * fit}px`;
    this.#image.style.blockSize = `${height * fit}px`;
  }

  /** @param {1 | -1} direction */
  #step(direction) {
    const all = this.#all();
    const next = all[this.#place(all) + direction];
    if (next) this.#show(next);
  }

  /** @param {Shown[]} all */
  #place(all) {
    return all.findIndex(({ key, index }) => key === this.#shown?.key && index === this.#shown.index);
  }

  /** @param {WheelEvent} event */
  #onWheel(event) {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    this.#setZoom(this.#zoom + (event.deltaY < 0 ? 1 : -1));
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    const isTurned = document.documentElement.dir === "rtl";
    const acts = new Map([
      ["+", () => this.#setZoom(this.#zoom + 1)],
      ["=", () => this.#setZoom(this.#zoom + 1)],
      ["-", () => this.#setZoom(this.#zoom - 1)],
      ["0", () => this.#setZoom(0)],
      ["ArrowLeft", () => this.#step(isTurned ? 1 : -1)],
      ["ArrowRight", () => this.#step(isTurned ? -1 : 1)],
    ]);
    const act = acts.get(event.key);
    const isPanning = event.key.startsWith("Arrow") && this.#zoom > 0;
    if (!act || isPanning || event.altKey) return;
    event.preventDefault();
    act();
  }

  /** @returns {Shown[]} the pictures of the messages that are here, oldest first */
  #all() {
    return (this.#view?.timeline ?? []).flatMap(({ key, attachments, deleted, sender, at }) =>
      attachments
        .map((file, index) => ({ file, key, index, sender: sender.name, at }))
        .filter(({ file }) => !deleted && isPicture(file)),
    );
  }

  /** @param {string} name @param {() => void} act */
  #on(name, act) {
    part(this.#dialog, name).addEventListener("click", act);
  }
}
