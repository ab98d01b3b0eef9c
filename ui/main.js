/**
 * Starts the page: words, settings, the view; and hands what is new to the elements that show it. Which screen
 * is seen is decided by the session alone.
 *
 * @typedef {import("./types").View} View
 * @typedef {import("./types").Settings} Settings
 * @typedef {import("./types").TimelineItem} TimelineItem
 * @typedef {keyof View} Part
 */

import { AccountSettings } from "./elements/account-settings.js";
import { AppLock } from "./elements/app-lock.js";
import { AlertStack } from "./elements/alert-stack.js";
import { AudiencePicker } from "./elements/audience-picker.js";
import { ChatDetails } from "./elements/chat-details.js";
import { ChatHeader } from "./elements/chat-header.js";
import { ChatList } from "./elements/chat-list.js";
import { ConnectionStatus } from "./elements/connection-status.js";
import { DesktopSettings } from "./elements/desktop-settings.js";
import { EmojiPicker } from "./elements/emoji-picker.js";
import { KeyringChoice } from "./elements/keyring-choice.js";
import { MessageComposer } from "./elements/message-composer.js";
import { MessageMenu } from "./elements/message-menu.js";
import { MessageSearch } from "./elements/message-search.js";
import { MessageTimeline } from "./elements/message-timeline.js";
import { NewChat } from "./elements/new-chat.js";
import { PictureViewer } from "./elements/picture-viewer.js";
import { PeopleFound } from "./elements/people-found.js";
import { ProfileSettings } from "./elements/profile-settings.js";
import { QuestionDialog } from "./elements/question-dialog.js";
import { SelectionBar } from "./elements/selection-bar.js";
import { SettingsPanel } from "./elements/settings-panel.js";
import { SignIn } from "./elements/sign-in.js";
import { StorageSettings } from "./elements/storage-settings.js";
import { StoreLock } from "./elements/store-lock.js";
import { TypingLine } from "./elements/typing-line.js";
import { UpdateLine } from "./elements/update-line.js";
import { copy } from "./clipboard.js";
import { installFileDrop } from "./file-drop.js";
import {
  alive,
  catchUp,
  handOver,
  onFlush,
  onLink,
  onSystem,
  onUpdate,
  openLink,
  saveSettings,
  settings,
  snapshot,
  wish,
} from "./ipc.js";
import { Painting } from "./painting.js";
import { installShortcuts, keyName } from "./shortcuts.js";
import { State } from "./state.js";
import { fillWords, part, setText } from "./template.js";
import { installUndo } from "./typing.js";
import { loadWords, t } from "./words.js";

/** The app is told that the page lives this often, in milliseconds; and in updates, of which it sends only so many. */
const ALIVE_EVERY = 5_000;
const ALIVE_UPDATES = 4;

const body = document.body;
/** What is heard before there is a state needs no hearing: the snapshot that follows has it. @type {State | null} */
let state = null;
// All that the page waits for is asked for at once.
const listening = Promise.all([onUpdate(hear), onFlush(handOn), onLink(follow), onSystem(hearOfSystem)]);
/** Somebody has used the page since the app was told last. */
let isUsed = true;
const { chosen, languages } = await settings();
await loadWords(chosen.language, languages);
showSettings(chosen);
defineElements();
fillWords(body);

const rooms = /** @type {HTMLElement} */ (body.querySelector(".rooms"));
const chat = part(body, "chat");
const welcome = part(body, "welcome");
const search = /** @type {HTMLInputElement} */ (part(body, "search"));
const signIn = element(SignIn, "sign-in");
const chatList = element(ChatList, "chat-list");
const peopleFound = element(PeopleFound, "people-found");
const timeline = element(MessageTimeline, "message-timeline");
const composer = element(MessageComposer, "message-composer");
const chatHeader = element(ChatHeader, "chat-header");
const chatDetails = element(ChatDetails, "chat-details");
const emojiPicker = element(EmojiPicker, "emoji-picker");
const messageMenu = element(MessageMenu, "message-menu");
const audiencePicker = element(AudiencePicker, "audience-picker");
const question = element(QuestionDialog, "question-dialog");
const messageSearch = element(MessageSearch, "message-search");
const selectionBar = element(SelectionBar, "selection-bar");
const pictureViewer = element(PictureViewer, "picture-viewer");
const newChat = element(NewChat, "new-chat");
const settingsPanel = element(SettingsPanel, "settings-panel");
const accountSettings = element(AccountSettings, "account-settings");
const keyringChoice = element(KeyringChoice, "keyring-choice");
const storeLock = element(StoreLock, "store-lock");
const appLock = element(AppLock, "app-lock");
const updateLine = element(UpdateLine, "update-line");

/** @type {[{ render(view: View): void }, Part[]][]} What each element shows of the view. */
const readers = [
  [{ render: showScreen }, ["session", "open", "unread"]],
  [element(AlertStack, "alert-stack"), ["alerts"]],
  [element(ConnectionStatus, "connection-status"), ["connection"]],
  [signIn, ["session"]],
  [chatList, ["chats", "chatsLoading", "open", "session"]],
  [peopleFound, ["people", "session", "chats"]],
  [chatHeader, ["open", "session", "chats"]],
  [chatDetails, ["open", "session"]],
  [timeline, ["open", "timeline", "chats"]],
  [element(TypingLine, "typing-line"), ["open"]],
  [composer, ["open", "session", "chats"]],
  [newChat, ["people", "session"]],
  [messageSearch, ["search", "found", "open", "session"]],
  [pictureViewer, ["timeline", "session"]],
  [accountSettings, ["session", "devices"]],
  [element(ProfileSettings, "profile-settings"), ["session"]],
  [settingsPanel, ["session", "connection", "chats"]],
  [keyringChoice, ["session"]],
  [storeLock, ["session"]],
];

/** The parts of the view that are new since it was painted. @type {Set<Part>} */
let fresh = new Set();
/** The number of the last update that is painted, and of the last one of which the app knows that it is. */
let painted = -1;
let told = -1;
const painting = new Painting(paint);
state = new State(
  takeSnapshot,
  async () => painting.done.then(catchUp),
  (_, parts) => {
    for (const name of parts) fresh.add(name);
    painting.ask();
  },
);

part(body, "refresh").addEventListener("click", refresh);
part(body, "new-chat").addEventListener("click", () => newChat.open());
part(body, "settings").addEventListener("click", () => settingsPanel.open());
part(body, "search-keys").textContent = keyName("Mod+K");
part(body, "welcome-text").textContent = t("welcome.text", { keys: keyName("Mod+K") });
search.addEventListener("input", () => lookFor(search.value));
search.addEventListener("keydown", (event) => {
  if (event.key === "ArrowDown" || event.key === "Enter") {
    event.preventDefault();
    const found = event.key === "ArrowDown" ? chatList.focusFirst() : chatList.openFirst();
    if (!found && !peopleFound.focusFirst()) part(body, "search-messages").focus();
  } else if (event.key === "Escape" && search.value !== "") {
    event.preventDefault();
    event.stopPropagation();
    lookFor("");
  }
});
chatHeader.addEventListener("details", () => chatDetails.open());
chatDetails.addEventListener("files", () => messageSearch.open({ isHere: true, query: "has:file " }));
chatHeader.addEventListener("find", () => messageSearch.open({ isHere: true }));
part(body, "search-messages").addEventListener("click", () => {
  messageSearch.open({ isHere: false, query: search.value.trim() });
});
chatDetails.question = question;
accountSettings.question = question;
settingsPanel.addEventListener("open", () => accountSettings.refresh());
storeLock.question = question;
appLock.question = question;
appLock.addEventListener("open", () => void state?.refresh());
composer.addEventListener("emoji", (event) => {
  emojiPicker.open(/** @type {CustomEvent} */ (event).detail, (emoji) => composer.insert(emoji));
});
composer.addEventListener("restrict", chooseAudience);
composer.addEventListener("edit-last", () => timeline.lastOwn && composer.edit(timeline.lastOwn));
audiencePicker.addEventListener("choose", (event) => composer.restrict(/** @type {CustomEvent} */ (event).detail));
onMessage("reply", ({ item }) => composer.reply(item));
onMessage("edit", ({ item }) => composer.edit(item));
onMessage("react", ({ item, row }) => {
  // The row may have left the timeline while its menu was open.
  emojiPicker.open(
    row.isConnected ? part(row, "bubble") : composer,
    (emoji) => void wish({ type: "react", key: item.key, emoji, add: true }),
  );
});
onMessage("delete", ({ item }) => void askToDelete(item));
onMessage("link", ({ item }) => void copy(`khaya://chat/${body.dataset.openChat}/${item.id}`));
onMessage("select", ({ item }) => timeline.select(item.key));
timeline.addEventListener("selection", () => selectionBar.show(timeline.selected));
selectionBar.question = question;
selectionBar.addEventListener("end", () => timeline.endSelection());
body.addEventListener("open-link", (event) => void followLink(/** @type {CustomEvent} */ (event).detail));
timeline.addEventListener("picture", (event) => {
  const { key, index } = /** @type {CustomEvent} */ (event).detail;
  pictureViewer.open(key, index);
});
installFileDrop(
  part(body, "drop"),
  () => composer.mayAttach && !document.querySelector("dialog[open]"),
  (files) => composer.attach(files),
);
composer.addEventListener("sent", () => timeline.follow());
newChat.addEventListener("started", () => composer.focusText());
settingsPanel.settings = chosen;
settingsPanel.addEventListener("change", () => {
  void changeSettings(settingsPanel.settings);
});
window.addEventListener("online", () => wish({ type: "network", online: true }));
window.addEventListener("offline", () => wish({ type: "network", online: false }));
installShortcuts({
  "Mod+K": focusSearch,
  "Mod+F": () => messageSearch.open({ isHere: true }),
  "Mod+Shift+F": () => messageSearch.open({ isHere: false }),
  "Mod+,": () => settingsPanel.open(),
  "Mod+N": () => newChat.open(),
  "Mod+=": () => settingsPanel.stepTextSize(1),
  "Mod+Shift++": () => settingsPanel.stepTextSize(1),
  "Mod++": () => settingsPanel.stepTextSize(1),
  "Mod+-": () => settingsPanel.stepTextSize(-1),
  "Shift+?": () => settingsPanel.open("shortcuts"),
  "Alt+ArrowDown": () => chatList.step(1),
  "Alt+ArrowUp": () => chatList.step(-1),
  Escape: leaveChat,
});

installUndo();

// What is typed with the focus on a message, say, is meant for the composer.
window.addEventListener("keydown", (event) => {
  if (event.key.length !== 1 || event.key === " " || event.ctrlKey || event.metaKey || event.altKey) return;
  const isElsewhere = document.activeElement?.closest("input, textarea, select, button, dialog, [popover]");
  if (!event.defaultPrevented && !isElsewhere && body.dataset.openChat) composer.focusText();
});

for (const use of ["keydown", "pointerdown", "pointermove", "wheel"])
  window.addEventListener(use, () => (isUsed = true), { capture: true, passive: true });

await listening;
await state.refresh();
await painting.done;
void updateLine.refresh();
// The app may know how long it took until there was something to see.
requestAnimationFrame(() => requestAnimationFrame(tellAlive));
setInterval(tellAlive, ALIVE_EVERY);
if (!navigator.onLine) void wish({ type: "network", online: false });

/**
 * @param {string} name of what is to be done with a message
 * @param {(what: { item: TimelineItem, row: HTMLElement }) => void} act
 */
function onMessage(name, act) {
  messageMenu.addEventListener(name, (event) => act(/** @type {CustomEvent} */ (event).detail));
}

/** @param {TimelineItem} item */
async function askToDelete(item) {
  if (item.state?.state === "failed") {
    void wish({ type: "deleteUnsent", key: item.key });
    return;
  }
  const title = t("delete.title");
  const isSure = await question.ask({ title, text: t("delete.text"), action: t("message.delete"), isDanger: true });
  if (isSure) void wish({ type: "delete", key: item.key });
}

/**
 * A link whose words are not its address is followed after a look at where it leads.
 *
 * @param {{ target: string, host: string, titled: boolean }} link
 */
async function followLink({ target, host, titled }) {
  const [, chatId, messageId] = /^khaya:\/\/chat\/([\w-]+)(?:\/([\w-]+))?$/u.exec(target) ?? [];
  if (chatId) {
    void wish(messageId ? { type: "jumpTo", chatId, messageId } : { type: "openChat", chatId });
    return;
  }
  const text = host ? t("link.text", { host }) : t("link.textOther");
  const isSure =
    !titled || (await question.ask({ title: t("link.title"), text, detail: target, action: t("link.open") }));
  if (isSure) void openLink(target);
}

function chooseAudience() {
  const { open, session } = state?.view ?? {};
  if (open && session?.state === "signedIn") audiencePicker.open(open, session.me.id, composer.audience);
}

/** @param {import("./types").Update} update */
function hear(update) {
  state?.apply(update);
}

function paint() {
  const parts = fresh;
  const { view, number } = /** @type {State} */ (state);
  fresh = new Set();
  if (!view) return;
  for (const [reader, wanted] of readers) if (wanted.some((name) => parts.has(name))) show(reader, view);
  painted = number;
  if (painted - told >= ALIVE_UPDATES) tellAlive();
}

async function handOn() {
  if (!state) return { chatId: "", place: null, files: {} };
  await composer.save();
  return { chatId: body.dataset.openChat ?? "", place: timeline.place, files: composer.files };
}

function tellAlive() {
  if (painted < 0) return;
  told = painted;
  alive(painted, isUsed);
  isUsed = false;
}

function hearOfSystem() {
  void updateLine.refresh();
  settingsPanel.refreshDesktop();
}

/** @param {import("./types").Opened} what was opened from outside */
function follow(what) {
  if (what.type === "settings") settingsPanel.open();
  else if (what.type === "closing") tellOfClosing();
  else signIn.invite(what);
}

/** The window was closed where that quits; it is still there, this once, so that nobody misses messages unawares. */
function tellOfClosing() {
  window.dispatchEvent(new CustomEvent("failure", { detail: { code: "no_tray", message: t("desktop.noTray") } }));
}

function defineElements() {
  customElements.define("account-settings", AccountSettings);
  customElements.define("app-lock", AppLock);
  customElements.define("alert-stack", AlertStack);
  customElements.define("audience-picker", AudiencePicker);
  customElements.define("chat-details", ChatDetails);
  customElements.define("chat-header", ChatHeader);
  customElements.define("chat-list", ChatList);
  customElements.define("connection-status", ConnectionStatus);
  customElements.define("desktop-settings", DesktopSettings);
  customElements.define("emoji-picker", EmojiPicker);
  customElements.define("keyring-choice", KeyringChoice);
  customElements.define("message-composer", MessageComposer);
  customElements.define("message-menu", MessageMenu);
  customElements.define("message-search", MessageSearch);
  customElements.define("message-timeline", MessageTimeline);
  customElements.define("new-chat", NewChat);
  customElements.define("people-found", PeopleFound);
  customElements.define("picture-viewer", PictureViewer);
  customElements.define("profile-settings", ProfileSettings);
  customElements.define("question-dialog", QuestionDialog);
  customElements.define("selection-bar", SelectionBar);
  // Before the panel, which names the parts that are in it.
  customElements.define("storage-settings", StorageSettings);
  customElements.define("settings-panel", SettingsPanel);
  customElements.define("sign-in", SignIn);
  customElements.define("store-lock", StoreLock);
  customElements.define("typing-line", TypingLine);
  customElements.define("update-line", UpdateLine);
}

/**
 * One element that fails does not keep the others from what is new.
 *
 * @param {{ render(view: View): void }} reader
 * @param {View} view
 */
function show(reader, view) {
  try {
    reader.render(view);
  } catch (error) {
    reportError(error);
  }
}

/**
 * @template {HTMLElement} E
 * @param {new () => E} type
 * @param {string} name
 * @returns {E}
 */
function element(type, name) {
  const found = body.querySelector(name);
  if (!(found instanceof type)) throw new Error(`no ${name}`);
  return found;
}

/** @param {View} view */
function showScreen(view) {
  const { session, open } = view;
  const signedIn = session.state === "signedIn";
  const moved = body.dataset.openChat !== (open?.id ?? "");
  body.dataset.screen = signedIn ? "rooms" : "porch";
  body.dataset.openChat = open?.id ?? "";
  signIn.hidden = signedIn;
  rooms.hidden = !signedIn;
  part(body, "refresh").hidden = !signedIn;
  part(body, "settings").hidden = !signedIn;
  chat.hidden = !open;
  welcome.hidden = Boolean(open);
  if (open) {
    chat.setAttribute("aria-label", open.name);
    setText(part(body, "drop-text"), t("files.drop", { name: open.name }));
  }
  if (signedIn) {
    setText(part(body, "server-name"), session.serverName ?? "Khaya");
    part(body, "new-chat").hidden = !session.mayStartChats;
  }
  const name = open ? `${open.name} · Khaya` : "Khaya";
  document.title = view.unread > 0 ? t("title.unread", { count: view.unread, name }) : name;
  if (moved) lookFor("");
  if (moved && open && !document.querySelector("dialog[open]")) composer.focusText();
}

async function takeSnapshot() {
  const answer = await snapshot();
  appLock.isLocked = answer.locked;
  signIn.server = answer.server ?? "";
  if (answer.page && !state?.view) composer.files = answer.page.files;
  if (answer.page && answer.page.chatId === answer.view.open?.id) timeline.resumeAt(answer.page.place);
  return answer;
}

/** @param {Settings} settings */
function showSettings({ theme, textSize, density, sendTyping }) {
  const root = document.documentElement;
  root.dataset.theme = theme ?? "system";
  root.dataset.textSize = textSize ?? "100";
  root.dataset.density = density ?? "roomy";
  MessageComposer.tellsTyping = sendTyping ?? true;
}

/** @param {Settings} settings */
async function changeSettings(settings) {
  showSettings(settings);
  await saveSettings(settings);
  if ((settings.language ?? "system") === (chosen.language ?? "system")) return;
  // Another language is another page.
  await handOver(await handOn());
  location.reload();
}

async function refresh() {
  const button = part(body, "refresh");
  button.classList.remove("turning");
  // Begins the turn anew where it was not over.
  void button.offsetWidth;
  button.classList.add("turning");
  await wish({ type: "refresh" });
}

/** @param {string} text */
function lookFor(text) {
  search.value = text;
  chatList.filter(text);
  peopleFound.find(text);
  part(body, "search-messages").hidden = text.trim() === "";
  setText(part(body, "search-messages-text"), t("search.everywhere", { query: text.trim() }));
}

function focusSearch() {
  // Where there is room for one pane only, the list has to come back first.
  body.dataset.pane = "rail";
  search.focus();
  search.select();
}

function leaveChat() {
  if (body.dataset.openChat && matchMedia("(max-width: 43.99rem)").matches) void wish({ type: "closeChat" });
}
