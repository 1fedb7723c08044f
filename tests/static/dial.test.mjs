import assert from "node:assert/strict";
import { test } from "node:test";
import { KEYS, dialString, fold, foldSpelt, isDialKey, isNumber, keysFor, search, toDial } from "../../static/phone/dial.js";

const PEOPLE = [
  { extension: "102", name: "Bruno Weiß", presence: "free" },
  { extension: "103", name: "Emma Müller", presence: "free" },
  { extension: "104", name: "Søren Łukasz", presence: "busy" },
  { extension: "110", name: "Anna Adler", presence: "offline" },
];
const found = (typed) => search(PEOPLE, typed).map((one) => one.extension);

test("the pad has twelve keys, named as printed", () => {
  assert.equal(KEYS.length, 12);
  assert.deepEqual(KEYS.find(([digit]) => digit === "7"), ["7", "PQRS"]);
});

test("what people write between digits is stripped, and a plus counts in front only", () => {
  assert.equal(dialString("+49 (0)30 / 23125-101"), "+493023125101");
  assert.equal(dialString("(030) 23 125"), "03023125");
  assert.equal(dialString("*43"), "*43");
  assert.equal(dialString("Anna"), "");
  assert.ok(!isNumber("12 monkeys"));
});

test("accents and spelt-out umlauts find the same person", () => {
  assert.equal(fold("Müller Łß"), "muller lss");
  assert.equal(foldSpelt("Müller"), "mueller");
  for (const typed of ["mül", "mul", "muel", "MUELLER", "emma"]) assert.deepEqual(found(typed), ["103"], typed);
  assert.deepEqual(found("soren"), ["104"]);
  assert.deepEqual(found("soeren"), ["104"]);
  assert.deepEqual(found("weiss"), ["102"]);
});

test("digits find extensions first, then the letters on the keys", () => {
  assert.equal(keysFor("Anna"), "2662");
  assert.deepEqual(found("110"), ["110"]);
  assert.deepEqual(found("2662"), ["110"]);
  assert.deepEqual(found("10"), ["102", "103", "104"]);
  assert.deepEqual(found("66"), []);
});

test("with nothing typed everyone is listed by name", () => {
  assert.deepEqual(found(""), ["110", "102", "103", "104"]);
});

test("Enter calls the marked colleague, the number, or the best match of a name", () => {
  assert.equal(toDial("10", search(PEOPLE, "10"), 1), "103");
  assert.equal(toDial("030 23125", [], -1), "03023125");
  assert.equal(toDial("ann", search(PEOPLE, "ann"), -1), "110");
  assert.equal(toDial("zzz", [], -1), null);
  assert.equal(toDial("  ", PEOPLE, -1), null);
});

test("digits, star, hash and plus are dial keys, letters are not", () => {
  for (const key of ["0", "9", "*", "#", "+"]) assert.ok(isDialKey(key));
  for (const key of ["a", "Enter", "F5", " "]) assert.ok(!isDialKey(key));
});
