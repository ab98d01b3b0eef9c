/**
 * The page's copy of the view: a snapshot, brought up to date by numbered updates. It decides nothing, and
 * never changes but by what the app sent.
 *
 * @typedef {import("./types").View} View
 * @typedef {import("./types").Change} Change
 * @typedef {import("./types").Snapshot} Snapshot
 * @typedef {import("./types").Changes} Changes
 * @typedef {import("./types").Update} Update
 * @typedef {keyof View} Part
 */

/**
 * @template T
 * @typedef {import("./types").ListChange<T>} ListChange
 */

/** How many updates are kept while what was asked for is on its way. */
const WAITING_LIMIT = 64;

export class State {
  /** @type {View | null} */
  #view = null;
  #number = -1;
  #asking = false;
  /** What came while what was asked for was on its way. @type {Update[]} */
  #waiting = [];
  #fetch;
  #catchUp;
  #tell;

  /**
   * @param {() => Promise<Snapshot>} fetch asks the app for the whole view
   * @param {() => Promise<Update>} catchUp asks for all that has changed since the last update
   * @param {(view: View, parts: Set<Part>) => void} tell hears which parts of the view are new
   */
  constructor(fetch, catchUp, tell) {
    this.#fetch = fetch;
    this.#catchUp = catchUp;
    this.#tell = tell;
  }

  /** The number of the last update that was applied. */
  get number() {
    return this.#number;
  }

  /** @returns {View | null} as it is now */
  get view() {
    return this.#view;
  }

  /** Takes the whole view from the app, and then what came meanwhile. Does nothing while the app is asked already. */
  async refresh() {
    await this.#ask(async () => {
      const { number, view } = await this.#fetch();
      this.#number = number;
      if (this.#view) keepSame(this.#view, view);
      this.#view = view;
      this.#tell(view, new Set(/** @type {Part[]} */ (Object.keys(view))));
    });
  }

  /**
   * Applies the next update; one that is old is ignored, and a hole leads to a snapshot.
   *
   * @param {Update} update
   */
  apply(update) {
    if (this.#asking) {
      // A few are enough: a hole among them leads to one more snapshot.
      if (this.#waiting.length >= WAITING_LIMIT) this.#waiting.shift();
      this.#waiting.push(update);
      return;
    }
    if (this.#view && "more" in update && update.number === this.#number) {
      this.#fetchMore()
        .catch(() => this.refresh())
        // The page begins anew when the app can be asked again.
        .catch(() => {});
      return;
    }
    if (update.number <= this.#number) return;
    if (!this.#view || !("changes" in update) || update.number !== this.#number + 1) {
      // Should it fail, the next update is a hole again.
      this.refresh().catch(() => {});
      return;
    }
    this.#change(this.#view, update);
  }

  async #fetchMore() {
    /** @type {Update | null} */
    let update = null;
    await this.#ask(async () => {
      update = await this.#catchUp();
      if (!this.#view || !("changes" in update) || update.number !== this.#number + 1) return;
      this.#change(this.#view, update);
      update = null;
    });
    if (update) await this.refresh();
  }

  /** Asks the app, and then applies what came meanwhile. @param {() => Promise<void>} ask */
  async #ask(ask) {
    if (this.#asking) return;
    this.#asking = true;
    try {
      await ask();
    } finally {
      this.#asking = false;
    }
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const update of waiting) this.apply(update);
  }

  /** @param {View} before @param {Changes} update */
  #change(before, { number, changes }) {
    const view = { ...before };
    /** @type {Set<Part>} */
    const parts = new Set();
    for (const change of changes) {
      applyChange(view, change);
      parts.add(change.type);
    }
    this.#number = number;
    this.#view = view;
    this.#tell(view, parts);
  }
}

/**
 * Gives the items of a snapshot that are as they were their old identity, by which elements know that there is
 * nothing to do.
 *
 * @param {View} before
 * @param {View} after
 */
function keepSame(before, after) {
  after.chats = withOld(before.chats, after.chats, (chat) => chat.id);
  after.timeline = withOld(before.timeline, after.timeline, (item) => item.key);
  after.found = withOld(before.found, after.found, (hit) => hit.key);
}

/**
 * @template T
 * @param {T[]} before
 * @param {T[]} after
 * @param {(item: T) => string} keyOf
 * @returns {T[]}
 */
function withOld(before, after, keyOf) {
  const old = new Map(before.map((item) => [keyOf(item), item]));
  return after.map((item) => {
    const same = old.get(keyOf(item));
    return same && JSON.stringify(same) === JSON.stringify(item) ? same : item;
  });
}

/**
 * @param {View} view
 * @param {Change} change
 */
function applyChange(view, change) {
  switch (change.type) {
    case "session":
      view.session = change.value;
      break;
    case "connection":
      view.connection = change.value;
      break;
    case "chats":
      view.chats = applySteps(view.chats, change.value, (chat) => chat.id);
      break;
    case "chatsLoading":
      view.chatsLoading = change.value;
      break;
    case "unread":
      view.unread = change.value;
      break;
    case "open":
      if (change.value?.id !== view.open?.id) view.timeline = [];
      view.open = change.value;
      break;
    case "timeline":
      view.timeline = applySteps(view.timeline, change.value, (item) => item.key);
      break;
    case "people":
      view.people = change.value;
      break;
    case "devices":
      view.devices = change.value;
      break;
    case "search":
      view.search = change.value;
      break;
    case "found":
      view.found = applySteps(view.found, change.value, (hit) => hit.key);
      break;
    case "alerts":
      view.alerts = change.value;
      break;
  }
}

/**
 * @template T
 * @param {T[]} list
 * @param {ListChange<T>[]} steps
 * @param {(item: T) => string} keyOf
 * @returns {T[]}
 */
function applySteps(list, steps, keyOf) {
  const result = [...list];
  /** @param {string | null} key */
  const find = (key) => (key === null ? -1 : result.findIndex((item) => keyOf(item) === key));
  for (const step of steps) {
    const at = find(step.key);
    if (step.op === "remove") {
      if (at >= 0) result.splice(at, 1);
      continue;
    }
    const before = find(step.before);
    if (at >= 0 && at + 1 === (before < 0 ? result.length : before)) {
      result[at] = step.item;
      continue;
    }
    if (at >= 0) result.splice(at, 1);
    const target = find(step.before);
    result.splice(target < 0 ? result.length : target, 0, step.item);
  }
  return result;
}
