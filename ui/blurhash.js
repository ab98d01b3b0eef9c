/**
 * What a picture looks like before it is there: a few colours that flow into each other, from a short text that the
 * server made of it (BlurHash, https://blurha.sh).
 */

const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~";
/** Each side of what is painted, in pixels; it is stretched to the picture's. */
const SIDE = 20;

/** @typedef {[number, number, number]} Colour red, green and blue, as light */

/**
 * @param {HTMLCanvasElement} canvas
 * @param {string} hash
 * @returns {boolean} whether the text was one
 */
export function paintBlur(canvas, hash) {
  const waves = wavesOf(hash);
  const context = waves && canvas.getContext("2d");
  if (!context) return false;
  canvas.width = SIDE;
  canvas.height = SIDE;
  const image = context.createImageData(SIDE, SIDE);
  for (let y = 0; y < SIDE; y += 1) {
    for (let x = 0; x < SIDE; x += 1) image.data.set(colourAt(waves, x / SIDE, y / SIDE), (y * SIDE + x) * 4);
  }
  context.putImageData(image, 0, 0);
  return true;
}

/** @param {string} hash @returns {{ across: number, colours: Colour[] } | null} */
function wavesOf(hash) {
  const size = number(hash.slice(0, 1));
  const across = (size % 9) + 1;
  const count = across * (Math.floor(size / 9) + 1);
  if (size < 0 || hash.length !== 4 + 2 * count) return null;
  const strongest = (number(hash.slice(1, 2)) + 1) / 166;
  const base = number(hash.slice(2, 6));
  if (base < 0) return null;
  /** @type {Colour[]} */
  const colours = [[light(base >> 16), light((base >> 8) & 255), light(base & 255)]];
  for (let at = 6; at < hash.length; at += 2) {
    const value = number(hash.slice(at, at + 2));
    const parts = [Math.floor(value / 361), Math.floor(value / 19) % 19, value % 19];
    const [red = 0, green = 0, blue = 0] = parts.map((part) => {
      const level = (part - 9) / 9;
      return Math.sign(level) * level * level * strongest;
    });
    colours.push([red, green, blue]);
  }
  return { across, colours };
}

/** @param {{ across: number, colours: Colour[] }} waves @param {number} x @param {number} y */
function colourAt({ across, colours }, x, y) {
  const sum = [0, 0, 0];
  colours.forEach((colour, index) => {
    const share = Math.cos(Math.PI * x * (index % across)) * Math.cos(Math.PI * y * Math.floor(index / across));
    for (const [part, value] of colour.entries()) sum[part] = (sum[part] ?? 0) + value * share;
  });
  return [...sum.map(shade), 255];
}

/** @param {string} text @returns {number} negative where a character is no digit */
function number(text) {
  let value = 0;
  for (const character of text) {
    const digit = DIGITS.indexOf(character);
    if (digit < 0) return -1;
    value = value * 83 + digit;
  }
  return value;
}

/** @param {number} value from 0 to 255 @returns {number} as light, which adds up */
function light(value) {
  const part = value / 255;
  return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
}

/** @param {number} value as light @returns {number} from 0 to 255 */
function shade(value) {
  const part = Math.max(0, Math.min(1, value));
  return Math.round((part <= 0.0031308 ? part * 12.92 : 1.055 * part ** (1 / 2.4) - 0.055) * 255);
}
