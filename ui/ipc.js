/**
 * The border to the app: the one file that knows the bridge. It sends intents, asks for snapshots and hears
 * updates. It holds no state and never touches the document.
 *
 * @typedef {import("./types").Intent} Intent
 * @typedef {import("./types").Failure} Failure
 * @typedef {import("./types").Snapshot} Snapshot
 * @typedef {import("./types").Update} Update
 * @typedef {import("./types").Settings} Settings
 * @typedef {import("./types").Page} Page
 * @typedef {import("./types").StagedFile} StagedFile
 * @typedef {import("./types").Attachment} Attachment
 * @typedef {import("./types").System} System
 */

/**
 * Hands an intent to the app.
 *
 * @param {Intent} intent
 * @returns {Promise<void>} rejects with a {@link Failure}
 */
export async function dispatch(intent) {
  await ask("dispatch", { intent });
}

/**
 * As {@link dispatch}, for callers that need not know why it failed: a `failure` event on the window tells the
 * person.
 *
 * @param {Intent} intent
 * @returns {Promise<boolean>} whether the app took it
 */
export async function wish(intent) {
  try {
    await dispatch(intent);
    return true;
  } catch (failure) {
    // The page is on its way to the sign-in or to the lock, and what was wished is of no more use.
    if (["not_signed_in", "locked"].includes(/** @type {Failure} */ (failure).code)) return false;
    window.dispatchEvent(new CustomEvent("failure", { detail: failure }));
    return false;
  }
}

/** @returns {Promise<Snapshot>} */
export async function snapshot() {
  return /** @type {Snapshot} */ (await invoke("snapshot"));
}

/** @returns {Promise<Update>} all that has changed since the last update */
export async function catchUp() {
  return /** @type {Update} */ (await invoke("catch_up"));
}

/**
 * Calls `hear` for every update from now on.
 *
 * @param {(update: Update) => void} hear
 */
export async function onUpdate(hear) {
  await listen("update", (payload) => hear(/** @type {Update} */ (payload)));
}

/**
 * Tells the app that the page lives, and how far it has come; it sends no more than the page can follow.
 *
 * @param {number} number of the last update that was painted
 * @param {boolean} active whether somebody has used the page since the last time
 */
export function alive(number, active) {
  // An app that does not hear this does not hear anything; there is nobody to tell.
  invoke("alive", { number, active }).catch(() => {});
}

/**
 * Calls `save` when the window is about to go, and hands what it answers to the next page.
 *
 * @param {() => Promise<Page>} save
 */
export async function onFlush(save) {
  await listen("flush", async () => {
    await handOver(await save());
  });
}

/** @param {Page} page what the next page begins with */
export async function handOver(page) {
  await invoke("flushed", { page });
}

/**
 * What is stored, and the languages that the system is set to, those first that are liked best. Nothing where the app
 * keeps no settings.
 *
 * @returns {Promise<{ chosen: Settings, languages: string[] }>}
 */
export async function settings() {
  const nothing = { chosen: {}, languages: [] };
  try {
    return /** @type {typeof nothing} */ (await invoke("settings")) ?? nothing;
  } catch {
    return nothing;
  }
}

/** @param {Settings} chosen all of them */
export async function saveSettings(chosen) {
  try {
    await invoke("save_settings", { settings: chosen });
  } catch (error) {
    window.dispatchEvent(new CustomEvent("failure", { detail: failureOf(error) }));
  }
}

/**
 * How things stand on this computer. Nothing where the app is locked.
 *
 * @returns {Promise<System | null>}
 */
export async function system() {
  try {
    return /** @type {System} */ (await invoke("system"));
  } catch {
    return null;
  }
}

/** @returns {Promise<import("./types").Licence[]>} whose work is in the app */
export async function licences() {
  const text = /** @type {string} */ (await ask("licences"));
  return text
    .split("\n")
    .filter(Boolean)
    .map((line) => {
      const [name = "", version = "", licence = ""] = line.split("\t");
      return { name, version, licence };
    });
}

/** @returns {Promise<import("./types").Diagnosis>} rejects with a {@link Failure} */
export async function diagnosis() {
  try {
    return /** @type {import("./types").Diagnosis} */ (await invoke("diagnosis"));
  } catch (error) {
    throw failureOf(error);
  }
}

/**
 * Writes all that is on this computer into a file that the person chooses.
 *
 * @returns {Promise<{ chats: number, messages: number } | null>} what it holds; nothing when they changed their mind.
 *   Rejects with a {@link Failure}
 */
export async function exportChats() {
  return /** @type {{ chats: number, messages: number } | null} */ (await ask("export_chats"));
}

/**
 * Takes back what was not sent, from a file that the person chooses.
 *
 * @returns {Promise<{ drafts: number, unsent: number } | null>} what came back; nothing when they changed their mind.
 *   Rejects with a {@link Failure}
 */
export async function importChats() {
  return /** @type {{ drafts: number, unsent: number } | null} */ (await ask("import_chats"));
}

/**
 * Calls `hear` when {@link system} would answer something else.
 *
 * @param {() => void} hear
 */
export async function onSystem(hear) {
  await listen("system", () => hear());
}

/**
 * Calls `open` when something was opened from outside: a link, or the settings.
 *
 * @param {(what: import("./types").Opened) => void} open
 */
export async function onLink(open) {
  await listen("link", (payload) => open(/** @type {import("./types").Opened} */ (payload)));
}

/**
 * Has the app do something on this computer.
 *
 * @param {"set_lock" | "lock_now" | "set_autostart" | "test_notice" | "check_for_update" | "install_update" | "open_profile"} command
 * @param {object} [args]
 * @returns {Promise<void>} rejects with a {@link Failure}
 */
export async function askDesktop(command, args) {
  try {
    await invoke(command, args);
  } catch (error) {
    throw failureOf(error);
  }
}

/**
 * Opens the app's lock.
 *
 * @param {string} passphrase
 * @returns {Promise<void>} rejects with a {@link Failure}
 */
export async function unlock(passphrase) {
  try {
    await invoke("unlock", { passphrase });
  } catch (error) {
    throw failureOf(error);
  }
}

/**
 * Signs out and takes the lock away, whose passphrase nobody knows any more.
 *
 * @returns {Promise<void>} rejects with a {@link Failure}
 */
export async function forgetLock() {
  try {
    await invoke("forget_lock");
  } catch (error) {
    throw failureOf(error);
  }
}

/** @param {string} url to be opened outside of the app, which decides whether it may be */
export async function openLink(url) {
  try {
    await invoke("open_link", { url });
  } catch (error) {
    window.dispatchEvent(new CustomEvent("failure", { detail: failureOf(error) }));
  }
}

/**
 * Begins to hand a file over; it is told apart by the number from then on.
 *
 * @param {string} name
 * @param {string} mimeType
 * @returns {Promise<number>} rejects with a {@link Failure}, as all about files
 */
export async function beginFile(name, mimeType) {
  return /** @type {number} */ (await ask("begin_file", { name, mimeType }));
}

/** @param {number} number @param {Uint8Array} piece the next of the file */
export async function appendFile(number, piece) {
  await ask("append_file", piece, { headers: { file: String(number) } });
}

/** @param {number} number of a file that is whole @returns {Promise<StagedFile>} what it is sent as */
export async function endFile(number) {
  return /** @type {StagedFile} */ (await ask("end_file", { number }));
}

/** @param {number} number of a file whose rest does not come */
export async function dropFile(number) {
  await ask("drop_file", { number });
}

/** @param {string} id of a file that was made ready, and is not sent after all */
export async function detachFile(id) {
  // What is left behind is a copy that nobody needs.
  await ask("detach_file", { id }).catch(() => {});
}

/**
 * Asks where a file is to be saved, and saves it there.
 *
 * @param {Attachment} file that the server has
 */
export async function saveFile({ id, name }) {
  try {
    await ask("save_file", { id, name });
  } catch (failure) {
    window.dispatchEvent(new CustomEvent("failure", { detail: failure }));
  }
}

/** @param {string} path `ID`, `ID/thumbnail` or `staged/ID` @returns {string} for an image */
export function pictureAddress(path) {
  return bridge().core.convertFileSrc("", "khaya-file") + path;
}

/**
 * As {@link invoke}, with every error as a {@link Failure}.
 *
 * @param {string} command
 * @param {object} [args]
 * @param {{ headers: Record<string, string> }} [options]
 */
async function ask(command, args, options) {
  try {
    return await invoke(command, args, options);
  } catch (error) {
    throw failureOf(error);
  }
}

/**
 * @param {string} command
 * @param {object} [args]
 * @param {{ headers: Record<string, string> }} [options]
 */
function invoke(command, args, options) {
  return bridge().core.invoke(command, args, options);
}

/**
 * @param {string} event
 * @param {(payload: unknown) => void} hear what the event carries, which comes as JSON in a text
 */
async function listen(event, hear) {
  await bridge().event.listen(event, ({ payload }) => hear(JSON.parse(payload)));
}

function bridge() {
  if (!window.__TAURI__) throw new Error("the page runs outside of the app");
  return window.__TAURI__;
}

/**
 * @param {unknown} error
 * @returns {Failure}
 */
function failureOf(error) {
  if (typeof error === "object" && error !== null && "code" in error && "message" in error) {
    return { code: String(error.code), message: String(error.message) };
  }
  return { code: "internal", message: String(error) };
}
