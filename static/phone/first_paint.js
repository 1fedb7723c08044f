// Runs before the first paint, as a plain script: the theme kept on this device, without a flash of the other one.
(() => {
  const kept = localStorage.getItem("webpbx.theme");
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = kept === "light" || kept === "dark" ? kept : dark ? "dark" : "light";
})();
