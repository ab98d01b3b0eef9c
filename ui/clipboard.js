/**
 * Text for the clipboard.
 */

/** @param {string} text */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Where the engine wants to be asked in the old way.
    const give = (/** @type {ClipboardEvent} */ event) => {
      event.preventDefault();
      event.stopImmediatePropagation();
      event.clipboardData?.setData("text/plain", text);
    };
    document.addEventListener("copy", give, { capture: true, once: true });
    document.execCommand("copy");
    document.removeEventListener("copy", give, { capture: true });
  }
}
