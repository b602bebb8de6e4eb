// What is seen now, without a reload: one stream says that it is another, and only the fragment is fetched. A page that hears
// nothing says so and goes grey. Without this file everything is there, too, and reloads itself.
"use strict";
(() => {
  const QUIET = 12000; // milliseconds without a word, after which nobody knows
  const STAY = 300000; // … without a fragment, after which one is fetched all the same: whoever leaves this open stays in
  const live = document.getElementById("live");
  const lost = document.getElementById("lost");
  const icon = document.querySelector('link[rel="icon"]');
  const plain = icon.getAttribute("href");
  let heardAt = Date.now();
  let shown = live ? live.dataset.now : "";
  let wanted = "";
  let fetching = false;
  let stream = null;
  let cameAt = Date.now();

  const sight = () => live && live.querySelector(".sight");
  const isLost = () => document.body.classList.contains("is-lost");

  function setIcon(state) {
    icon.setAttribute("href", `/static/icon-${state}.svg`);
  }

  function dress() {
    const now = sight();
    if (!now || isLost()) return;
    document.title = now.dataset.title;
    setIcon(now.dataset.state);
  }

  function lose() {
    if (isLost()) return;
    document.body.classList.add("is-lost");
    const at = new Date(heardAt).toLocaleTimeString(document.documentElement.lang, { hour12: false });
    lost.textContent = document.body.dataset.lost.replace("{at}", at);
    lost.hidden = false;
    document.title = `(–) ${lost.textContent}`;
    setIcon("lost");
  }

  function find() {
    heardAt = Date.now();
    if (!isLost()) return;
    document.body.classList.remove("is-lost");
    lost.hidden = true;
    if (live) { shown = ""; } else { icon.setAttribute("href", plain); }
    dress();
  }

  // --- the fragment

  function isTyping(where) {
    const at = document.activeElement;
    return at && where.contains(at) && /^(INPUT|TEXTAREA|SELECT)$/.test(at.tagName);
  }

  function put(text) {
    const open = new Set([...live.querySelectorAll("details[open][id]")].map((one) => one.id));
    const at = document.activeElement;
    const back = at && live.contains(at) ? at.getAttribute("href") || at.textContent : null;
    const scrolls = [...live.querySelectorAll(".scroll")].map((one) => one.scrollLeft);
    const before = sight();
    const old = before ? [before.dataset.state, Number(before.dataset.needs)] : ["ok", 0];
    cameAt = Date.now();
    live.replaceChildren(...new DOMParser().parseFromString(text, "text/html").body.childNodes);
    for (const one of live.querySelectorAll("details[id]")) one.open = open.has(one.id);
    live.querySelectorAll(".scroll").forEach((one, place) => { one.scrollLeft = scrolls[place] || 0; });
    if (back) {
      const same = [...live.querySelectorAll("a, button, summary")].find((one) => (one.getAttribute("href") || one.textContent) === back);
      if (same) same.focus({ preventScroll: true });
    }
    dress();
    showSound();
    tick();
    const now = sight();
    if (now && (Number(now.dataset.needs) > old[1] || (now.dataset.state === "critical" && old[0] !== "critical"))) ring();
  }

  async function update() {
    if (!live || fetching || isTyping(live) || wanted === shown) return;
    fetching = true;
    const asked = wanted;
    try {
      const answer = await fetch(live.dataset.fragment, { credentials: "same-origin", redirect: "manual" });
      if (isShutOut(answer)) { location.reload(); return; }
      if (!answer.ok) throw new Error(String(answer.status));
      put(await answer.text());
      shown = asked;
    } catch (why) {
      if (!(why instanceof Error)) throw why;
      lose();
      shown = "";
    } finally {
      fetching = false;
    }
    if (wanted !== shown && !isLost()) update();
  }

  // Whoever is no longer let in is asked to come in again, instead of being told that the connection is lost.
  function isShutOut(answer) {
    return answer.type === "opaqueredirect" || answer.status === 401 || answer.status === 403;
  }

  async function knock() {
    if (isTyping(document)) return;
    try {
      const path = live ? live.dataset.fragment : "/fragments/now";
      if (isShutOut(await fetch(path, { credentials: "same-origin", redirect: "manual" }))) location.reload();
    } catch (why) {
      if (!(why instanceof TypeError)) throw why; // nobody answers: that is said already
    }
  }

  // --- the stream

  function listen() {
    if (stream) stream.close();
    stream = new EventSource("/live");
    stream.addEventListener("open", find);
    stream.addEventListener("ping", () => {
      find();
      if (Date.now() - cameAt > STAY) shown = "";
      update();
    });
    stream.addEventListener("state", (event) => { find(); if (!live) setIcon(event.data); });
    stream.addEventListener("revision", (event) => {
      find();
      wanted = event.data;
      update();
      document.dispatchEvent(new Event("revision"));
    });
    stream.addEventListener("error", lose);
  }

  setInterval(() => {
    if (Date.now() - heardAt > QUIET) lose();
    if (isLost() && stream.readyState === EventSource.CLOSED) {
      listen();
      knock();
    }
    tick();
  }, 1000);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) tick(); });
  document.addEventListener("focusout", () => setTimeout(update, 0));

  // --- what ticks

  function tick() {
    if (isLost()) return;
    const now = sight();
    if (!now) return;
    const ahead = Date.parse(now.dataset.at) - cameAt; // the bridge's clock counts, not this machine's
    for (const one of live.querySelectorAll("time[data-ticks]")) {
      one.textContent = span(Math.max(0, (Date.now() + ahead - Date.parse(one.dateTime)) / 1000));
    }
  }

  function span(seconds) {
    const whole = Math.floor(seconds);
    const german = document.documentElement.lang === "de";
    const days = Math.floor(whole / 86400);
    const day = german ? (days === 1 ? "Tag" : "Tage") : (days === 1 ? "day" : "days");
    const parts = [[days, day], [Math.floor(whole / 3600) % 24, "h"], [Math.floor(whole / 60) % 60, "min"], [whole % 60, "s"]];
    const first = parts.findIndex(([amount]) => amount);
    if (first < 0) return "0 s";
    return parts.slice(first, first + 2).filter(([amount]) => amount).map(([amount, unit]) => `${amount} ${unit}`).join(" ");
  }

  // --- sound, if it is wished for

  let sound = null;
  function wished() { return localStorage.getItem("sound") === "on"; }
  function showSound() {
    const button = live && live.querySelector(".sound");
    if (!button || !("AudioContext" in window)) return;
    button.hidden = false;
    button.textContent = wished() ? button.dataset.on : button.dataset.off;
    button.setAttribute("aria-pressed", String(wished()));
    button.addEventListener("click", () => {
      localStorage.setItem("sound", wished() ? "off" : "on");
      button.textContent = wished() ? button.dataset.on : button.dataset.off;
      button.setAttribute("aria-pressed", String(wished()));
      if (wished()) ring();
    });
  }
  function ring() {
    if (!wished()) return;
    sound = sound || new AudioContext();
    for (const [start, tone] of [[0, 880], [0.28, 660], [0.56, 880]]) {
      const from = sound.currentTime + start;
      const oscillator = sound.createOscillator();
      const volume = sound.createGain();
      oscillator.frequency.value = tone;
      volume.gain.setValueAtTime(0.3, from);
      volume.gain.exponentialRampToValueAtTime(0.001, from + 0.25);
      oscillator.connect(volume).connect(sound.destination);
      oscillator.start(from);
      oscillator.stop(from + 0.26);
    }
  }

  showSound();
  dress();
  tick();
  listen();
})();
