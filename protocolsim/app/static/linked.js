// One patient in every picture: chosen in one of them, marked in all - the lane, the path through the states, the place
// on the rule's axis, the disc that walks. Who is chosen stands in the address, under the number that trace knows too.
"use strict";
const Linked = (function () {
  const NS = "http://www.w3.org/2000/svg";
  const say = (name, value) => Shiny.setInputValue(name, value, { priority: "event" });
  const all = (query, root = document) => [...root.querySelectorAll(query)];
  const numberOf = (mark) => ((mark.dataset.tip || "").match(/^Patient (\d+)\b/) || [])[1] || null;
  let chosen = null, crowd = null, standing = [], trial = 0, means = "";

  const element = (name, attributes, parent) => {
    const made = document.createElementNS(NS, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    parent.append(made);
    return made;
  };

  // Choosing ---------------------------------------------------------------------------------------------------------

  function choose(number) {
    if (String(number) === chosen) { Charts.patient(number); return; }
    chosen = String(number);
    crowd = null;
    mark();
    say("asked", { name: "patient", value: chosen });
  }

  function nobody() {
    chosen = crowd = null;
    mark();
    say("asked", { name: "patient", value: "" });
  }

  // Wherever a visitor goes, the address says who is chosen.
  document.addEventListener("moved-to", (event) => {
    const asked = new URLSearchParams(event.detail).get("patient");
    if (asked === chosen) return;
    chosen = asked;
    crowd = null;
    mark();
  });

  // Marking ----------------------------------------------------------------------------------------------------------

  const paths = () => {
    const told = document.getElementById("paths");
    return told ? JSON.parse(told.dataset.paths) : { ribbons: [], patients: {} };
  };

  function mark() {
    const known = paths();
    outcomes();
    lanes();
    flow(known);
    rug();
    for (const walker of all(".walker")) walker.classList.toggle("chosen", walker.dataset.walker === chosen);
    said(known);
  }

  // Legends of outcomes: those who ended so, as many of them as are pressed.
  const ended = new Set();

  const whole = () => all("figure[data-figure=swimmers] [class*=' lane_'] [data-tip]");
  const endOf = (lane) => lane.dataset.tip.replace(/^Patient \d+: /, "");

  function outcomes() {
    const figure = document.querySelector("figure[data-figure=swimmers]"), there = whole();
    if (!figure || !there.length || figure.querySelector(".ends")) return;
    const counted = new Map();
    for (const lane of there) counted.set(endOf(lane), (counted.get(endOf(lane)) || 0) + 1);
    for (const words of [...ended]) if (!counted.has(words)) ended.delete(words);
    if (counted.size < 2) return;
    const row = document.createElement("p");
    row.className = "ends";
    row.append("Ended: ");
    for (const [words, number] of counted) {
      const entry = document.createElement("button");
      entry.type = "button";
      entry.className = "btn btn-sm btn-outline-secondary";
      entry.dataset.end = words;
      entry.setAttribute("aria-pressed", String(ended.has(words)));
      entry.textContent = `${words} (${number})`;
      row.append(entry, " ");
    }
    figure.querySelector(".drawing").before(row);
  }

  const meant = () => {
    if (crowd) return crowd.patients;
    if (ended.size) return whole().filter((lane) => ended.has(endOf(lane))).map(numberOf);
    return chosen === null ? null : [chosen];
  };

  function lanes() {
    const wanted = meant();
    for (const each of all("figure[data-figure=swimmers] [data-tip^='Patient ']")) {
      const whole = each.closest("[class*=' lane_']") !== null, mine = wanted !== null && wanted.includes(numberOf(each));
      each.classList.toggle("chosen-lane", whole && mine && (!ended.size || numberOf(each) === chosen));
      each.classList.toggle("another", !whole && wanted !== null && !mine);
    }
  }

  const ribbons = () => all("figure[data-figure=flow] .role-mark[class*=' ribbon_'] path");

  function flow(known) {
    const drawn = ribbons(), mine = chosen === null ? null : known.patients[chosen];
    drawn.forEach((ribbon, k) => {
      if (!ribbon.dataset.tip && known.ribbons[k]) ribbon.dataset.tip = tip(known, k);
      ribbon.dataset.ribbon = k;
      ribbon.classList.toggle("chosen-ribbon", crowd !== null && crowd.ribbon === k);
    });
    for (const old of all(".thread")) old.remove();
    if (!mine || !drawn.length || !mine.points.length) return;
    const boxes = all("figure[data-figure=flow] .role-mark[class*=' box_']"), box = boxes[mine.panel || 0];
    if (!box) return;
    const { ground, width, height } = Charts.size(box);
    const at = mine.points.map(([x, y]) => [x * width, y * height]);
    let path = "";
    for (let k = 0; k < at.length; k += 2) {
      const [[x0, y0], [x1, y1]] = [at[k], at[k + 1]], middle = (x0 + x1) / 2;
      path += `${k ? "L" : "M"}${x0},${y0}C${middle},${y0} ${middle},${y1} ${x1},${y1}`;
    }
    const thread = element("g", { class: "thread" }, ground.parentElement);
    element("path", { d: path }, thread);
    const [x, y] = at[at.length - 1];
    element("circle", { cx: x, cy: y, r: 5 }, thread);
    element("circle", { cx: at[0][0], cy: at[0][1], r: 5 }, thread);
  }

  function tip(known, k) {
    const mine = Object.entries(known.patients).filter(([, p]) => p.ribbons.includes(k)).map(([number]) => number);
    const named = mine.slice(0, 12).join(", ") + (mine.length > 12 ? ", ..." : "");
    return known.ribbons[k] + (mine.length ? ` \u00b7 in this trial patient${mine.length > 1 ? "s" : ""} ${named}` : "");
  }

  // Under the rule's curve stands each patient of the trial where the rule measured them, filled where they pass. Where
  // they stand stays while the threshold moves: then only who passes is written anew.
  let stood = { there: "", dots: [] };

  function rug() {
    const figure = document.querySelector(".rule-curve figure[data-figure=curves]");
    const own = figure && figure.querySelector("[class*=' own_'] line");
    const there = own && JSON.stringify([chosen, standing.map((p) => [p.number, p.at, p.side])]);
    if (!own || there !== stood.there || own.ownerSVGElement !== stood.drawing) {
      for (const old of all(".rug")) old.remove();
      stood = { there, drawing: own && own.ownerSVGElement, dots: own ? dots(figure) : [] };
    }
    stood.dots.forEach(({ dot, words, mine }, k) => {
      const patient = standing[k], kind = (patient.passes ? "passes" : "fails") + (mine ? " chosen" : "");
      if (dot.getAttribute("class") !== kind) dot.setAttribute("class", kind);
      if (dot.dataset.tip === patient.said) return;
      dot.dataset.tip = patient.said;
      dot.setAttribute("aria-label", patient.said);
      if (words) Charts.write(words, patient.said);
    });
  }

  function dots(figure) {
    const plots = all("[class*=' own_'] line:not(.grip)", figure).map((line) => Charts.size(line));
    const layers = plots.map(({ ground }) => element("g", { class: "rug" }, ground.parentElement));
    const stacked = {}, many = {}, column = (patient) => (patient.side || 0) + ":" + Math.round(patient.at * 60);
    for (const patient of standing) many[column(patient)] = (many[column(patient)] || 0) + 1;
    figure.querySelector("svg").setAttribute("role", "group");
    return standing.map((patient) => {
      const side = patient.side || 0, { width, height } = plots[side], layer = layers[side];
      const here = column(patient), mine = String(patient.number) === chosen;
      const level = stacked[here] = (stacked[here] || 0) + 1;
      // Many who stand at one place stand closer, so that they do not hide the curves.
      const x = patient.at * width, y = height - 4 - Math.min(9, height / 4 / many[here]) * (level - 1);
      if (mine) element("line", { x1: x, x2: x, y1: 0, y2: y, class: "chosen-place" }, layer);
      const dot = element("circle", {
        cx: x, cy: y, r: mine ? 6.5 : 4, tabindex: 0, role: "link", "data-patient": patient.number,
      }, layer);
      if (!mine) return { dot, mine };
      const right = x > 0.72 * width;
      dot.setAttribute("aria-current", "true");
      return { dot, mine, words: element("text", { x: x + (right ? -9 : 9), y: y - 11, "text-anchor": right ? "end" : "start" }, layer) };
    });
  }

  function stand(told) {
    if (!told.standing) return;
    standing = told.standing;
    trial = told.trial;
    means = told.standing_means || "";
    rug();
    said();
  }

  // A picture that goes takes its patients with it: another trial has others, and perhaps fewer places to stand.
  function leave() {
    standing = [];
    means = "";
  }

  // What is marked, in words, and the way on: above each picture that marks. What is said already stays as it is.
  function said(known = paths()) {
    const where = all("figure[data-figure=swimmers], figure[data-figure=flow], .rule-curve figure[data-figure=curves]");
    for (const figure of where) {
      let bar = figure.querySelector(".who");
      if (!bar) {
        bar = document.createElement("p");
        bar.className = "who";
        bar.setAttribute("role", "status");
        figure.querySelector(".drawing").before(bar);
      }
      const told = words(figure.dataset.figure, known), now = told.map((each) => each.outerHTML || each).join("");
      if (spoken.get(bar) === now) continue;
      spoken.set(bar, now);
      bar.replaceChildren(...told);
    }
  }

  const spoken = new WeakMap();

  function words(name, known) {
    if (crowd) {
      const number = crowd.patients.length;
      return [`${known.ribbons[crowd.ribbon]}; in this trial ${number === 1 ? "one patient" : number + " patients"}.`, button("Mark nobody", "nobody")];
    }
    if (chosen === null) {
      if (name === "swimmers") return ["Choose a lane: its patient is marked in every picture."];
      if (name === "flow") return ["Choose a ribbon: the patients of this trial who went that way are marked."];
      return [standing.length ? means || `Dots on the axis: the patients of trial ${trial}, where the rule measured them; filled ones pass.` : ""];
    }
    const here = name === "curves" ? standing.some((p) => String(p.number) === chosen) : name === "flow" ? chosen in known.patients : true;
    const told = here ? `Patient ${chosen} is marked.` : `Patient ${chosen} is not in this picture.`;
    return [told, button(`Open patient ${chosen}`, "open"), button("Mark nobody", "nobody")];
  }

  function button(text, act) {
    const made = document.createElement("button");
    made.type = "button";
    made.className = "btn btn-sm btn-outline-primary";
    made.dataset.who = act;
    made.textContent = text;
    return made;
  }

  // Hands ------------------------------------------------------------------------------------------------------------

  document.addEventListener("click", (event) => {
    const target = event.target.closest && event.target.closest("[data-who], [data-end], .rug circle, path[data-ribbon]");
    if (!target) return;
    if (target.dataset.end) {
      const on = !ended.has(target.dataset.end);
      if (on) ended.add(target.dataset.end);
      else ended.delete(target.dataset.end);
      target.setAttribute("aria-pressed", String(on));
      mark();
    } else if (target.dataset.who === "open") Charts.patient(chosen);
    else if (target.dataset.who === "nobody") nobody();
    else if (target.dataset.patient) choose(target.dataset.patient);
    else {
      const known = paths(), k = Number(target.dataset.ribbon);
      const patients = Object.keys(known.patients).filter((number) => known.patients[number].ribbons.includes(k));
      crowd = crowd && crowd.ribbon === k ? null : { ribbon: k, patients };
      mark();
    }
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    const dot = event.target.closest && event.target.closest(".rug circle");
    if (!dot) return;
    event.preventDefault();
    const number = dot.dataset.patient;
    choose(number);
    const again = document.querySelector(`.rug circle[data-patient="${number}"]`);
    if (again) again.focus();
  });

  function arrived(root) {
    if (!root.querySelector) return;
    const ours = "figure[data-figure=swimmers], figure[data-figure=flow], figure[data-figure=curves], #paths, .walker";
    // Other paths: who went along a ribbon that was chosen among the ones before, these do not say.
    if (root.matches("#paths") || root.querySelector("#paths")) crowd = null;
    if (root.matches(ours) || root.querySelector(ours)) mark();
  }

  addEventListener("resize", () => rug());

  return { arrived, choose, leave, stand };
})();
