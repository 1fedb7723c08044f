// @ts-check
/** What a field takes, told before the server is asked; the server checks everything again. */
/** @typedef {import("../shared/form.js").Wrong} Wrong */

/** @param {RegExp} shape  @param {string} key @returns {(value: string) => Wrong|null} */
const shaped = (shape, key) => (value) => (value === "" || shape.test(value.trim()) ? null : { key });

export const isExtension = shaped(/^\d{3,4}$/, "wrong.extension");
export const isLogin = shaped(/^[a-z0-9][a-z0-9._@+-]{0,63}$/, "wrong.login");
export const isNumber = shaped(/^[+(]?[\d\s()/.-]{3,30}$/, "wrong.outside_number");
export const isHost = shaped(/^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/, "wrong.host");

/** @param {string[]} values  @param {RegExp} shape  @param {string} key  @returns {Wrong|null} */
function each(values, shape, key) {
  const wrong = values.find((value) => !shape.test(value));
  return wrong === undefined ? null : { key, values: { value: wrong } };
}

/** @param {string[]} values */
export const areHosts = (values) => each(values, /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?)(:\d{1,5})?$/, "wrong.hosts");
/** @param {string[]} values */
export const areAddresses = (values) => each(values, /^([0-9a-fA-F:.]+(\/\d{1,3})?|[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?)$/, "wrong.addresses");
/** @param {string[]} values */
export const arePrefixes = (values) => each(values, /^\+[1-9]\d{0,14}$/, "wrong.prefixes");

/** @param {number} lowest  @param {number} highest  @returns {(value: string) => Wrong|null} */
export const within = (lowest, highest) => (value) => {
  const number = Number(value);
  return number >= lowest && number <= highest ? null : { key: "wrong.range", values: { lowest, highest } };
};

/** @param {number} shortest  @returns {(value: string) => Wrong|null} */
export const longEnough = (shortest) => (value) =>
  value === "" || value.length >= shortest ? null : { key: "wrong.short", values: { shortest } };
