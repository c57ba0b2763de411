// How long a round takes, from its first choice on: said, and never a limit.

const form = document.querySelector("[data-practice]");
const clock = form?.querySelector("[data-clock]");
let since = null;

function show() {
  clock.textContent = clock.dataset.said.replace("{n}", Math.floor((performance.now() - since) / 1000));
}

form?.addEventListener("change", () => {
  if (since !== null) return;
  since = performance.now();
  clock.hidden = false;
  show();
  setInterval(show, 1000);
});
