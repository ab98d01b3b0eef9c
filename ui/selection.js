/**
 * The messages that a person has selected, by their keys: one after the other, or all between two.
 */

export class Selection {
  /** @type {Set<string> | null} nothing while nobody selects */
  #keys = null;
  /** Where the last one was selected: what is selected up to another begins here. */
  #from = "";

  get isActive() {
    return this.#keys !== null;
  }

  /** @param {string} key */
  has(key) {
    return this.#keys?.has(key) ?? false;
  }

  /** Selects one, or no more. @param {string} key */
  toggle(key) {
    this.#keys ??= new Set();
    if (!this.#keys.delete(key)) this.#keys.add(key);
    this.#from = key;
  }

  /**
   * Selects all from the last one to this.
   *
   * @param {string} key
   * @param {readonly string[]} all in their order
   */
  extend(key, all) {
    const [from, to] = [all.indexOf(this.#from), all.indexOf(key)];
    if (!this.#keys || from < 0 || to < 0) {
      this.toggle(key);
      return;
    }
    for (const between of all.slice(Math.min(from, to), Math.max(from, to) + 1)) this.#keys.add(between);
  }

  /** @param {readonly string[]} all that there are: what is gone is not selected any more */
  keep(all) {
    if (!this.#keys) return;
    const there = new Set(all);
    for (const key of this.#keys) if (!there.has(key)) this.#keys.delete(key);
  }

  end() {
    this.#keys = null;
  }
}
