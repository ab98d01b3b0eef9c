/**
 * Changes of what is typed that are not typed letter by letter: made as the keyboard makes them, so that they can be
 * undone as what is typed can.
 */

/** The keys by which what was typed is undone and done again, without Ctrl or Command. */
const STEPS = new Map([
  ["z", "undo"],
  ["Z", "redo"],
  ["y", "redo"],
]);

/** Has the keyboard undo what was typed, which WebKitGTK leaves to those who use it. */
export function installUndo() {
  window.addEventListener("keydown", (event) => {
    const step = (event.ctrlKey || event.metaKey) && !event.altKey ? STEPS.get(event.key) : undefined;
    if (!step || event.defaultPrevented || event.isComposing) return;
    if (document.activeElement?.matches("input, textarea") && document.execCommand(step)) event.preventDefault();
  });
}

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
