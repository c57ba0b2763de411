// Runs before anything else of the page: keys that come before the modules are there are kept for them.
(() => {
  const kept = [];
  const keep = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.key.length > 1 && event.key !== "Enter") return;
    if (event.target.closest?.("input, textarea, select")) return;
    event.preventDefault();
    kept.push(event.key);
  };
  if (document.documentElement.dataset.singleKeys !== "on") return;
  addEventListener("keydown", keep, true);
  globalThis.earlyKeys = () => {
    removeEventListener("keydown", keep, true);
    return kept.splice(0);
  };
})();
