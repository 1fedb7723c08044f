// @ts-check
/** Templates without a build step: `html` makes Preact elements from tagged text. */
import { h } from "preact";
import htm from "htm";

export const html = htm.bind(h);
