// The calendar over the list that the server wrote: the same posts by month, week or list, moved by dragging or by
// *Déplacer…*. Times are those of the city's clocks, as the server writes and reads them: no zone is computed here.

import { ask, parse } from "./server.js";
import { say, sayTemplate } from "./toasts.js";

const place = document.getElementById("calendar");
const dialog = document.getElementById("move-dialog");
const VIEWS = { mois: "dayGridMonth", semaine: "timeGridWeek", liste: "listMonth" };
const nameOf = (type) => Object.keys(VIEWS).find((name) => VIEWS[name] === type);
const template = (selector) => document.querySelector(`template${selector}`).content.firstElementChild.cloneNode(true);

const filters = () => new URLSearchParams(new FormData(document.querySelector(".narrowing")));

async function events({ startStr, endStr }, done, failed) {
  const asked = filters();
  asked.set("debut", startStr);
  asked.set("fin", endStr);
  const response = await ask(`/calendrier/publications?${asked}`).catch(() => null);
  if (!response?.ok) {
    sayTemplate("offline-template");
    failed(new Error("no answer"));
    return;
  }
  done(await response.json());
}

function drawn({ event, timeText, view }) {
  const { happening, name, state, near } = event.extendedProps;
  if (happening) {
    const day = template(`[data-happening="${happening}"]`);
    const named = day.querySelector("[data-name]");
    if (named) named.textContent = name;
    return { domNodes: [day] };
  }
  const line = document.createElement("span");
  line.className = "event";
  const stands = template(`[data-state="${state}"]`);
  if (view.type === VIEWS.liste) stands.querySelector("span").className = "chip";
  line.append(stands);
  if (near) line.append(template("[data-near]"));
  const time = document.createElement("b");
  time.textContent = timeText;
  const title = document.createElement("span");
  title.className = "event-title";
  title.textContent = event.title;
  line.append(time, title);
  return { domNodes: [line] };
}

// Gives another time; what is said of it is a sentence, in the dialog where it is open.
async function move({ post, version, since }, at) {
  const body = new URLSearchParams({ version, since, publish_at: at });
  const response = await ask(`/calendrier/${post}/deplacement`, { method: "POST", body }).catch(() => null);
  if (!response) {
    sayTemplate("offline-template");
    return false;
  }
  const told = parse(await response.text());
  if (!response.ok && dialog.open) dialog.querySelector("[data-wrong]").textContent = told.textContent.trim();
  else say(told, response.ok ? 8 : undefined);
  return response.ok;
}

let asked = null; // What the dialog is about, and what to do when it is closed without a move.

function open(title, facts, thing, at, cancelled) {
  asked = { thing, cancelled };
  dialog.querySelector("#move-title").textContent = title;
  dialog.querySelector("[data-facts]").textContent = facts;
  dialog.querySelector("[data-open]").href = `/publications/${thing.post}`;
  dialog.querySelector("[data-form]").hidden = !thing.movable;
  dialog.querySelector("[data-fixed]").hidden = thing.movable;
  dialog.querySelector("[data-wrong]").textContent = "";
  dialog.querySelector("#move-at").value = at;
  dialog.showModal();
}

async function sure() {
  const { thing } = asked;
  if (!(await move(thing, dialog.querySelector("#move-at").value))) return;
  asked.cancelled = null;
  dialog.close();
  calendar.refetchEvents();
  if (!thing.since) await renewTray();
}

async function renewTray() {
  const response = await ask(location.href).catch(() => null);
  if (!response?.ok) return;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  document.getElementById("tray").replaceWith(page.getElementById("tray"));
}

const ofTray = (element) => ({ post: element.dataset.post, version: element.dataset.version, since: "", movable: true });

const narrow = matchMedia("(max-width: 40rem)").matches;
const calendar = new FullCalendar.Calendar(place, {
  locale: place.dataset.language,
  timeZone: "UTC",
  now: place.dataset.now,
  initialDate: place.dataset.day,
  initialView: VIEWS[place.dataset.view] ?? (narrow ? VIEWS.liste : VIEWS.mois),
  firstDay: 0,
  height: "auto",
  headerToolbar: { left: "prev,next today", center: "title", right: "dayGridMonth,timeGridWeek,listMonth" },
  listText: place.dataset.list,
  monthText: place.dataset.month,
  noEventsText: place.dataset.nothing,
  dayMaxEvents: 5,
  eventDisplay: "block",
  nowIndicator: true,
  scrollTime: "07:00:00",
  eventInteractive: true,
  eventStartEditable: true,
  eventDurationEditable: false,
  droppable: true,
  events,
  eventContent: drawn,
  eventClass: ({ event }) => (event.extendedProps.state ? `is-${event.extendedProps.state}` : "is-day"),
  // What axe asks of the roles that are drawn: headers that are read, cells named by what is in them, no list of buttons.
  dayHeaderDidMount: ({ el }) => {
    for (const hidden of el.querySelectorAll("[aria-hidden]")) hidden.removeAttribute("aria-hidden");
  },
  dayCellDidMount: ({ el }) => el.removeAttribute("aria-label"),
  eventDidMount: ({ el }) => el.closest("[role='list'], [role='group']")?.setAttribute("role", "group"),
  viewDidMount: ({ el }) => {
    for (const empty of el.querySelectorAll("[role='rowheader']:empty")) {
      empty.setAttribute("role", "presentation");
      empty.removeAttribute("aria-label");
    }
  },
  eventAllow: (to, event) => !event || !to.allDay || event.allDay,
  eventClick: ({ event, jsEvent }) => {
    jsEvent.preventDefault();
    const thing = event.extendedProps;
    if (thing.post) open(event.title, thing.accounts.join(", "), thing, event.startStr.slice(0, 16), null);
  },
  eventDrop: async ({ event, revert }) => {
    if (await move(event.extendedProps, event.startStr.slice(0, 16))) calendar.refetchEvents();
    else revert();
  },
  // What comes from the tray onto a day gets its hour in the dialog.
  drop: ({ draggedEl, dateStr, allDay }) => {
    const at = allDay ? `${dateStr.slice(0, 10)}T09:00` : dateStr.slice(0, 16);
    open(draggedEl.dataset.title, "", ofTray(draggedEl), at, null);
  },
  datesSet: ({ view }) => {
    const shown = view.calendar.getDate().toISOString().slice(0, 10);
    const form = document.querySelector(".narrowing");
    form.elements.jour.value = shown;
    form.elements.vue.value = nameOf(view.type) ?? "";
    history.replaceState(null, "", `/calendrier?${filters()}`);
  },
});

place.hidden = false;
document.getElementById("agenda").hidden = true;
calendar.render();
new FullCalendar.Interaction.Draggable(document.querySelector(".planning"), {
  itemSelector: "[data-tray]",
  eventData: (element) => ({ title: element.dataset.title, create: false }),
});

document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-move]");
  if (!link) return;
  event.preventDefault();
  const card = link.closest("[data-tray]");
  open(card.dataset.title, "", ofTray(card), "", null);
});
dialog.addEventListener("submit", (event) => {
  if (!("form" in event.target.dataset)) return;
  event.preventDefault();
  sure();
});
