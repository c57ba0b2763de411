// Pictures and films come in by choosing, dropping or pasting, several at once, each with its progress; what is too heavy is said
// before anything is sent. `[data-drop]` says where they go; its page says by an event where the answer's parts belong.

import { ask, parse } from "./server.js";
import { say, sayTemplate } from "./toasts.js";

// `fetch` tells nothing of what was sent so far.
function send(url, file, line) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    const body = new FormData();
    body.append("files", file, file.name || "image");
    request.open("POST", url);
    request.setRequestHeader("HX-Request", "true");
    const progress = line.querySelector("progress");
    request.upload.addEventListener("progress", (event) => { progress.value = (100 * event.loaded) / event.total; });
    // A film is written anew once it is there: that takes a while, and nobody knows how long.
    request.upload.addEventListener("load", () => { progress.removeAttribute("value"); });
    for (const end of ["load", "error", "abort"]) request.addEventListener(end, () => resolve(request));
    request.send(body);
  });
}

async function one(drop, file) {
  const line = drop.querySelector("template").content.firstElementChild.cloneNode(true);
  line.querySelector("span").textContent = file.name;
  drop.querySelector(".sending").append(line);
  const wrong = (text) => {
    const told = document.createElement("span");
    told.setAttribute("role", "alert");
    told.textContent = text;
    line.className = "wrong";
    line.replaceChildren(told);
  };
  const film = filmed(file);
  if (file.size > Number(film ? drop.dataset.heaviestFilm : drop.dataset.heaviest)) {
    wrong(`${file.name} – ${drop.querySelector(film ? "[data-heavy-film]" : "[data-heavy]").innerHTML}`);
    return;
  }
  let answer = await send(drop.dataset.drop, file, line);
  if (answer.status === 401) {
    await ask("/medias?pour=publication"); // Asks to sign in again, and comes back once that is done.
    answer = await send(drop.dataset.drop, file, line);
  }
  if (answer.status === 0) { line.remove(); sayTemplate("offline-template"); return; }
  const parts = parse(answer.responseText);
  if (answer.status !== 200) {
    const toast = parts.querySelector(".toast");
    if (toast) wrong(toast.textContent); else { line.remove(); say(parts); }
    return;
  }
  line.remove();
  drop.dispatchEvent(new CustomEvent("pictures", { bubbles: true, detail: parts }));
}

async function all(drop, files) {
  for (const line of drop.querySelectorAll(".sending .wrong")) line.remove();
  // One after the other: they are shown in the order in which they were chosen.
  for (const file of files) await one(drop, file);
}

const filmed = (file) => file.type.startsWith("video/") || /\.(mp4|mov|m4v)$/i.test(file.name);
const pictures = (list) => [...(list ?? [])].filter((file) => file.type.startsWith("image/") || filmed(file) || !file.type);
const place = () => document.querySelector("[data-drop]");

document.addEventListener("change", ({ target }) => {
  const drop = target.type === "file" && target.closest("[data-drop]");
  if (!drop) return;
  all(drop, [...target.files]).then(() => { target.value = ""; });
});
for (const kind of ["dragenter", "dragover"]) {
  document.addEventListener(kind, (event) => {
    if (!place() || !event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    place().classList.add("drop-over");
  });
}
document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) place()?.classList.remove("drop-over"); });
document.addEventListener("drop", (event) => {
  place()?.classList.remove("drop-over");
  if (!place() || !event.dataTransfer?.files.length) return;
  event.preventDefault();
  all(place(), [...event.dataTransfer.files]);
});
document.addEventListener("paste", (event) => {
  const files = pictures(event.clipboardData?.files);
  if (!place() || !files.length) return;
  event.preventDefault();
  all(place(), files);
});

// The library's own page.
const tiles = document.querySelector("[data-tiles]");
if (tiles) {
  for (const button of document.querySelectorAll("[data-plain]")) button.hidden = true;
  document.addEventListener("pictures", ({ detail }) => {
    document.querySelector("[data-nothing]")?.remove();
    for (const tile of [...detail.children]) {
      const known = tiles.querySelector(`a[href="${tile.querySelector("a").getAttribute("href")}"]`);
      known?.closest("li").remove();
      tiles.prepend(tile);
    }
  });
}
