/**
 * What a file is, as far as a look at it can say: by its type, or the end of its name.
 */

/** What the app shows as a picture. */
const PICTURES = ["image/png", "image/jpeg", "image/gif", "image/webp"];

/** @param {string} mimeType @returns {"picture" | "file"} */
export function fileKind(mimeType) {
  return PICTURES.includes(mimeType) ? "picture" : "file";
}

/**
 * The end of the name on the file's sheet of paper.
 *
 * @param {HTMLElement} element
 * @param {string} name
 */
export function showFileKind(element, name) {
  const [, end = ""] = /\.([\p{L}\p{N}]{1,5})$/u.exec(name) ?? [];
  element.textContent = end.toLocaleUpperCase();
}
