/**
 * The files of a message: pictures with their size kept free before they are there, other files with what they are
 * and a way to save them, and how far they have come while they are sent.
 *
 * @typedef {import("./types").Attachment} Attachment
 * @typedef {import("./types").TimelineItem} TimelineItem
 */

import { paintBlur } from "./blurhash.js";
import { fileKind, showFileKind } from "./file-kind.js";
import { pictureAddress } from "./ipc.js";
import { instantiate, part, setAttribute, setText } from "./template.js";
import { byteSize, nameList, t } from "./words.js";

/** The most that one picture takes, and each side of several, in rem. */
const WIDEST = 20;
const HIGHEST = 18;
const TILE = 9;
/** A pixel of a picture is at most this large, in rem. */
const PIXEL = 1 / 16;

/** @param {Attachment} attachment @returns {boolean} whether it is shown, and not only named */
export function isPicture({ id, width, height, mimeType }) {
  return id === null ? fileKind(mimeType) === "picture" : width !== null && height !== null;
}

/** @param {TimelineItem} item @returns {string} its files in words */
export function attachmentWords({ attachments }) {
  return nameList(attachments.map((file) => t(isPicture(file) ? "files.picture" : "files.file", { name: file.name })));
}

/** @param {Attachment} attachment @returns {string} where its picture is; nothing where there is none yet */
export function addressOf({ id, staged }, isSmall = false) {
  if (id) return pictureAddress(isSmall ? `${id}/thumbnail` : id);
  return staged ? pictureAddress(`staged/${staged}`) : "";
}

/**
 * @param {HTMLElement} element
 * @param {TimelineItem} item
 */
export function showAttachments(element, { attachments, deleted, state }) {
  const files = deleted ? [] : attachments;
  element.hidden = files.length === 0;
  const pictures = files.filter(isPicture).length;
  element.classList.toggle("several", pictures > 1);
  for (const [index, file] of files.entries()) {
    const kind = isPicture(file) ? "picture" : "file";
    let box = /** @type {HTMLElement | undefined} */ (element.children[index]);
    if (!box || box.dataset.kind !== kind || box.dataset.name !== file.name) {
      const made = instantiate(`attached-${kind}`);
      made.dataset.kind = kind;
      made.dataset.name = file.name;
      if (box) box.replaceWith(made);
      else element.append(made);
      box = made;
    }
    box.dataset.index = String(index);
    if (kind === "picture") fillPicture(box, file, pictures > 1);
    else fillFile(box, file);
    fillProgress(box, file, state?.state === "sending");
  }
  while (element.children.length > files.length) element.lastElementChild?.remove();
}

/**
 * @param {HTMLElement} box
 * @param {Attachment} file
 * @param {boolean} isTile
 */
function fillPicture(box, file, isTile) {
  const open = part(box, "picture");
  setAttribute(open, "aria-label", t("files.open", { name: file.name }));
  setAttribute(open, "title", file.name);
  const { inlineSize, blockSize } = isTile ? { inlineSize: TILE, blockSize: TILE } : sizeOf(file);
  box.style.inlineSize = `${inlineSize}rem`;
  box.style.aspectRatio = `${inlineSize} / ${blockSize}`;
  const blur = /** @type {HTMLCanvasElement} */ (part(box, "blur"));
  if (file.blurhash && blur.dataset.hash !== file.blurhash) {
    blur.dataset.hash = file.blurhash;
    blur.hidden = !paintBlur(blur, file.blurhash);
  }
  const image = /** @type {HTMLImageElement} */ (part(box, "image"));
  const address = addressOf(file, true);
  // What was shown from this computer stays when the server has it: it is the same picture.
  if (image.src || !address) return;
  image.addEventListener("load", () => box.classList.add("loaded"), { once: true });
  image.addEventListener("error", () => box.classList.add("missing"), { once: true });
  image.src = address;
}

/** @param {Attachment} file @returns {{ inlineSize: number, blockSize: number }} in rem */
function sizeOf({ width, height }) {
  if (!width || !height) return { inlineSize: WIDEST * 0.8, blockSize: HIGHEST * 0.6 };
  const scale = Math.min(PIXEL, WIDEST / width, HIGHEST / height);
  // A sliver has to be seen, and clicked, as well.
  return { inlineSize: Math.max(width * scale, 3), blockSize: Math.max(height * scale, 3) };
}

/** @param {HTMLElement} box @param {Attachment} file */
function fillFile(box, file) {
  showFileKind(part(box, "kind"), file.name);
  setText(part(box, "name"), file.name);
  setText(part(box, "size"), byteSize(file.size));
  const save = part(box, "save");
  save.hidden = file.id === null;
  setAttribute(save, "aria-label", t("files.save", { name: file.name }));
  setAttribute(save, "title", t("files.save", { name: file.name }));
}

/** @param {HTMLElement} box @param {Attachment} file @param {boolean} isSending */
function fillProgress(box, { id, name, size, sent }, isSending) {
  const progress = /** @type {HTMLProgressElement} */ (part(box, "progress"));
  progress.hidden = id !== null || !isSending;
  setAttribute(progress, "aria-label", t("files.sending", { name }));
  if (sent === null) progress.removeAttribute("value");
  else progress.value = size > 0 ? sent / size : 1;
}
