/**
 * Keys that work everywhere in the window. `Mod` is ⌘ on a Mac and Ctrl elsewhere.
 */

const isMac = navigator.platform.startsWith("Mac");
const MAC_NAMES = { Mod: "⌘", Alt: "⌥", Shift: "⇧" };
const NAMES = { Mod: "Ctrl", ArrowDown: "↓", ArrowUp: "↑", Escape: "Esc" };

/** @param {Record<string, () => void>} actions by key, as "Mod+K" */
export function installShortcuts(actions) {
  window.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || document.querySelector("dialog[open], :popover-open")) return;
    const keys = combination(event);
    const action = actions[keys];
    if (!action || (!keys.startsWith("Mod") && !keys.startsWith("Alt") && writes(event, keys))) return;
    event.preventDefault();
    action();
  });
}

/** @param {string} keys as "Mod+K" @returns {string} as the system writes it */
export function keyName(keys) {
  const names = keys
    .replace("Shift+?", "?")
    .split("+")
    .map((key) => nameOf(isMac ? MAC_NAMES : {}, key) ?? nameOf(NAMES, key) ?? key);
  return names.join(isMac ? "" : "+");
}

/** @param {Record<string, string>} names @param {string} key @returns {string | undefined} */
function nameOf(names, key) {
  return Object.hasOwn(names, key) ? names[key] : undefined;
}

/**
 * @param {KeyboardEvent} event
 * @param {string} keys
 * @returns {boolean} whether the key writes a letter where the focus is
 */
function writes(event, keys) {
  return (
    keys !== "Escape" && event.target instanceof Element && event.target.closest("input, textarea, select") !== null
  );
}

/** @param {KeyboardEvent} event */
function combination(event) {
  const mod = isMac ? event.metaKey : event.ctrlKey;
  const key = event.key.length === 1 ? event.key.toUpperCase() : event.key;
  return `${mod ? "Mod+" : ""}${event.altKey ? "Alt+" : ""}${event.shiftKey ? "Shift+" : ""}${key}`;
}
