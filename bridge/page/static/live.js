// What is seen now, without a reload: one stream says that it is another, and only the fragment is fetched. A page that hears
// nothing says so and goes grey. Without this file everything is there, too, and reloads itself.
"use strict";
(() => {
  const QUIET = 12000; // milliseconds without a word, after which nobody knows
  const live = document.getElementById("live");
  const lost = document.getElementById("lost");
  const icon = document.querySelector('link[rel="icon"]');
  const plain = icon.getAttribute("href");
  const named = document.title;
  const news = document.getElementById("said");
  let heard = moment();
  let heardOf = ""; // the bridge's own time then: that of this machine may be wrong
  let shown = live ? live.dataset.now : "";
  let wanted = "";
  let fetching = false;
  let stream = null;
  let cameAt = performance.now();

  // Two clocks, for neither is enough: one stands still while the machine sleeps, the other can be set.
  function moment() { return [performance.now(), Date.now()]; }
  const silence = () => Math.max(...moment().map((now, which) => now - heard[which]));
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
    const told = [heardOf, sight() && sight().dataset.at].filter(Boolean).map((at) => Date.parse(at));
    const at = clock(told.length ? Math.max(...told) : heard[1]);
    lost.textContent = document.body.dataset.lost.replace("{at}", at);
    lost.hidden = false;
    document.title = `(–) ${lost.textContent}`;
    setIcon("lost");
  }

  // In the zone of whoever looks; a browser may not know every zone that we know.
  function clock(instant) {
    const how = { hour12: false, timeZone: document.body.dataset.zone };
    try {
      return new Date(instant).toLocaleTimeString(document.documentElement.lang, how);
    } catch (why) {
      if (!(why instanceof RangeError)) throw why;
      return `${new Date(instant).toISOString().slice(11, 19)} UTC`;
    }
  }

  // What is shown is old until what is true now has come: a page that was lost stays so up to then.
  function hear(at) {
    heard = moment();
    if (at) heardOf = at;
    if (!isLost()) return;
    if (live) { shown = ""; update(); } else { find(); }
  }

  function find() {
    if (!isLost()) return;
    document.body.classList.remove("is-lost");
    lost.hidden = true;
    if (live) { dress(); } else { icon.setAttribute("href", plain); document.title = named; }
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
    const spoken = before ? before.querySelector("h1").textContent : "";
    const old = before ? [before.dataset.state, Number(before.dataset.needs)] : ["ok", 0];
    cameAt = performance.now();
    live.replaceChildren(...new DOMParser().parseFromString(text, "text/html").body.childNodes);
    for (const one of live.querySelectorAll("details[id]")) one.open = open.has(one.id);
    live.querySelectorAll(".scroll").forEach((one, place) => { one.scrollLeft = scrolls[place] || 0; });
    if (back) {
      const same = [...live.querySelectorAll("a, button, summary")].find((one) => (one.getAttribute("href") || one.textContent) === back);
      if (same) same.focus({ preventScroll: true });
    }
    find();
    dress();
    fit();
    showSound();
    tick();
    const now = sight();
    if (now && now.querySelector("h1").textContent !== spoken) news.textContent = now.querySelector("h1").textContent;
    if (now && (Number(now.dataset.needs) > old[1] || (now.dataset.state === "critical" && old[0] !== "critical"))) ring();
  }

  // Nobody scrolls on a wall: what does not fit is made smaller, as far as it can be read.
  function fit() {
    if (!document.body.classList.contains("wall")) return;
    const root = document.documentElement;
    root.style.fontSize = "";
    for (let size = parseFloat(getComputedStyle(root).fontSize); size > 10 && root.scrollHeight > innerHeight; size -= 1) {
      root.style.fontSize = `${size - 1}px`;
    }
  }
  window.addEventListener("resize", fit);

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
    stream.addEventListener("ping", (event) => { hear(event.data); update(); });
    stream.addEventListener("state", (event) => { hear(); if (!live) setIcon(event.data); });
    stream.addEventListener("revision", (event) => {
      wanted = event.data;
      hear();
      update();
      document.dispatchEvent(new Event("revision"));
    });
    stream.addEventListener("error", lose);
  }

  function look() {
    if (silence() > QUIET) lose();
    if (live && performance.now() - cameAt > live.dataset.again * 1000) { // or a wall would be logged out by a quiet weekend
      shown = "";
      update();
    }
    if (isLost() && stream.readyState === EventSource.CLOSED) {
      listen();
      knock();
    }
    tick();
  }
  const pulse = new Worker("/static/pulse.js"); // so that a tab in the background, too, has no old green in its title
  pulse.onmessage = look;
  // A machine that slept, a tab that was put aside: at once, and not with the next second.
  document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
  window.addEventListener("pageshow", look);
  document.addEventListener("focusout", () => setTimeout(update, 0));

  // --- what ticks

  function tick() {
    if (isLost()) return;
    const now = sight();
    if (!now) return;
    const there = Date.parse(now.dataset.at) + performance.now() - cameAt; // the bridge's clock counts, not this machine's
    for (const one of live.querySelectorAll("time[data-ticks]")) {
      one.textContent = span(Math.max(0, (there - Date.parse(one.dateTime)) / 1000));
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
  fit();
  tick();
  listen();
})();
