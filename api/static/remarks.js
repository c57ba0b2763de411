// What is selected in the words of a post is the passage that is spoken of, in the form under them.
document.addEventListener("selectionchange", () => {
  const selection = document.getSelection();
  const words = selection.anchorNode?.parentElement?.closest(".out .sketch-words");
  const form = words?.closest(".out").querySelector("[data-remark]");
  const quote = selection.toString().trim();
  if (!form || !quote || !words.contains(selection.focusNode)) return;
  form.open = true;
  form.querySelector("[data-quote]").value = quote.slice(0, 500);
});
