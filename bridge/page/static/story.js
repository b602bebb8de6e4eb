// An incident goes on while it is read: then the page says so. It is not exchanged under anybody's hands.
"use strict";
(() => {
  const news = document.querySelector("[data-news]");
  let soon = 0;
  document.addEventListener("revision", () => {
    if (news && !soon) soon = setTimeout(look, 500);
  });

  async function look() {
    soon = 0;
    try {
      const answer = await fetch(news.dataset.news, { credentials: "same-origin", redirect: "manual" });
      if (answer.ok) news.replaceChildren(...new DOMParser().parseFromString(await answer.text(), "text/html").body.childNodes);
    } catch (why) {
      if (!(why instanceof TypeError)) throw why; // nobody answers: live.js says that
    }
  }
})();
