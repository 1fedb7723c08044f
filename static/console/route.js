// @ts-check
/** Where one is in the settings: `#/admin/users/anna` is a row of a room, `#/admin/users/new` a new one. */

/** @typedef {{room: string, id: string|null}} Place */

/** @param {string} hash  @returns {Place} */
export function placeOf(hash) {
  const [room = "", id = ""] = hash.replace(/^#\/admin\/?/, "").split("/");
  return { room: room || "start", id: id === "" ? null : decoded(id) };
}

/** @param {string} room  @param {string|null} [id] */
export function hashOf(room, id = null) {
  if (room === "start") return "#/admin";
  return id === null ? `#/admin/${room}` : `#/admin/${room}/${encodeURIComponent(id)}`;
}

/** A short id for a new row, from its name: small letters, digits, dashes. @param {string} name  @param {readonly string[]} taken */
export function idFrom(name, taken) {
  const plain = name.toLowerCase().replaceAll("ß", "ss").replaceAll("ä", "ae").replaceAll("ö", "oe").replaceAll("ü", "ue")
    .normalize("NFD").replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 40).replace(/-+$/, "") || "line";
  for (let number = 1; ; number += 1) {
    const id = number === 1 ? plain : `${plain}-${number}`;
    if (id !== "new" && !taken.includes(id)) return id;
  }
}

/** @param {string} text */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
