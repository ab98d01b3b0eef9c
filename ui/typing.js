/**
 * Changes of what is typed that are not typed letter by letter: made as the keyboard makes them, so that they can be
 * undone as what is typed can.
 */

/**
 * Puts `text` in the place of what is from `start` to `end`, with the caret after it. Tells `input` as typing does.
 *
 * @param {HTMLTextAreaElement} field
 * @param {string} text
 * @param {number} start
 * @param {number} end
 */
export function typeOver(field, text, start, end) {
  field.focus({ preventScroll: true });
  field.setSelectionRange(start, end);
  const isTyped = document.execCommand(text === "" ? "delete" : "insertText", false, text);
  if (isTyped || (text === "" && start === end)) return;
  field.setRangeText(text, start, end, "end");
  field.dispatchEvent(new Event("input", { bubbles: true }));
}
