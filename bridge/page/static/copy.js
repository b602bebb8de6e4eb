// A button beside each command, for those who have JavaScript; without it a command is marked and copied by hand.
"use strict";
for (const button of document.querySelectorAll("button.copy")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const words = button.textContent;
    const said = document.querySelector(".copied");
    let done = button.dataset.copied;
    try {
      await navigator.clipboard.writeText(button.closest(".command").querySelector("code").textContent);
    } catch {
      done = marked(button) ? done : button.dataset.failed;
    }
    button.textContent = done;
    if (said) said.textContent = done;
    setTimeout(() => { button.textContent = words; }, 2000);
  });
}

// Where the clipboard is kept from pages (plain http): the command is marked and copied the old way.
function marked(button) {
  getSelection().selectAllChildren(button.closest(".command").querySelector("code"));
  return document.execCommand("copy");
}
