// Shows what will be proposed in the threads, as the note is written; copies the lines of a sheet.

const form = document.querySelector("form[data-request]");
const preview = document.getElementById("answer");

function show() {
  const answer = form.querySelector("[name=status]:checked")?.dataset.answer;
  preview.hidden = !answer;
  if (!answer) return;
  const written = form.elements.note.value.trim();
  // As escalation.sentence has it.
  const note = /[\p{L}\p{N}_)»]$/u.test(written) && !written.split(/\s/).at(-1).includes("://") ? `${written}.` : written;
  // A function: in a string, "$$" or "$'" of a note would be read as an order.
  const text = answer.replaceAll("{numero}", form.dataset.request).replaceAll("{note}", () => note || "{note}");
  preview.querySelector("blockquote").textContent = text;
}

if (form && preview) {
  form.addEventListener("input", show);
  show();
}

for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    const told = document.getElementById("copied");
    told.textContent = told.dataset.said;
  });
}
