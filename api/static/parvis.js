// What every page has: live parts that rest, and the choice between light and dark, kept in a cookie so that the server
// writes it into the page.

import { follow } from "./drafts.js";

follow(document.querySelectorAll("form[data-draft]:not(.composer, .queue form)"));

// Live parts rest while nobody looks at the page.
document.addEventListener("htmx:before:request", (event) => {
  if (document.hidden && event.target.matches("#live, #alarm")) event.preventDefault();
});

const root = document.documentElement;
const dark = matchMedia("(prefers-color-scheme: dark)");

for (const button of document.querySelectorAll("[data-theme-switch]")) {
  button.hidden = false;
  const shown = () => root.dataset.theme || (dark.matches ? "dark" : "light");
  const tell = () => button.setAttribute("aria-pressed", String(shown() === "dark"));
  tell();
  dark.addEventListener("change", tell);
  button.addEventListener("click", () => {
    root.dataset.theme = shown() === "dark" ? "light" : "dark";
    const [name, secure] = location.protocol === "https:" ? ["__Host-parvis_theme", "; Secure"] : ["parvis_theme", ""];
    document.cookie = `${name}=${root.dataset.theme}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
    tell();
  });
}
