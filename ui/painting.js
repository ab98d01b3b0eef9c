/**
 * When what is new is painted: once before the next frame, however much has come; and where that is much work, seldom
 * enough that most of the time is left to who types and scrolls.
 */

/** How much longer than it took to paint, nothing is painted again: what the web view makes of it takes as long again. */
const REST = 6;
/** Painting rests no longer than this, in milliseconds. */
const LONGEST_REST = 300;
/** Work that takes no longer than this, in milliseconds, needs no rest after it. */
const LIGHT = 4;
/** Where there are no frames (nobody sees the page), it is painted all the same after so many milliseconds. */
const NO_FRAME = 250;

export class Painting {
  #paint;
  #isAsked = false;
  /** Before this there is no painting. */
  #restUntil = 0;
  /** @type {(() => void)[]} */
  #waiting = [];

  /** @param {() => void} paint */
  constructor(paint) {
    this.#paint = paint;
  }

  /** Paints before the next frame. */
  ask() {
    if (this.#isAsked) return;
    this.#isAsked = true;
    const rest = this.#restUntil - performance.now();
    if (rest > 0) setTimeout(() => this.#beforeFrame(), rest);
    else this.#beforeFrame();
  }

  /** @returns {Promise<void>} once all that was asked for is painted, and the next may come */
  get done() {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.ask();
    });
  }

  #beforeFrame() {
    if (document.hidden) {
      this.#now();
      return;
    }
    const now = () => {
      cancelAnimationFrame(frame);
      clearTimeout(timer);
      this.#now();
    };
    const frame = requestAnimationFrame(now);
    const timer = setTimeout(now, NO_FRAME);
  }

  #now() {
    const began = performance.now();
    this.#isAsked = false;
    this.#paint();
    const took = performance.now() - began;
    this.#restUntil = took > LIGHT ? began + took + Math.min(took * REST, LONGEST_REST) : 0;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
