// What is said for a moment, in the corner of the page.

const place = document.getElementById("toasts");

export function say(fragment, seconds) {
  const toast = fragment instanceof Element ? fragment : fragment.firstElementChild;
  place.replaceChildren(toast);
  if (!seconds) return;
  // It stays while somebody points at it or is in it; the decision can be taken back later too, with z.
  const leave = () => {
    if (toast.matches(":hover, :focus-within")) setTimeout(leave, 1000);
    else toast.remove();
  };
  setTimeout(leave, seconds * 1000);
}

export const sayTemplate = (id, seconds) => say(document.getElementById(id).content.cloneNode(true), seconds);
