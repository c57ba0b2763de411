// Counts characters for each chosen account, against what its network takes. Characters, as the server counts them.

const form = document.querySelector(".composer");
const format = new Intl.NumberFormat(document.documentElement.lang);

function count() {
  for (const place of form.querySelectorAll("[data-counter]")) {
    const own = form.elements[`text-${place.dataset.counter}`].value.trim();
    const n = [...(own || form.elements.text.value.trim())].length;
    const most = Number(place.dataset.most);
    place.textContent = `${format.format(n)} / ${format.format(most)}`;
    place.classList.toggle("counter-over", n > most);
  }
}

if (form) {
  form.addEventListener("input", count);
  count();
}
