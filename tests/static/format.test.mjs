import assert from "node:assert/strict";
import { test } from "node:test";
import { duration, initials, oneDecimal, phoneNumber, when } from "../../static/shared/format.js";

test("durations read like a clock", () => {
  assert.equal(duration(7_400), "0:07");
  assert.equal(duration(754_000), "12:34");
  assert.equal(duration(3_723_000), "1:02:03");
  assert.equal(duration(-5), "0:00");
});

test("outside numbers are grouped without losing a digit, others stay as they are", () => {
  for (const number of ["+493023125101", "+4917612345678", "+12025550123", "+35312345678", "+442079460123"]) {
    assert.equal(phoneNumber(number).replaceAll(" ", ""), number);
  }
  assert.equal(phoneNumber("+493023125101"), "+49 30 23125 101");
  assert.equal(phoneNumber("+12025550123"), "+1 202 555 0123");
  assert.equal(phoneNumber("101"), "101");
});

test("initials are at most two letters", () => {
  assert.equal(initials("Anna Maria Adler"), "AA");
  assert.equal(initials("  özdemir "), "Ö");
  assert.equal(initials(""), "");
});

test("a call of today shows its time, one of yesterday says so, an old one its date", () => {
  const now = Date.UTC(2026, 5, 15, 12);
  const zone = "UTC";
  assert.match(when(Date.UTC(2026, 5, 15, 9, 5), now, "de", zone), /^0?9:05$/);
  assert.match(when(Date.UTC(2026, 5, 14, 23, 59), now, "de", zone), /^gestern/);
  assert.match(when(Date.UTC(2026, 5, 12, 8), now, "en", zone), /^Fri/);
  assert.match(when(Date.UTC(2026, 4, 2), now, "en", zone), /May 2/);
});

test("decimals follow the language", () => {
  assert.equal(oneDecimal(4.25, "de"), "4,3");
  assert.equal(oneDecimal(4, "en"), "4.0");
});
