// The composer: counts characters for each chosen account against what its network takes, as the server counts them;
// keeps what is written until the server has it, and asks before it is left.

import { dirty, forget, giveBack } from "./drafts.js";
import { ask, parse } from "./server.js";
import { say, sayTemplate } from "./toasts.js";

const format = new Intl.NumberFormat(document.documentElement.lang);
const composer = () => document.querySelector(".composer");
let leaving = false;

function count(form) {
  for (const place of form.querySelectorAll("[data-counter]")) {
    const own = form.elements[`text-${place.dataset.counter}`].value.trim();
    const n = [...(own || form.elements.text.value.trim())].length;
    const most = Number(place.dataset.most);
    place.textContent = `${format.format(n)} / ${format.format(most)}`;
    place.classList.toggle("counter-over", n > most);
  }
}

const bodyOf = (form) => (form.enctype === "multipart/form-data" ? new FormData(form) : new URLSearchParams(new FormData(form)));

async function send(form) {
  const response = await ask(form.action, { method: "POST", body: bodyOf(form) }).catch(() => null);
  if (!response) { sayTemplate("offline-template"); return; }
  if (response.redirected) {
    forget(form);
    leaving = true;
    location.assign(response.url);
    return;
  }
  // What is wrong stands beside its field, and everything that was written is still there.
  const html = await response.text();
  const main = new DOMParser().parseFromString(html, "text/html").getElementById("main");
  if (!main) { say(parse(html)); return; }
  document.getElementById("main").replaceWith(main);
  (document.querySelector("[aria-invalid]") ?? document.getElementById("main")).focus();
}

if (composer()) {
  giveBack(composer());
  count(composer());
  document.addEventListener("input", () => composer() && count(composer()));
  document.addEventListener("submit", (event) => {
    if (event.target !== composer()) return;
    event.preventDefault();
    send(event.target);
  });
  addEventListener("beforeunload", (event) => { if (!leaving && composer() && dirty(composer())) event.preventDefault(); });
}
