// Keeps "updated 3 s ago" true, and says when what is shown could not be renewed. Pages do without.
"use strict";
(() => {
  const units = [[90, 1, "s"], [5400, 60, "min"], [129600, 3600, "h"], [1209600, 86400, "days"]];
  const began = performance.now();
  const served = Date.parse(document.body.dataset.now);
  const now = () => served + performance.now() - began; // the server's clock: this machine's may be wrong
  const ago = (at) => {
    const s = (now() - at) / 1000;
    if (Math.abs(s) < 3) return "just now";
    for (const [below, unit, name] of units) {
      if (Math.abs(s) < below) {
        const text = `${Math.round(Math.abs(s) / unit)}\u00a0${name}`;
        return s < 0 ? `in ${text}` : `${text} ago`;
      }
    }
    return new Date(at).toISOString().slice(0, 10);
  };
  const renew = () => {
    for (const each of document.querySelectorAll("time[data-ago]")) {
      const text = ago(Date.parse(each.dateTime));
      if (each.textContent !== text) each.textContent = text;
    }
  };
  setInterval(renew, 1000);
  const stale = (yes) => document.querySelectorAll("[data-stale]").forEach((each) => { each.hidden = !yes; });
  for (const name of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
    document.body.addEventListener(name, () => stale(true));
  }
  document.body.addEventListener("htmx:beforeRequest", (event) => {
    if (document.hidden && event.detail.elt.hasAttribute("data-poll")) event.preventDefault();
  });
  document.body.addEventListener("htmx:afterSwap", () => { stale(false); renew(); });
})();
