// Trials that pile up: a dot for each trial drawn, on a histogram of each endpoint. All values came with the page.
"use strict";
const Pile = (function () {
  const NS = "http://www.w3.org/2000/svg";
  const WIDE = 300, HIGH = 92, FOOT = 22, EDGE = 12, BINS = 36, RADIUS = 3.4;
  let ground = null, piles = [], drawn = [], now = 0, running = 0;

  const element = (name, attributes, parent) => {
    const made = document.createElementNS(NS, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (parent) parent.append(made);
    return made;
  };
  // The next larger of 1, 2 and 5 times a power of ten: an axis ends at numbers that can be read.
  const round = (size) => {
    const ten = 10 ** Math.floor(Math.log10(size));
    return ten * [1, 2, 5, 10].find((k) => k * ten >= size * 0.999999);
  };
  const said = (value) => String(Number(value.toPrecision(3)));

  function begin(root) {
    ground = root;
    clearTimeout(running);
    piles = JSON.parse(root.dataset.piles).map((pile) => panel(pile));
    drawn = [];
    add(now);
  }

  // One endpoint: its axis holds every trial and the published value, so that no dot moves when others come.
  function panel(pile) {
    const known = pile.values.filter((v) => v !== null).concat(pile.published === null ? [] : [pile.published]);
    let low = Math.min(...known), high = Math.max(...known);
    const step = round((high - low || Math.abs(high) || 1) / 4);
    low = step * Math.floor(low / step);
    high = step * Math.max(Math.ceil(high / step), low / step + 1);
    const figure = document.createElement("figure"), heading = document.createElement("figcaption");
    figure.dataset.pileOf = pile.name;
    heading.className = "pile-head";
    const svg = element("svg", { viewBox: `0 0 ${WIDE} ${HIGH + FOOT}`, role: "img", "aria-label": pile.label });
    const drawing = document.createElement("div");
    drawing.className = "drawing";
    drawing.append(svg);
    figure.append(heading, drawing);
    ground.append(figure);
    const x = (value) => EDGE + (WIDE - 2 * EDGE) * (value - low) / (high - low);
    element("line", { x1: EDGE, x2: WIDE - EDGE, y1: HIGH, y2: HIGH, stroke: "var(--line)" }, svg);
    for (const [at, anchor] of [[low, "start"], [high, "end"]]) {
      element("text", { x: x(at), y: HIGH + 15, "text-anchor": anchor, class: "tick" }, svg).textContent = said(at) + (pile.unit && anchor === "end" ? " " + pile.unit : "");
    }
    if (pile.published !== null) {
      const line = element("line", { x1: x(pile.published), x2: x(pile.published), y1: 4, y2: HIGH, class: "published", "data-tip": `published: ${said(pile.published)} ${pile.unit}` }, svg);
      line.setAttribute("stroke-width", "2");
    }
    return { ...pile, low, high, x, svg, heading, bins: new Map(), dots: element("g", {}, svg) };
  }

  function dot(pile, trial) {
    const value = pile.values[trial];
    if (value === null || value === undefined) return;
    const bin = Math.min(BINS - 1, Math.floor(BINS * (value - pile.low) / (pile.high - pile.low)));
    const level = pile.bins.get(bin) || 0;
    pile.bins.set(bin, level + 1);
    const middle = pile.low + (bin + 0.5) * (pile.high - pile.low) / BINS;
    const made = element("circle", {
      cx: pile.x(middle), cy: HIGH - 4 - level * 2 * RADIUS, r: RADIUS, class: "trial", "data-trial": trial,
      "data-tip": `trial ${trial}: ${said(value)} ${pile.unit}`.trim(),
    }, pile.dots);
    if (drawn.length > 1) made.classList.add("new");
    // A pile that outgrows its room is drawn smaller, all dots alike.
    const highest = Math.max(...pile.bins.values()), most = Math.floor((HIGH - 8) / (2 * RADIUS));
    if (highest > most) pile.dots.setAttribute("transform", `translate(0 ${HIGH * (1 - most / highest)}) scale(1 ${most / highest})`);
  }

  function tell() {
    for (const pile of piles) {
      for (const mark of pile.dots.querySelectorAll(".here")) mark.classList.remove("here");
      const here = pile.dots.querySelector(`[data-trial="${now}"]`);
      if (here) here.classList.add("here");
      const value = pile.values[now], known = drawn.map((k) => pile.values[k]).filter((v) => v !== null && v !== undefined);
      const mean = known.reduce((a, b) => a + b, 0) / (known.length || 1);
      pile.heading.replaceChildren();
      const name = document.createElement("b");
      name.textContent = pile.label;
      const told = document.createElement("span");
      told.textContent = `trial ${now}: ${value === null || value === undefined ? "no value" : said(value) + " " + pile.unit}` +
        (known.length > 1 ? `; ${known.length} trials, mean ${said(mean)}, ${said(Math.min(...known))} to ${said(Math.max(...known))}` : "");
      pile.heading.append(name, told);
    }
  }

  function add(trial) {
    if (!piles.length || trial >= piles[0].values.length) return;
    if (!drawn.includes(trial)) {
      drawn.push(trial);
      for (const pile of piles) dot(pile, trial);
    }
    tell();
  }

  // So many more trials, within two seconds; who wants no motion has them at once.
  function many(number) {
    clearTimeout(running);
    const all = piles.length ? piles[0].values.length : 0;
    const left = [...Array(all).keys()].filter((k) => !drawn.includes(k)).slice(0, number);
    const at = matchMedia("(prefers-reduced-motion: reduce)").matches ? left.length : Math.max(1, Math.ceil(left.length / 60));
    const next = () => {
      for (const trial of left.splice(0, at)) add(trial);
      if (left.length) running = setTimeout(next, 25);
    };
    next();
  }

  function again() {
    clearTimeout(running);
    drawn = [];
    for (const pile of piles) {
      pile.bins.clear();
      pile.dots.replaceChildren();
      pile.dots.removeAttribute("transform");
    }
    add(now);
  }

  document.addEventListener("click", (event) => {
    const target = event.target.closest && event.target.closest("[data-pile], #piles [data-trial]");
    if (!target) return;
    if (target.dataset.trial) Shiny.setInputValue("asked", { name: "draw", value: target.dataset.trial }, { priority: "event" });
    else if (target.dataset.pile === "0") again();
    else many(Number(target.dataset.pile));
  });

  document.addEventListener("moved-to", (event) => {
    now = Number(new URLSearchParams(event.detail).get("draw") || 0);
    if (ground && ground.isConnected) add(now);
  });

  function arrived(root) {
    const found = root.querySelector && (root.matches("#piles") ? root : root.querySelector("#piles"));
    if (found && found !== ground) begin(found);
  }

  return { arrived };
})();
