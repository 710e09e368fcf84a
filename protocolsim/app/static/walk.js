// Patients who walk through the state chart week by week. Who is where when came with the page; here it only moves.
"use strict";
const Walk = (function () {
  const NS = "http://www.w3.org/2000/svg";
  const STEP = 17, RADIUS = 7.5;
  const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
  const by = (id) => document.getElementById(id);
  let ground = null, sides = [], told = null, week = 0, first = 0, last = 0, playing = false, clock = 0, held = 0;

  const element = (name, attributes, parent) => {
    const made = document.createElementNS(NS, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    parent.append(made);
    return made;
  };
  const said = (number) => String(Math.round(number * 10) / 10);

  function begin(root) {
    ground = root;
    playing = false;
    told = JSON.parse(root.dataset.walk);
    const all = told.sides.flat();
    first = Math.min(0, ...all.map((p) => p.moves[0][0]));
    last = Math.max(1, ...all.map((p) => p.moves[p.moves.length - 1][0]));
    const top = Math.max(1, ...all.flatMap((p) => p.scans.map((s) => Math.abs(s[1] || 0))));
    sides = told.sides.map((patients, place) => {
      const figure = root.querySelector(`[data-side="${place}"]`), svg = figure.querySelector("svg");
      svg.setAttribute("role", "group");
      // All rings lie below all discs: who has been assessed does not cover their neighbours.
      const rings = element("g", { class: "rings" }, svg), layer = element("g", { class: "walkers" }, svg);
      return { figure, top, walkers: patients.map((patient, k) => walker(patient, k, layer, rings)) };
    });
    const slider = by("walk-week");
    slider.min = first;
    slider.max = last;
    set(Math.min(last, Math.max(first, week)), true);
    button();
  }

  function walker(patient, place, layer, rings) {
    const group = element("g", { class: "walker", "data-walker": patient.number }, layer);
    const ring = element("circle", { r: RADIUS + 3, class: "ring" }, rings);
    element("circle", { r: RADIUS, class: "disc" }, group);
    const words = element("text", { "text-anchor": "middle", dy: "3.2" }, group);
    words.textContent = patient.number;
    return { patient, place, group, ring };
  }

  // The state at a time: that of the last move up to it; before the first one nobody has come yet.
  function stateAt(patient, at) {
    let state = null;
    for (const [when, into] of patient.moves) if (when <= at + 1e-9) state = into;
    return state;
  }

  function home(state, place) {
    const [left, top, width, height] = told.rooms[state];
    const across = Math.max(1, Math.floor((width - 8) / STEP)), rows = Math.max(2, Math.ceil(24 / across));
    const high = Math.min(STEP + 2, height / rows);
    return [left + 4 + STEP / 2 + (place % across) * STEP + (width - 8 - across * STEP) / 2, top + high / 2 + Math.floor(place / across) * high];
  }

  // Everything as it is in this week. `jump`: from wherever the slider was, without what lay between.
  function set(to, jump) {
    const from = week;
    week = Math.min(last, Math.max(first, to));
    for (const side of sides) {
      side.figure.classList.toggle("jump", jump || calm());
      const news = [];
      let stopped = false;
      for (const each of side.walkers) stopped = one(each, side, from, jump, news) || stopped;
      const heard = side.figure.querySelector(".walk-said");
      if (news.length || jump) heard.replaceChildren(...spoken(news));
      if (stopped && playing) held = Math.max(held, performance.now() + 1400 / speed());
    }
    by("walk-week").value = week;
    by("walk-week").setAttribute("aria-valuetext", "week " + said(week));
    by("walk-now").textContent = "week " + said(week);
  }

  function spoken(news) {
    const told = news.length > 3 ? [...news.slice(0, 2), `And ${news.length - 2} more decisions.`] : news;
    return told.map((words) => {
      const line = document.createElement("span");
      line.textContent = words;
      return line;
    });
  }

  function one(each, side, from, jump, news) {
    const { patient, group, ring, place } = each, state = stateAt(patient, week);
    for (const part of [group, ring]) part.classList.toggle("absent", state === null);
    if (state === null) return false;
    const [x, y] = home(state, place);
    for (const part of [group, ring]) part.style.transform = `translate(${x}px, ${y}px)`;
    const since = jump ? week - 1 : from;
    const scan = patient.scans.filter(([when]) => when <= week + 1e-9).pop();
    const fresh = scan && (scan[0] > since + 1e-9 || (!jump && scan[0] === week));
    ring.setAttribute("r", RADIUS + (fresh && scan[1] !== null ? 2 + 9 * Math.sqrt(Math.abs(scan[1]) / side.top) : 0));
    ring.classList.toggle("scanned", Boolean(fresh && scan[1]));
    group.classList.toggle("missed", Boolean(fresh && scan[1] === null));
    const value = scan ? (scan[1] === null ? "; last assessment missed" : `; ${told.followed} ${scan[1]} in week ${said(scan[0])}`) : "";
    group.setAttribute("data-tip", `Patient ${patient.number}: ${told.states[state]}${value}`);
    const made = patient.decisions.filter(([when]) => when > since + 1e-9 && when <= week + 1e-9);
    group.classList.toggle("deciding", made.length > 0);
    for (const [, words] of made) news.push(`Patient ${patient.number}: ${words}`);
    return made.length > 0;
  }

  // The next moment at which something happens, or a fifth of a week, whichever comes first.
  const speed = () => Number(by("walk-speed").value);

  function tick(now) {
    if (!playing || !ground.isConnected) { playing = false; return; }
    const passed = Math.min(100, now - clock) / 1000;
    clock = now;
    if (now >= held) {
      // Four weeks in a second; where motion is not wanted, whole weeks at a time.
      const on = passed * 4 * speed();
      set(calm() ? Math.floor(week + on + 1) : week + on, false);
      if (week >= last) { playing = false; button(); return; }
      if (calm()) held = Math.max(held, now + 500 / speed());
    }
    requestAnimationFrame(tick);
  }

  function button() {
    const play = by("walk-play");
    if (play) play.textContent = playing ? "Pause" : week >= last ? "Play again" : "Play";
  }

  function play() {
    if (!playing && week >= last) set(first, true);
    playing = !playing;
    clock = performance.now();
    held = 0;
    button();
    if (playing) requestAnimationFrame(tick);
  }

  document.addEventListener("click", (event) => {
    const target = event.target.closest && event.target.closest("#walk-play, [data-walk-by], .walker");
    if (!target || !ground || !ground.isConnected) return;
    if (target.id === "walk-play") play();
    else if (target.dataset.walkBy) {
      playing = false;
      // Stepping on shows what happened on the way, stepping back only where everybody was.
      const by = Number(target.dataset.walkBy);
      set(by > 0 ? Math.floor(week + 1e-9) + 1 : Math.ceil(week - 1e-9) - 1, by < 0);
      button();
    } else Charts.patient(target.dataset.walker);
  });

  document.addEventListener("input", (event) => {
    if (event.target.id !== "walk-week") return;
    playing = false;
    set(Number(event.target.value), true);
    button();
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== " " || !ground || !ground.isConnected || ground.offsetParent === null) return;
    if (event.target !== document.body && !event.target.closest("#walk, #walk-week")) return;
    event.preventDefault();
    play();
  });

  function arrived(root) {
    const found = root.querySelector && (root.matches("#walk") ? root : root.querySelector("#walk"));
    if (found && found !== ground) begin(found);
  }

  return { arrived };
})();
