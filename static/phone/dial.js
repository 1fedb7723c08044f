// @ts-check
/**
 * The one field for digits and names: what was meant, whom it finds, what is dialled.
 * @typedef {import("./snapshot.js").Colleague} Colleague
 */

/** Keys of the pad and the letters printed on them (ITU-T E.161). */
export const KEYS = Object.freeze([
  ["1", ""], ["2", "ABC"], ["3", "DEF"],
  ["4", "GHI"], ["5", "JKL"], ["6", "MNO"],
  ["7", "PQRS"], ["8", "TUV"], ["9", "WXYZ"],
  ["*", ""], ["0", "+"], ["#", ""],
]);

const LETTER_VARIANTS = { ß: "ss", ø: "o", ł: "l", đ: "d", æ: "ae", œ: "oe", ð: "d", þ: "th", ı: "i" };
const SPELT_OUT = { ä: "ae", ö: "oe", ü: "ue", å: "aa", ø: "oe" };

/** @param {string} text  @param {Record<string, string>} table */
function replaceLetters(text, table) {
  return [...text].map((letter) => table[letter] ?? letter).join("");
}

/**
 * Fold a name to plain letters: "Müller" → "muller".
 * @param {string} text
 */
export function fold(text) {
  return replaceLetters(text.normalize("NFC").toLowerCase(), LETTER_VARIANTS)
    .normalize("NFD")
    .replace(/\p{M}/gu, "");
}

/**
 * Fold a name the way it is spelt without umlauts: "Müller" → "mueller".
 * @param {string} text
 */
export function foldSpelt(text) {
  return fold(replaceLetters(text.normalize("NFC").toLowerCase(), SPELT_OUT));
}

/**
 * Tell whether the text is a number to dial rather than a name to look for.
 * @param {string} text
 */
export function isNumber(text) {
  return /^[\s+(]*[\d*#][\d\s*#+()./-]*$/.test(text);
}

/**
 * Strip what people write between digits; a + counts only in front. Names come back empty.
 * @param {string} text
 */
export function dialString(text) {
  if (!isNumber(text)) return "";
  const plus = text.trim().startsWith("+") ? "+" : "";
  return plus + text.replace(/\(0\)/g, plus ? "" : "0").replace(/[^\d*#]/g, "");
}

/**
 * Turn the letters of a name into the digits of their keys: "Anna" → "2662".
 * @param {string} text
 */
export function keysFor(text) {
  return [...fold(text)]
    .map((letter) => KEYS.find(([, letters]) => letters !== "+" && letters.toLowerCase().includes(letter))?.[0] ?? "")
    .join("");
}

/**
 * Rank how well a colleague fits what was typed: 0 best, null not at all.
 * @param {Colleague} colleague
 * @param {string} typed
 * @returns {number|null}
 */
function rank(colleague, typed) {
  if (isNumber(typed)) {
    const digits = dialString(typed);
    if (colleague.extension === digits) return 0;
    if (colleague.extension.startsWith(digits)) return 1;
    const spelt = colleague.name.split(/\s+/).some((word) => keysFor(word).startsWith(digits));
    return digits.length >= 2 && spelt ? 3 : null;
  }
  const wanted = [fold(typed.trim()), foldSpelt(typed.trim())];
  const names = [fold(colleague.name), foldSpelt(colleague.name)];
  if (names.some((name) => wanted.some((word) => name.startsWith(word)))) return 1;
  if (names.some((name) => wanted.some((word) => name.split(/[\s-]+/).some((part) => part.startsWith(word))))) return 2;
  return names.some((name) => wanted.some((word) => name.includes(word))) ? 4 : null;
}

/**
 * Find colleagues by name, by extension or by the letters on the keys; all of them, in order, when nothing is typed.
 * @param {readonly Colleague[]} colleagues
 * @param {string} typed
 * @param {string} [locale]
 * @returns {Colleague[]}
 */
export function search(colleagues, typed, locale = "en") {
  const byName = new Intl.Collator(locale);
  const ranked = typed.trim() === ""
    ? colleagues.map((colleague) => ({ colleague, at: 0 }))
    : colleagues.flatMap((colleague) => {
        const at = rank(colleague, typed);
        return at === null ? [] : [{ colleague, at }];
      });
  return ranked
    .sort((a, b) => a.at - b.at || byName.compare(a.colleague.name, b.colleague.name))
    .map(({ colleague }) => colleague);
}

/**
 * Decide what Enter calls: the number typed, or the chosen or only colleague of a name; null asks for more.
 * @param {string} typed
 * @param {readonly Colleague[]} found
 * @param {number} chosen  index of the marked result, -1 for none
 * @returns {string|null}
 */
export function toDial(typed, found, chosen) {
  if (chosen >= 0 && chosen < found.length) return found[chosen].extension;
  const number = dialString(typed);
  if (number) return number;
  return typed.trim() !== "" && found.length > 0 ? found[0].extension : null;
}

/**
 * Tell whether a pressed key belongs in the field or on the keypad of a call.
 * @param {string} key  KeyboardEvent.key
 */
export function isDialKey(key) {
  return /^[\d*#+]$/.test(key);
}
