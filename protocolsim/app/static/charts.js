// Charts that answer: values under the pointer, legends that filter, lanes that open their patient, a threshold to drag.
"use strict";
const Charts = (function () {
  const by = (id) => document.getElementById(id);
  const say = (name, value) => Shiny.setInputValue(name, value, { priority: "event" });

  // Under the pointer ------------------------------------------------------------------------------------------------

  let tip = null;

  // Words of our own stay as they are; what the drawing program wrote has more digits than anybody reads.
  function lines(said) {
    return said.split(" \u00b7 ").map((line) => line.replace(/-?\d+\.\d{4,}/g, (n) => String(Number(Number(n).toPrecision(3)))));
  }

  function show(said, x, y) {
    if (!tip) {
      tip = document.createElement("div");
      tip.id = "tip";
      tip.setAttribute("role", "tooltip");
      document.body.append(tip);
    }
    tip.replaceChildren(...lines(said).map((line) => {
      const row = document.createElement("div");
      row.textContent = line;
      return row;
    }));
    tip.hidden = false;
    const wide = tip.offsetWidth, high = tip.offsetHeight;
    tip.style.left = Math.max(4, x + 14 + wide > innerWidth ? x - wide - 14 : x + 14) + "px";
    tip.style.top = Math.max(4, y + 14 + high > innerHeight ? y - high - 10 : y + 14) + "px";
  }

  const hide = () => { if (tip) tip.hidden = true; };

  function over(event) {
    if (dragged) return;
    const told = event.target.closest && event.target.closest(".drawing [data-tip]");
    if (told) show(told.dataset.tip, event.clientX, event.clientY);
    else hide();
  }

  document.addEventListener("pointermove", over);
  document.addEventListener("pointerdown", over);
  document.addEventListener("scroll", hide, true);
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });

  // Legends that filter ----------------------------------------------------------------------------------------------

  const tint = (mark) => {
    const style = (k) => mark.getAttribute(k);
    const fill = style("fill"), stroke = style("stroke");
    return fill && fill !== "none" && fill !== "transparent" ? fill : stroke;
  };

  function filter(entry) {
    const svg = entry.ownerSVGElement, on = entry.getAttribute("aria-pressed") === "true";
    entry.setAttribute("aria-pressed", String(!on));
    const wanted = new Set([...svg.querySelectorAll("[data-filter][aria-pressed=true]")].map((e) => e.dataset.filter));
    for (const mark of svg.querySelectorAll(".role-mark path, .role-mark line, .role-mark rect")) {
      if (!mark.hasAttribute("fill") && !mark.hasAttribute("stroke")) continue;
      const own = tint(mark), known = svg.querySelector(`[data-filter="${CSS.escape(own || "")}"]`);
      mark.classList.toggle("dimmed", wanted.size > 0 && known !== null && !wanted.has(own));
    }
  }

  // A legend's entry is its symbol and its words: a button, once the drawing is on the page.
  function legends(figure) {
    for (const mark of figure.querySelectorAll(".role-legend-symbol")) {
      const entry = mark.parentElement, symbol = mark.querySelector("path");
      if (!symbol) continue;
      entry.dataset.filter = tint(symbol) || "";
      entry.setAttribute("tabindex", "0");
      entry.setAttribute("role", "button");
      entry.setAttribute("aria-pressed", "false");
      entry.setAttribute("aria-label", "show only " + entry.textContent);
      figure.querySelector("svg").setAttribute("role", "group");
    }
  }

  // Lanes that open their patient ------------------------------------------------------------------------------------

  const number = (lane) => (lane.dataset.tip || "").match(/\d+/);

  function lanes(figure) {
    for (const lane of figure.querySelectorAll("[class*=' lane_'] [data-tip]")) {
      lane.setAttribute("tabindex", "0");
      lane.setAttribute("role", "link");
      lane.setAttribute("aria-label", lane.dataset.tip);
      figure.querySelector("svg").setAttribute("role", "group");
    }
  }

  function lane(event) {
    const figure = event.target.closest("figure");
    if (!figure || !event.target.closest(".drawing svg")) return null;
    return [...figure.querySelectorAll("[class*=' lane_'] [data-tip]")].find((each) => {
      const box = each.getBoundingClientRect();
      return event.clientY >= box.top && event.clientY <= box.bottom && event.clientX >= box.left;
    }) || null;
  }

  function open(found) {
    const told = number(found);
    if (told) patient(told[0]);
  }

  function choose(found) {
    const told = number(found);
    if (told) Linked.choose(told[0]);
  }

  function patient(number) {
    hide();
    say("asked", { name: "patient", value: String(number) });
    const tab = document.querySelector('#view a[data-value="patient"]');
    if (tab) bootstrap.Tab.getOrCreateInstance(tab).show();
    scrollTo({ top: 0 });
  }

  document.addEventListener("click", (event) => {
    const entry = event.target.closest && event.target.closest("[data-filter]");
    if (entry) filter(entry);
    else {
      const found = lane(event);
      if (found) choose(found);
    }
  });

  // Up and down lead from lane to lane, from entry to entry of a legend.
  function beside(event) {
    const from = event.target.closest && event.target.closest("[class*=' lane_'] [data-tip], [data-filter]");
    if (!from) return;
    const all = [...from.ownerSVGElement.querySelectorAll(from.dataset.filter === undefined ? "[class*=' lane_'] [data-tip]" : "[data-filter]")];
    const next = all[all.indexOf(from) + (event.key === "ArrowDown" ? 1 : -1)];
    if (!next) return;
    event.preventDefault();
    next.focus();
  }

  document.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") return beside(event);
    if (event.key !== "Enter" && event.key !== " ") return;
    const target = event.target;
    if (target.dataset && target.dataset.filter !== undefined) filter(target);
    else if (target.getAttribute && target.getAttribute("role") === "link" && target.closest("[class*=' lane_']")) (event.key === " " ? choose : open)(target);
    else return;
    event.preventDefault();
  });

  // The threshold's mark ---------------------------------------------------------------------------------------------

  let where = null, dragged = null;

  const size = (mark) => {
    const ground = mark.closest(".mark-group").querySelector("path.background");
    const [, width, height] = ground.getAttribute("d").match(/h(-?[\d.]+)v(-?[\d.]+)/).map(Number);
    return { ground, width, height };
  };

  // What a move changes in a figure is looked up once, for as long as its drawing stands. A drag asks for it sixty times
  // a second, and each element that it put in or took out would have the browser look at the style of the whole page.
  const known = new WeakMap();

  function movable(figure) {
    const drawing = figure.querySelector(".drawing svg");
    if (!drawing) return [];
    if (!known.has(drawing)) {
      const marks = [...drawing.querySelectorAll("[class*=' own_'] line, [class*=' own_'] path")];
      known.set(drawing, marks.map((mark) => ({ mark, ...size(mark) })));
    }
    return known.get(drawing);
  }

  // Other words in the place of those that are there: an element's only text is written anew, nothing comes or goes.
  function write(element, words) {
    const text = element.firstChild;
    if (!text || text !== element.lastChild || text.nodeType !== Node.TEXT_NODE) element.textContent = words;
    else if (text.data !== words) text.data = words;
  }

  // A mark stands at a share of its plot, whose size the figure itself tells.
  function place(told) {
    where = told;
    const figures = Object.keys(told.marks)
      .map((name) => [name, document.querySelector(`.rule-curve figure[data-figure=${name}]`)])
      .filter(([, figure]) => figure);
    const curves = figures.find(([name]) => name === "curves");
    const measured = curves && ends(curves[1]); // before anything is written, so that nothing is laid out twice
    for (const [name, figure] of figures) {
      const [x, y] = told.marks[name];
      for (const { mark, width, height } of movable(figure)) {
        const old = mark.getAttribute("transform").match(/translate\(([^,]+),([^)]+)\)/);
        mark.setAttribute("transform", `translate(${x * width},${y === null ? old[2] : y * height})`);
        grip(mark, y === null);
      }
      if (told.captions[name]) write(figure.querySelector(".caption"), told.captions[name]);
    }
    if (measured) flag(curves[1], told, measured);
    readout(told.readout);
    mirror();
  }

  // A line two pixels wide cannot be taken hold of: an unseen one around it can.
  function grip(mark, upright) {
    if (!upright || mark.tagName !== "line") return;
    let wide = mark.nextElementSibling;
    if (!wide || !wide.classList.contains("grip")) {
      wide = mark.cloneNode();
      wide.setAttribute("class", "grip");
      mark.after(wide);
    }
    wide.setAttribute("transform", mark.getAttribute("transform"));
  }

  // Where the plot begins and how wide it is, in pixels of its drawing.
  function ends(figure) {
    const first = movable(figure).find(({ mark }) => mark.tagName === "line");
    if (!first) return null;
    const drawing = figure.querySelector(".drawing");
    const plot = first.ground.getBoundingClientRect(), box = drawing.getBoundingClientRect();
    return { left: plot.left - box.left + drawing.scrollLeft, top: plot.top - box.top, width: plot.width };
  }

  // What stands at the mark, beside it on the plot.
  function flag(figure, told, plot) {
    const drawing = figure.querySelector(".drawing"), [x] = told.marks.curves;
    let words = drawing.querySelector(".flag");
    if (!words) {
      words = document.createElement("div");
      words.className = "flag";
      drawing.append(words);
    }
    write(words, told.flag);
    const at = plot.left + x * plot.width;
    words.style.top = plot.top + "px";
    // Left of the mark it ends there, but begins on the drawing however long it is.
    words.style.left = x > 0.5 ? at - 6 + "px" : at + 6 + "px";
    words.style.transform = x > 0.5 ? `translateX(max(-100%, ${6 - at}px))` : "none";
  }

  // The numbers that stay in sight: where they are the same ones, only their words change.
  function readout(html) {
    const there = by("rule-readout");
    if (!there) return;
    const made = document.createElement("template");
    made.innerHTML = html;
    const texts = (root) => {
      const walk = document.createTreeWalker(root, NodeFilter.SHOW_TEXT), found = [];
      while (walk.nextNode()) found.push(walk.currentNode);
      return found;
    };
    const shape = (root) => [...root.querySelectorAll("*")].map((each) => each.tagName + (each.dataset.read || "")).join();
    const old = texts(there), fresh = texts(made.content);
    if (old.length === fresh.length && shape(there) === shape(made.content)) {
      old.forEach((text, k) => { if (text.data !== fresh[k].data) text.data = fresh[k].data; });
    } else there.replaceChildren(made.content);
  }

  function form() {
    const bar = document.querySelector(".mirror");
    return bar && document.querySelector(`[data-parameter="${CSS.escape(bar.dataset.mirror)}"]`);
  }

  // The slider beside the numbers is the form's own, a second time.
  function mirror() {
    const bar = document.querySelector(".mirror"), row = form();
    const slider = row && row.querySelector("[data-role=slider]");
    if (!bar || !slider) return;
    let own = bar.querySelector("input");
    if (!own) {
      own = slider.cloneNode();
      own.removeAttribute("id");
      own.removeAttribute("data-role");
      own.setAttribute("aria-label", row.querySelector("label").textContent);
      for (const kind of ["input", "change"]) own.addEventListener(kind, () => {
        slider.value = own.value;
        slider.dispatchEvent(new Event(kind, { bubbles: true }));
      });
      bar.append(own);
    }
    if (document.activeElement !== own) own.value = slider.value;
  }

  function settled(value, kind) {
    const row = form(), number = row && row.querySelector("[data-role=number]");
    if (!number) return;
    const slider = row.querySelector("[data-role=slider]");
    const step = slider && !slider.dataset.log ? Number(slider.step) : 0;
    number.value = Number((step ? Math.round(value / step) * step : value).toPrecision(step ? 6 : 3));
    number.dispatchEvent(new Event(kind, { bubbles: true }));
  }

  function along(event) {
    const box = dragged.getBoundingClientRect();
    const share = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    const [low, high] = where.ends;
    return where.log && low > 0 ? low * (high / low) ** share : low + share * (high - low);
  }

  document.addEventListener("pointerdown", (event) => {
    // A finger scrolls the page wherever it does not touch the line itself; a mouse takes hold anywhere on the plot.
    const on = ".rule-curve .grip" + (event.pointerType === "mouse" ? ", .rule-curve [class*=' reading_'] line" : "");
    const held = event.target.closest && event.button === 0 && event.target.closest(on);
    if (!held || !where) return;
    dragged = size(held).ground;
    hide();
    event.preventDefault();
    settled(along(event), "input");
  });
  document.addEventListener("pointermove", (event) => { if (dragged) settled(along(event), "input"); });
  document.addEventListener("pointerup", (event) => {
    if (!dragged) return;
    const value = along(event);
    dragged = null;
    settled(value, "change");
  });
  document.addEventListener("pointercancel", () => { dragged = null; });
  addEventListener("resize", () => { if (where && document.querySelector(".rule-curve figure")) place(where); });

  function arrived(root) {
    const figures = root.matches && root.matches("figure") ? [root] : root.querySelectorAll ? root.querySelectorAll("figure") : [];
    for (const figure of figures) {
      if (!figure.querySelector(".drawing svg")) continue;
      legends(figure);
      lanes(figure);
    }
  }

  return { place, arrived, patient, size, write };
})();
