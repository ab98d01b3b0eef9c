/**
 * The messages of the open chat: the window of them that the app sends, kept in place while it changes. Asks
 * for more at its ends, says what has been seen, and tells screen readers what is new.
 *
 * @typedef {import("../types").View} View
 * @typedef {import("../types").OpenChat} OpenChat
 * @typedef {import("../types").TimelineItem} TimelineItem
 * @typedef {import("../types").Place} Place
 * @typedef {import("../message-row.js").Row} Row
 */

import { AwayMark } from "../away-mark.js";
import { showFailure } from "../failure.js";
import { Following } from "../following.js";
import { saveFile, wish } from "../ipc.js";
import { KeyedList } from "../keyed-list.js";
import { MessageActions } from "../message-actions.js";
import { bodyText, createRow, fillRow, isSameRow, itemOf, releaseRow, renewRow, rowsOf } from "../message-row.js";
import { ReadWatch } from "../read-watch.js";
import { RovingFocus } from "../roving-focus.js";
import { ScrollAnchor } from "../scroll-anchor.js";
import { Selection } from "../selection.js";
import { instantiate, part, setText } from "../template.js";
import { t } from "../words.js";

/** How near to an end of the window, in heights of the view, more messages are asked for. */
const AHEAD = 1.5;
/** Where the first unread message stands at first, in heights of the view. */
const UNREAD_AT = 0.25;
/** Where a message stands that was jumped to. */
const JUMPED_AT = 0.35;
/** Up to so many unread messages are fetched to find the first of them. */
const UNREAD_FETCHED = 300;
/** What is left above a message for the unread line, in pixels. */
const LINE_HEIGHT = 64;
/** After this long, scrolling at an end asks for more again, where the first time gave nothing. */
const ASKED_AGAIN = 2_000;
/** More new messages than this are told as a number. */
const TOLD_WHOLE = 3;
/** How often the names of days are looked at anew. */
const DAYS_EVERY = 60_000;

export class MessageTimeline extends HTMLElement {
  #scroller = instantiate("message-timeline");
  #list = part(this.#scroller, "list");
  #empty = part(this.#scroller, "empty");
  #notice = document.createElement("div");
  #jump = instantiate("jump-button");
  #news = document.createElement("div");
  #rows = new KeyedList(this.#list, (/** @type {Row} */ row) => row.item.key, createRow, releaseRow);
  #anchor = new ScrollAnchor(this.#scroller, this.#list);
  #focus = new RovingFocus(this.#list, () => /** @type {HTMLElement[]} */ ([...this.#list.children]));
  #actions = new MessageActions(this.#list);
  #selection = new Selection();
  #read = new ReadWatch((chatId, key) => void wish({ type: "seen", chatId, key }));
  /** @type {OpenChat | null} */
  #open = null;
  /** @type {TimelineItem[]} */
  #items = [];
  #unread = 0;
  /** How many were unread when the chat was opened, and the first of them once it is known. */
  #unreadAtOpen = 0;
  /** @type {string | null} */
  #unreadFrom = null;
  /** @type {import("../message-body.js").Mentionable} */
  #people = { usernames: new Set(), me: "" };
  /** Until the messages are there, or the person scrolls: where to begin is not settled. */
  #isPlacing = true;
  /** Where the page before this one was reading. @type {Place | "end" | null} */
  #resume = null;
  /** The newest message that has been in view. */
  #lastSeenKey = "";
  #away = new AwayMark();
  /** Whether the chat has been answered since it was opened: then the line of its opening is of no more use. */
  #isAnswered = false;
  /** The number of the last jump that was made. */
  #jumped = 0;
  #following = new Following(() => this.#look());
  /** The ends of the window at which more was asked for: once each, and again after a while of scrolling. */
  #asked = { before: "", after: "", at: 0 };

  connectedCallback() {
    this.#news.className = "visually-hidden";
    this.#news.setAttribute("aria-live", "polite");
    this.#notice.className = "timeline-notice";
    this.append(this.#notice, this.#scroller, this.#jump, this.#news);
    this.#scroller.addEventListener("scroll", () => this.#onScroll(), { passive: true });
    this.#jump.addEventListener("click", () => this.#onJump());
    this.#list.addEventListener("click", (event) => this.#onRowClick(event));
    this.#list.addEventListener("keydown", (event) => {
      if (event.key === "End" && this.#open?.hasNewer) void wish({ type: "jumpToNewest" });
      this.#onSelectionKey(event);
    });
    const resized = new ResizeObserver(() => {
      this.#restore();
      this.#look();
    });
    resized.observe(this.#scroller);
    resized.observe(this.#list);
    window.addEventListener("focus", () => {
      this.#away.comeBack();
      this.#look();
    });
    window.addEventListener("blur", () => {
      this.#away.leave(this.#items);
      this.#look();
    });
    document.addEventListener("visibilitychange", () => this.#look());
    setInterval(() => this.#fill(), DAYS_EVERY);
  }

  /** @param {View} view */
  render({ open, timeline, chats, session }) {
    const isOther = open?.id !== this.#open?.id;
    const before = isOther ? [] : this.#items;
    this.#open = open;
    this.#items = timeline;
    this.#unread = chats.find((chat) => chat.id === open?.id)?.unread ?? 0;
    const me = session.state === "signedIn" ? session.me.username.toLowerCase() : "";
    this.#people = { usernames: new Set(open?.members.map(({ username }) => username.toLowerCase())), me };
    if (isOther) this.#begin();
    if (!isOther) this.#noticeScroll();
    this.#following.notice(before, timeline);
    this.#away.update(timeline);
    this.#keepSelection();
    if (this.#isPlacing) this.#unreadFrom = this.#findUnread();
    this.#fill();
    if (!open) return;
    this.#place();
    this.#jumpTo(open);
    if (before.length > 0) this.#tellNew(before.at(-1));
    this.#look();
  }

  /** @returns {Place | null} where the person is reading; nothing at the newest message */
  get place() {
    const reading = this.#anchor.reading;
    return reading && { key: reading.row.dataset.key ?? "", offset: Math.round(reading.offset) };
  }

  /** @param {Place | null} place where reading goes on in the chat that is shown next */
  resumeAt(place) {
    this.#resume = place ?? "end";
  }

  /** @returns {TimelineItem | undefined} the last message that the person wrote and may change */
  get lastOwn() {
    return this.#items.findLast((item) => item.own && item.may.edit);
  }

  /** Shows the newest messages from now on; for when the person has sent one. */
  follow() {
    this.#isPlacing = false;
    this.#isAnswered = true;
    this.#away.clear();
    this.#fill();
    this.#anchor.following = true;
    if (this.#open?.hasNewer) void wish({ type: "jumpToNewest" });
    this.#anchor.restore();
  }

  /** @returns {TimelineItem[] | null} what is selected, oldest first; `null` while nothing is */
  get selected() {
    return this.#selection.isActive ? this.#items.filter(({ key }) => this.#selection.has(key)) : null;
  }

  /** Selects a message, or no more. @param {string} key */
  select(key) {
    this.#selection.toggle(key);
    this.#showSelection();
    this.#rows.get(key)?.focus({ preventScroll: true });
  }

  endSelection() {
    this.#selection.end();
    this.#showSelection();
    if (document.activeElement === document.body) this.#focus.last();
  }

  #showSelection() {
    this.toggleAttribute("data-selecting", this.#selection.isActive);
    this.#fill();
    this.dispatchEvent(new Event("selection"));
  }

  /** What is gone is not selected any more. */
  #keepSelection() {
    if (!this.#selection.isActive) return;
    this.#selection.keep(this.#items.map(({ key }) => key));
    this.dispatchEvent(new Event("selection"));
  }

  /** @param {KeyboardEvent} event */
  #onSelectionKey(event) {
    const row = event.target instanceof HTMLElement && event.target.matches("li.message") ? event.target : null;
    if (!this.#selection.isActive || !row) return;
    if (event.key === " ") this.#selection.toggle(row.dataset.key ?? "");
    else if (event.shiftKey && (event.key === "ArrowUp" || event.key === "ArrowDown")) this.#extendBy(row, event.key);
    else if (event.key === "Escape") this.#selection.end();
    else return;
    event.preventDefault();
    event.stopPropagation();
    this.#showSelection();
  }

  /** @param {HTMLElement} row @param {string} key */
  #extendBy(row, key) {
    const next = key === "ArrowUp" ? row.previousElementSibling : row.nextElementSibling;
    if (!(next instanceof HTMLElement)) return;
    this.#extendTo(next.dataset.key ?? "");
    next.focus();
  }

  /** @param {string} key */
  #extendTo(key) {
    const all = this.#items.filter(({ system }) => !system).map((item) => item.key);
    this.#selection.extend(key, all);
  }

  #begin() {
    if (this.#selection.isActive) {
      this.#selection.end();
      this.toggleAttribute("data-selecting", false);
      this.dispatchEvent(new Event("selection"));
    }
    this.#isPlacing = true;
    this.#anchor.following = true;
    this.#lastSeenKey = "";
    this.#asked = { before: "", after: "", at: 0 };
    this.#following.begin();
    this.#isAnswered = false;
    this.#unreadAtOpen = this.#unread;
    this.#unreadFrom = null;
    this.#away.clear();
    if (this.#away.isAway) this.#away.leave(this.#items);
    this.#focus.forget();
    setText(this.#news, "");
  }

  #fill() {
    const rows = rowsOf(this.#items, this.#firstUnread(), this.#people, this.#selection);
    this.#rows.show(rows, fillRow, isSameRow, this.#isPassing ? renewRow : null);
    this.#actions.update();
    if (!this.#open) return;
    const { hasOlder, isLoading, failure, kind } = this.#open;
    // Who comes to the messages by the keyboard comes to the newest of them.
    if (this.#anchor.following && !this.#list.contains(document.activeElement)) this.#focus.forget();
    this.#focus.update(/** @type {HTMLElement | null} */ (this.#list.lastElementChild));
    this.#list.setAttribute("aria-busy", String(isLoading));
    this.toggleAttribute("data-loading", isLoading);
    this.dataset.kind = kind;
    const isEmpty = this.#items.length === 0;
    this.#list.hidden = isEmpty;
    this.#empty.hidden = !isEmpty;
    setText(part(this.#empty, "empty-text"), t(isLoading ? "timeline.loading" : "timeline.empty"));
    setText(part(this.#scroller, "top"), hasOlder || isEmpty ? "" : t("timeline.start"));
    showFailure(this.#notice, failure);
  }

  /** More passes by than can be read, and nobody has any of it in hand. */
  get #isPassing() {
    const isHeld = this.#selection.isActive || this.#list.contains(document.activeElement) || this.#actions.isShown;
    const isMarked = getSelection()?.isCollapsed === false && this.#list.contains(getSelection()?.anchorNode ?? null);
    return this.#following.isFlood && this.#anchor.following && !isHeld && !isMarked;
  }

  /** Keeps what is read in its place; in a chat that was just opened, goes to where reading begins. */
  #place() {
    if (!this.#isPlacing) {
      this.#restore();
      this.#stayAtLine();
      return;
    }
    const { key, offset } = this.#start();
    const row = key ? this.#rows.get(key) : undefined;
    if (row) {
      this.#anchor.place(row, offset);
      this.#endIsNotNewest();
    } else {
      this.#anchor.following = true;
      this.#anchor.restore();
    }
    if (this.#items.length === 0 || this.#open?.isLoading) return;
    if (this.#isUnreadMissing()) {
      this.#askForOlder();
      return;
    }
    this.#isPlacing = false;
    this.#resume = null;
  }

  #restore() {
    const hasFollowed = this.#anchor.following;
    this.#anchor.restore();
    if (!hasFollowed) this.#endIsNotNewest();
  }

  /** Brings the message that was asked for into view, once. @param {OpenChat} open */
  #jumpTo({ jumpedTo }) {
    const row = jumpedTo && jumpedTo.number !== this.#jumped ? this.#rows.get(jumpedTo.key) : undefined;
    if (!row || !jumpedTo) return;
    this.#jumped = jumpedTo.number;
    this.#isPlacing = false;
    this.#anchor.place(row, this.#scroller.clientHeight * JUMPED_AT);
    this.#endIsNotNewest();
    row.focus({ preventScroll: true });
    row.classList.remove("jumped");
    // Begins anew where the same message was jumped to before.
    void row.offsetWidth;
    row.classList.add("jumped");
  }

  /** @returns {string | null} the key of the first message that was unread when the chat was opened */
  #findUnread() {
    const told = this.#open?.firstUnread;
    if (told && this.#items.some(({ key }) => key === told)) return told;
    // The app tells it only where it knows it; so many from the end says the same.
    const others = this.#items.filter(({ own }) => !own);
    return this.#unreadAtOpen > 0 ? (others.at(-this.#unreadAtOpen)?.key ?? null) : null;
  }

  /** @returns {boolean} whether the first unread message is further back than what is here, and can be fetched */
  #isUnreadMissing() {
    const open = this.#open;
    const isWanted = this.#unreadAtOpen > 0 && this.#unreadAtOpen <= UNREAD_FETCHED && this.#unreadFrom === null;
    return isWanted && this.#resume === null && open !== null && open.hasOlder && !open.failure;
  }

  /** Nobody is there to read: what came first stays in view, and what comes later waits below. */
  #stayAtLine() {
    const row = this.#away.isAway && this.#away.first ? this.#rows.get(this.#away.first) : undefined;
    if (!row || !this.#anchor.following) return;
    const isGone = row.getBoundingClientRect().top < this.#scroller.getBoundingClientRect().top;
    if (isGone) this.#anchor.place(row, LINE_HEIGHT);
  }

  /** @returns {string | null} the key of the message above which the unread line stands */
  #firstUnread() {
    return this.#away.first ?? (this.#isAnswered ? null : this.#unreadFrom);
  }

  /** @returns {{ key: string | null, offset: number }} the message at which reading begins; without a key the end */
  #start() {
    if (this.#resume === "end") return { key: null, offset: 0 };
    // More unread than are fetched: reading begins at the oldest that are here.
    const oldest = this.#unreadAtOpen > 0 ? (this.#items[0]?.key ?? null) : null;
    return this.#resume ?? { key: this.#unreadFrom ?? oldest, offset: this.#scroller.clientHeight * UNREAD_AT };
  }

  /** @returns {boolean} whether the person has scrolled, and so settled where reading goes on */
  #noticeScroll() {
    const hasFollowed = this.#anchor.following;
    const hasScrolled = this.#anchor.notice();
    if (hasScrolled) {
      this.#isPlacing = false;
      // Who was at the end and still is has not scrolled: there is more room, for instance, as the box has less text.
      if (!hasFollowed) this.#endIsNotNewest();
    }
    return hasScrolled;
  }

  /**
   * Who reads on downwards through older messages does not want to be taken to what is fetched next. A gap that
   * opens while the newest are followed (after a loss of the connection) is followed through.
   */
  #endIsNotNewest() {
    if (this.#open?.hasNewer) this.#anchor.following = false;
  }

  #onScroll() {
    if (this.#noticeScroll()) {
      if (performance.now() - this.#asked.at > ASKED_AGAIN) this.#asked = { before: "", after: "", at: 0 };
    }
    this.#look();
  }

  /** Looks at what is in view, and does what follows from it. */
  #look() {
    const open = this.#open;
    if (!open) {
      this.#read.update(null);
      return;
    }
    const atEnd = !open.hasNewer && (this.#anchor.following || this.#anchor.isAtBottom);
    // Who stands at the newest follows them, whatever has led there.
    if (atEnd && !this.#isPlacing && document.hasFocus()) this.#anchor.following = true;
    const follows = this.#anchor.following && !this.#isPlacing;
    const newest = this.#items.findLast((item) => item.id !== null);
    if (atEnd) this.#lastSeenKey = this.#items.at(-1)?.key ?? "";
    this.#read.update(atEnd && newest && !this.#isPlacing ? { chatId: open.id, key: newest.key } : null);
    this.#following.tell(open.id, follows ? this.#scroller.clientHeight : null, this.#items.length);
    this.#showJump(atEnd);
    this.#askForMore(open);
  }

  /** @param {boolean} atEnd */
  #showJump(atEnd) {
    const hidden = atEnd || this.#items.length === 0;
    this.#jump.hidden = hidden;
    if (hidden) return;
    const seen = this.#items.findIndex((item) => item.key === this.#lastSeenKey);
    const below = seen < 0 ? this.#unread : this.#items.slice(seen + 1).filter((item) => !item.own).length;
    const text = this.#unreadBelow() ? "timeline.jumpUnread" : below > 0 ? "timeline.jumpCount" : "timeline.jump";
    setText(part(this.#jump, "text"), t(text, { count: below }));
    this.#jump.classList.toggle("news", text !== "timeline.jump");
  }

  /** @returns {HTMLElement | null} the first unread message, where it is still to come */
  #unreadBelow() {
    const key = this.#firstUnread();
    const row = key ? this.#rows.get(key) : undefined;
    return row && row.getBoundingClientRect().top > this.#scroller.getBoundingClientRect().bottom ? row : null;
  }

  #onJump() {
    const unread = this.#unreadBelow();
    const behavior = matchMedia("(prefers-reduced-motion: reduce)").matches ? "instant" : "smooth";
    if (unread) unread.scrollIntoView({ block: "start", behavior });
    else if (this.#open?.hasNewer) this.follow();
    else this.#scroller.scrollTo({ top: this.#scroller.scrollHeight, behavior });
  }

  /** @param {OpenChat} open */
  #askForMore({ hasOlder, hasNewer, isLoading }) {
    if (isLoading || this.#isPlacing) return;
    const { scrollTop, clientHeight, scrollHeight } = this.#scroller;
    const last = this.#items.at(-1)?.key ?? "";
    const isEnough = this.#following.isFlood && this.#anchor.following;
    if (hasOlder && scrollTop < clientHeight * AHEAD && !isEnough) {
      this.#askForOlder();
    } else if (
      hasNewer &&
      scrollHeight - scrollTop - clientHeight < clientHeight * AHEAD &&
      this.#asked.after !== last
    ) {
      this.#asked = { ...this.#asked, after: last, at: performance.now() };
      void wish({ type: "loadNewer" });
    }
  }

  #askForOlder() {
    const first = this.#items[0]?.key ?? "";
    if (this.#asked.before === first) return;
    this.#asked = { ...this.#asked, before: first, at: performance.now() };
    void wish({ type: "loadOlder" });
  }

  /** @param {TimelineItem | undefined} lastBefore */
  #tellNew(lastBefore) {
    const from = this.#items.findIndex((item) => item.key === lastBefore?.key);
    if (from < 0) return;
    const fresh = this.#items.slice(from + 1).filter((item) => !item.own);
    if (fresh.length === 0) return;
    const whole = fresh.map((item) => `${item.sender.name}: ${bodyText(item)}`).join(". ");
    setText(this.#news, fresh.length > TOLD_WHOLE ? t("timeline.manyNew", { count: fresh.length }) : whole);
  }

  /** @param {MouseEvent} event */
  #onRowClick(event) {
    const target = event.target instanceof Element ? event.target : null;
    if (this.#selection.isActive) {
      const key = /** @type {HTMLElement | null | undefined} */ (target?.closest("li.message"))?.dataset.key;
      if (!key) return;
      if (event.shiftKey) this.#extendTo(key);
      else this.#selection.toggle(key);
      this.#showSelection();
      return;
    }
    const button = target?.closest("button");
    const row = button?.closest("li.message");
    const item = row instanceof HTMLElement ? itemOf(row) : undefined;
    if (!button || !item) return;
    const { part: name, emoji } = button.dataset;
    const failedKey = part(/** @type {HTMLElement} */ (row), "failure").dataset.key ?? item.key;
    if (name === "retry") void wish({ type: "retry", key: failedKey });
    if (name === "delete") void wish({ type: "deleteUnsent", key: failedKey });
    if (name === "cancel") void wish({ type: "deleteUnsent", key: item.key });
    const box = button.closest("[data-index]");
    const index = box instanceof HTMLElement ? Number(box.dataset.index) : -1;
    const file = item.attachments[index];
    if (name === "picture") this.dispatchEvent(new CustomEvent("picture", { detail: { key: item.key, index } }));
    if (name === "save" && file) void saveFile(file);
    if (name === "quote" && item.replyTo?.id && this.#open)
      void wish({ type: "jumpTo", chatId: this.#open.id, messageId: item.replyTo.id });
    if (emoji) {
      const mine = item.reactions.some((reaction) => reaction.emoji === emoji && reaction.mine);
      void wish({ type: "react", key: item.key, emoji, add: !mine });
    }
  }
}
