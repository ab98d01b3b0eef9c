/**
 * The text of a message as nodes: from the tree that the app has read it to. Text is only ever set as text, and a
 * link never leads anywhere by itself: an `open-link` event says that somebody wants to follow it.
 *
 * @typedef {import("./types").Block} Block
 * @typedef {import("./types").Inline} Inline
 * @typedef {Extract<Block, { kind: "list" }>["items"][number]} ListItem
 * @typedef {{ usernames: ReadonlySet<string>, me: string }} Mentionable those who can be mentioned in a chat
 */

import { setText } from "./template.js";
import { t } from "./words.js";

/** What an element shows, so that the same is not built again: that would end a selection in it. */
const shown = /** @type {WeakMap<HTMLElement, { text: string, blocks: readonly Block[] }>} */ (new WeakMap());

/**
 * @param {HTMLElement} element
 * @param {string} text that `blocks` were read from
 * @param {readonly Block[]} blocks
 * @param {Mentionable} people
 */
export function showBody(element, text, blocks, people) {
  const before = element.hasChildNodes() ? shown.get(element) : undefined;
  if (before?.text === text) return;
  shown.set(element, { text, blocks });
  // Most messages are a few words: others of as many parts are written into the same nodes.
  if (before && areAlike(before.blocks, blocks)) rewrite(element, blocks);
  else element.replaceChildren(...blocks.map((block) => blockNode(block, people)));
}

/** In place of what was said. @param {HTMLElement} element @param {string} text */
export function showWords(element, text) {
  shown.delete(element);
  setText(element, text);
}

/**
 * Whether both have the same parts, with nothing in them but words.
 *
 * @param {readonly (Block | Inline)[]} before
 * @param {readonly (Block | Inline)[]} after
 * @returns {boolean}
 */
function areAlike(before, after) {
  return (
    before.length === after.length &&
    before.every((one, index) => {
      const other = after[index];
      if (one.kind !== other?.kind) return false;
      if (one.kind === "text") return true;
      const hasWords = one.kind === "paragraph" || one.kind === "strong" || one.kind === "emphasis";
      return hasWords && one.kind === other.kind && areAlike(one.inlines, other.inlines);
    })
  );
}

/**
 * @param {Node} node
 * @param {readonly (Block | Inline)[]} parts of which each is a node in it
 */
function rewrite(node, parts) {
  parts.forEach((one, index) => {
    const child = /** @type {Node} */ (node.childNodes[index]);
    if (one.kind === "text") child.nodeValue = one.text;
    else if ("inlines" in one) rewrite(child, one.inlines);
  });
}

/** @param {readonly Block[]} blocks @returns {string} their words in one line, for who hears them */
export function wordsOf(blocks) {
  return blocks.map(blockWords).join(" ").trim();
}

/** @param {Block} block @returns {string} */
function blockWords(block) {
  switch (block.kind) {
    case "paragraph":
    case "heading":
      return inlineWords(block.inlines);
    case "code":
      return block.spans.map(({ text }) => text).join("");
    case "quote":
      return wordsOf(block.blocks);
    case "list":
      return block.items.map(({ blocks }) => wordsOf(blocks)).join(", ");
    case "table":
      return [block.head, ...block.rows].map((row) => row.map(inlineWords).join(" ")).join(", ");
    case "rule":
      return "";
  }
}

/** @param {readonly Inline[]} inlines @returns {string} */
function inlineWords(inlines) {
  return inlines
    .map((inline) => ("inlines" in inline ? inlineWords(inline.inlines) : inline.kind === "break" ? " " : inline.text))
    .join("");
}

/** @param {Block} block @param {Mentionable} people @returns {Node} */
function blockNode(block, people) {
  switch (block.kind) {
    case "paragraph":
      return element("p", inlineNodes(block.inlines, people));
    case "heading":
      return heading(block.level, inlineNodes(block.inlines, people));
    case "code":
      return code(block);
    case "quote":
      return element(
        "blockquote",
        block.blocks.map((inner) => blockNode(inner, people)),
      );
    case "list":
      return list(block, people);
    case "table":
      return table(block, people);
    case "rule":
      return element("hr", []);
  }
}

/** @param {number} level @param {Node[]} nodes */
function heading(level, nodes) {
  // It looks like one, and is none: the outline of the window is not for messages to change.
  const made = element("p", nodes);
  made.className = "heading";
  made.dataset.level = String(level);
  return made;
}

/** @param {Extract<Block, { kind: "code" }>} block */
function code({ language, spans }) {
  const inner = element(
    "code",
    spans.map(({ highlight, text }) => {
      if (!highlight) return document.createTextNode(text);
      const span = element("span", [text]);
      span.dataset.highlight = highlight;
      return span;
    }),
  );
  const made = element("pre", [inner]);
  made.dir = "ltr";
  if (language) made.dataset.language = language;
  return made;
}

/** @param {Extract<Block, { kind: "list" }>} block @param {Mentionable} people */
function list({ start, items }, people) {
  const made = element(
    start === null ? "ul" : "ol",
    items.map((item) => listItem(item, people)),
  );
  if (made instanceof HTMLOListElement && start !== null) made.start = start;
  return made;
}

/** @param {ListItem} item @param {Mentionable} people */
function listItem({ done, blocks }, people) {
  const made = element(
    "li",
    blocks.map((block) => blockNode(block, people)),
  );
  if (done === undefined) return made;
  const mark = element("span", [done ? "☑" : "☐"]);
  mark.className = "task";
  mark.setAttribute("role", "img");
  mark.setAttribute("aria-label", t(done ? "message.taskDone" : "message.taskOpen"));
  made.classList.add("task-item");
  made.prepend(mark);
  return made;
}

/** @param {Extract<Block, { kind: "table" }>} block @param {Mentionable} people */
function table({ align, head, rows }, people) {
  const row = (/** @type {"th" | "td"} */ tag, /** @type {readonly Inline[][]} */ cells) =>
    element(
      "tr",
      cells.map((cell, column) => {
        const made = element(tag, inlineNodes(cell, people));
        made.dataset.align = align[column] ?? "start";
        return made;
      }),
    );
  return element("table", [
    element("thead", [row("th", head)]),
    element(
      "tbody",
      rows.map((cells) => row("td", cells)),
    ),
  ]);
}

/** @param {readonly Inline[]} inlines @param {Mentionable} people @returns {Node[]} */
function inlineNodes(inlines, people) {
  return inlines.map((inline) => inlineNode(inline, people));
}

/** @param {Inline} inline @param {Mentionable} people @returns {Node} */
function inlineNode(inline, people) {
  switch (inline.kind) {
    case "text":
      return document.createTextNode(inline.text);
    case "strong":
      return element("strong", inlineNodes(inline.inlines, people));
    case "emphasis":
      return element("em", inlineNodes(inline.inlines, people));
    case "strike":
      return element("s", inlineNodes(inline.inlines, people));
    case "code":
      return element("code", [inline.text]);
    case "link":
      return link(inline, people);
    case "mention":
      return mention(inline, people);
    case "break":
      return element("br", []);
  }
}

/** @param {Extract<Inline, { kind: "mention" }>} inline @param {Mentionable} people */
function mention({ text, username }, { usernames, me }) {
  if (!usernames.has(username)) return document.createTextNode(text);
  const made = element("span", [text]);
  made.className = username === me ? "mention me" : "mention";
  return made;
}

/** @param {Extract<Inline, { kind: "link" }>} inline @param {Mentionable} people */
function link({ target, host, titled, inlines }, people) {
  const made = element("a", inlineNodes(inlines, people));
  made.href = target;
  made.title = target;
  // Can be reached once its message has the tab stop of the list.
  made.tabIndex = -1;
  made.addEventListener("click", (event) => {
    event.preventDefault();
    made.dispatchEvent(new CustomEvent("open-link", { bubbles: true, detail: { target, host: host ?? "", titled } }));
  });
  // A middle click would ask for a window of its own.
  made.addEventListener("auxclick", (event) => event.preventDefault());
  return made;
}

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {readonly (Node | string)[]} children
 */
function element(tag, children) {
  const made = document.createElement(tag);
  made.append(...children);
  return made;
}
