// Calls of the pages to their server. When the session is over, the person signs in again in place and the call goes on:
// nothing that was typed or decided is lost.

const OVER = 401;

export async function ask(url, options = {}) {
  const call = () => fetch(url, { ...options, headers: { "HX-Request": "true", ...options.headers } });
  let response = await call();
  while (response.status === OVER && response.headers.has("HX-Redirect")) {
    await signInAgain();
    response = await call();
  }
  return response;
}

export function parse(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content;
}

let signingIn = null; // Calls that fail together wait for one dialog.

function signInAgain() {
  signingIn ??= askPassword().finally(() => { signingIn = null; });
  return signingIn;
}

async function askPassword() {
  const dialog = document.getElementById("sign-in-again");
  const place = dialog.querySelector("[data-form]");
  const show = async (response) => {
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const wrong = page.querySelector("main .wrong");
    const form = page.querySelector("main form");
    // Whoever has the City's account says so in a page beside this one, which keeps what they typed.
    const beside = page.querySelector("main .directory");
    const link = beside?.querySelector("a");
    if (link) Object.assign(link, { target: "_blank", href: "/connexion/annuaire" });
    place.replaceChildren(...[wrong, form, beside].filter(Boolean));
    (form.querySelector("input:not([type=hidden]):not([value])") ?? form.querySelector("input:not([type=hidden])")).focus();
  };
  const focused = document.activeElement;
  // What comes back after signing in is not looked at: the shortest page of ours will do.
  const first = await fetch("/connexion?suite=/healthz");
  dialog.showModal();
  await show(first);
  await new Promise((done) => {
    const end = () => {
      dialog.removeEventListener("submit", submit, true);
      window.removeEventListener("focus", back);
      dialog.close();
      done();
    };
    const back = async () => {
      const answer = await fetch("/compte/avant?suite=/healthz", { headers: { "HX-Request": "true" } }).catch(() => null);
      if (answer && answer.status !== OVER && dialog.open) end();
    };
    window.addEventListener("focus", back);
    const submit = async (event) => {
      event.preventDefault();
      event.stopPropagation();
      const form = event.target;
      const response = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) }).catch(() => null);
      if (!response) return;
      if (new URL(response.url).pathname.startsWith("/connexion")) { await show(response); return; }
      end();
    };
    dialog.addEventListener("submit", submit, true);
  });
  place.replaceChildren();
  focused?.focus?.();
}
