// Passkeys: the server asks, the device answers, the server judges. A browser that cannot read what the server asks is
// offered none.

const able = window.PublicKeyCredential?.parseRequestOptionsFromJSON !== undefined;

async function answered(form) {
  const sent = new URLSearchParams(new FormData(form));
  const answer = await fetch(form.dataset.passkey, { method: "POST", body: sent });
  const asked = await answer.json().catch(() => ({}));
  if (!answer.ok) return { wrong: asked.detail };
  const credential = form.dataset.kind === "new"
    ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(asked) })
    : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(asked) });
  return { credential };
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  form.hidden = !able;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const wrong = form.querySelector("[data-wrong]");
    wrong.hidden = true;
    // What a device says of itself when a person closes its window is in the words of its maker: ours say enough.
    const { credential, wrong: why } = await answered(form).catch(() => ({}));
    if (!credential) {
      wrong.textContent = why ?? form.dataset.failed;
      wrong.hidden = false;
      return;
    }
    form.elements.credential.value = JSON.stringify(credential.toJSON());
    // The password has done its work.
    form.elements.current?.removeAttribute("name");
    form.submit();
  });
}
