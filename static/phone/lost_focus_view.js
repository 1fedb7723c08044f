// @ts-check
import { useEffect, useRef } from "preact/hooks";

/**
 * When what had the focus went away (a button of the card before), the heading of the new card takes it.
 * @returns {{current: HTMLElement|null}} goes to the heading as its `ref`
 */
export function useLostFocus() {
  const heading = useRef(/** @type {HTMLElement|null} */ (null));
  useEffect(() => {
    if (document.activeElement === document.body) heading.current?.focus({ preventScroll: true });
  }, []);
  return heading;
}
