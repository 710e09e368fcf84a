// What the page itself does: sends what a visitor moves, and puts in place what comes back. It computes no result.
"use strict";
(function () {
  const by = (id) => document.getElementById(id);
  const say = (name, value) => Shiny.setInputValue(name, value, { priority: "event" });
  const later = {};
  function forget(name) {
    clearTimeout(later[name]);
    delete later[name];
  }
  function after(name, wait, what) {
    forget(name);
    later[name] = setTimeout(() => { delete later[name]; what(); }, wait);
  }
  let address = location.search.slice(1);

  // The form ---------------------------------------------------------------------------------------------------------

  function parameter(element, settled) {
    const row = element.closest("[data-parameter]");
    const slider = row.querySelector("[data-role=slider]");
    const number = row.querySelector("[data-role=number]");
    const log = scale(slider);
    if (element === slider) {
      const at = Number(slider.value);
      // On a log scale each push is the same factor; the ends are exact, what lies between has three digits.
      if (!log) number.value = at;
      else number.value = at <= 0 ? log[0] : at >= 1 ? log[1] : Number((log[0] * (log[1] / log[0]) ** at).toPrecision(3));
    } else follow(row);
    if (element === slider) said(row);
    if (number.value === "" || !number.checkValidity()) return;
    const moved = { name: row.dataset.parameter, value: number.value, settled };
    if (settled) after("settled-" + moved.name, 200, () => say("moved", moved));
    else if ("live" in row.dataset) say("moved", moved);
  }

  // The scale of a slider whose way is logarithmic.
  function scale(slider) {
    return slider && slider.dataset.log ? slider.dataset.log.split(" ").map(Number) : null;
  }

  // The slider goes where the number says.
  function follow(row) {
    const slider = row.querySelector("[data-role=slider]"), number = row.querySelector("[data-role=number]");
    const log = scale(slider);
    if (slider) slider.value = log ? Math.log(number.value / log[0]) / Math.log(log[1] / log[0]) : number.value;
    said(row);
  }

  function said(row) {
    const slider = row.querySelector("[data-role=slider]"), number = row.querySelector("[data-role=number]");
    if (scale(slider)) slider.setAttribute("aria-valuetext", number.value);
    row.classList.toggle("changed", number.value !== row.dataset.own);
  }

  document.addEventListener("input", (event) => {
    if (event.target.closest("[data-parameter]")) parameter(event.target, false);
    if (event.target.id === "editor") typed();
  });

  document.addEventListener("change", (event) => {
    const target = event.target;
    if (target.closest("[data-parameter]")) parameter(target, true);
    else if (target.id === "replicates" || target.id === "seed") say("asked", { name: target.id, value: target.value });
    else if (target.id === "scenario") { if (target.value) say("chosen", target.value); }
    else if (target.id === "open") opened(target);
    else if (target.dataset.ask) say("picked", { name: target.dataset.ask, value: target.value });
  });

  document.addEventListener("click", (event) => {
    const target = event.target.closest("button, a");
    if (!target) return;
    const data = target.dataset;
    if (data.step) say("step", { name: data.step, by: Number(data.by) });
    else if (data.cancel) say("cancelled", data.cancel);
    else if (data.line) jump(Number(data.line), Number(data.column));
    else if (target.id === "reset") say("reset", Date.now());
    else if (target.id === "share") share();
    else if (target.id === "use") say("used", by("editor").value);
    else if (target.id === "keep") say("kept", Date.now());
    else if (target.id === "fold") fold(target);
  });

  function fold(button) {
    const folded = document.body.classList.toggle("folded");
    button.setAttribute("aria-expanded", String(!folded));
  }

  function share() {
    const link = location.origin + location.pathname + "?" + address;
    const shared = by("shared");
    const long = link.length > 8000 ? " (too long for some programs: save a file instead)" : "";
    const done = () => { shared.textContent = "copied" + long; };
    if (navigator.clipboard) navigator.clipboard.writeText(link).then(done, () => { shared.textContent = link; });
    else shared.textContent = link;
  }

  // The editor -------------------------------------------------------------------------------------------------------

  const MOST_LETTERS = 100000;

  // A pasted text comes as many inputs; the margin is written once.
  function gutter(faulty) {
    if (faulty) by("gutter").dataset.faulty = JSON.stringify(faulty);
    after("gutter", 20, numbered);
  }

  function numbered() {
    const editor = by("editor"), lines = editor.value.split("\n").length;
    const margin = by("gutter");
    const bad = new Set(JSON.parse(margin.dataset.faulty || "[]"));
    margin.replaceChildren();
    for (let k = 1; k <= lines; k++) {
      const number = document.createElement("span");
      number.textContent = (bad.has(k) ? "● " : "") + k + "\n";
      if (bad.has(k)) number.className = "bad";
      margin.append(number);
    }
    margin.scrollTop = editor.scrollTop;
  }

  function typed() {
    gutter();
    const text = by("editor").value;
    by("open-refused").textContent = text.length > MOST_LETTERS ? "too long: a scenario has some 12,000 characters" : "";
    if (text.length <= MOST_LETTERS) after("typed", 250, () => say("typed", text));
  }

  function opened(input) {
    const file = input.files[0], refused = by("open-refused");
    input.value = "";
    if (!file) return;
    if (file.size > MOST_LETTERS) {
      refused.textContent = "refused: " + file.name + " has " + file.size.toLocaleString("en") +
        " bytes; this page reads up to 100,000";
      return;
    }
    file.text().then((text) => { by("editor").value = text; refused.textContent = ""; typed(); });
  }

  function jump(line, column) {
    const editor = by("editor");
    const start = editor.value.split("\n").slice(0, line - 1).reduce((n, l) => n + l.length + 1, 0) + column - 1;
    editor.focus();
    editor.setSelectionRange(start, start);
    const height = editor.scrollHeight / editor.value.split("\n").length;
    editor.scrollTop = Math.max(0, (line - 6) * height);
  }

  document.addEventListener("scroll", (event) => {
    if (event.target.id === "editor") by("gutter").scrollTop = event.target.scrollTop;
  }, true);

  document.addEventListener("keydown", (event) => {
    // Tab leaves the editor, as everywhere; YAML is indented with spaces.
    if (event.target.id === "editor" && event.key === "Escape") event.target.blur();
  });

  // What comes back --------------------------------------------------------------------------------------------------

  // What has to be scrolled sideways can be scrolled with the keyboard; nothing else is a stop on its way.
  const scrolling = new ResizeObserver((seen) => {
    for (const { target } of seen) {
      if (target.scrollWidth > target.clientWidth + 1) target.tabIndex = 0;
      else target.removeAttribute("tabindex");
    }
  });

  function arrived(root) {
    if (root.querySelectorAll) for (const box of root.querySelectorAll(".scroll, .drawing, .drawn")) scrolling.observe(box);
    for (const each of [Charts, Linked, Pile, Walk]) each.arrived(root);
    const found = root.querySelectorAll ? [root, ...root.querySelectorAll("[data-marks], [data-lines]")] : [];
    for (const element of found) {
      if (element.dataset && element.dataset.marks) {
        Charts.place(JSON.parse(element.dataset.marks));
        Linked.stand(JSON.parse(element.dataset.marks));
      }
      if (element.dataset && element.dataset.lines && by("editor")) gutter(JSON.parse(element.dataset.lines));
    }
  }

  function refresh() {
    // Another view is another place to come back to; everything else changes the place where one is.
    const now = location.pathname + "?" + address, view = (query) => new URLSearchParams(query).get("view") || "";
    if (view(location.search) && view(location.search) !== view(address)) history.pushState(null, "", now);
    else history.replaceState(null, "", now);
    for (const link of document.querySelectorAll("[data-download]")) link.href = link.dataset.download + "?" + address;
  }

  // The form says what the numbers beside it are of: neither what was refused, nor what crossed a message on its way.
  // What somebody is at, or has just moved, is left alone.
  function stands(told) {
    for (const row of document.querySelectorAll("[data-parameter]")) {
      const number = row.querySelector("[data-role=number]"), value = told[row.dataset.parameter] ?? row.dataset.own;
      const near = number.value !== "" && Math.abs(number.value - value) <= 1e-9 * Math.abs(value);
      if (near || row.contains(document.activeElement) || "settled-" + row.dataset.parameter in later) continue;
      number.value = value;
      follow(row);
    }
    for (const name of ["replicates", "seed"]) {
      const box = by(name);
      if (box && box !== document.activeElement) box.value = told[name];
    }
  }

  // What cannot be set is said where it was typed.
  function field(told) {
    for (const row of document.querySelectorAll("[data-parameter]")) {
      const mine = row.dataset.parameter === told.name, said = row.querySelector(".wrong");
      if (said) said.remove();
      const number = row.querySelector("[data-role=number]");
      number.removeAttribute("aria-invalid");
      number.removeAttribute("aria-describedby");
      if (!mine || !told.why) continue;
      const why = document.createElement("div");
      why.className = "wrong";
      why.id = "wrong";
      why.setAttribute("role", "alert");
      why.textContent = told.why;
      number.setAttribute("aria-invalid", "true");
      number.setAttribute("aria-describedby", "wrong");
      row.append(why);
    }
  }

  // The server has gone: say so, and come back with it. All that was set up stands in the address.
  let lost = false;
  function gone() {
    if (lost) return;
    lost = true;
    const said = document.createElement("div");
    said.id = "lost";
    said.setAttribute("role", "alert");
    said.textContent = "The connection to the simulation is lost. What you see stays; trying to connect again ...";
    document.body.append(said);
    const again = () => fetch(location.href, { cache: "no-store" }).then(
      (answer) => { if (answer.ok) location.reload(); else setTimeout(again, 2000); },
      () => setTimeout(again, 2000));
    setTimeout(again, 500);
  }

  // Whoever steps fast sees at once where they are going.
  function target(query) {
    const asked = new URLSearchParams(query), heading = document.querySelector(".patient-story h2");
    if (heading && asked.get("patient") !== null) {
      heading.textContent = `Patient ${asked.get("patient")} of trial ${asked.get("draw") || 0}`;
    }
  }

  // The numbers of a table that is there already, and the words beside them that change.
  function exchanged(root, told) {
    for (const row of root.querySelectorAll("tr[data-estimate]")) {
      (told.numbers[row.dataset.estimate] || []).forEach(([said, value], column) => {
        const cell = row.querySelector(`td[data-column="${column}"]`);
        if (!cell || cell.dataset.exact === value) return;
        cell.dataset.exact = value;
        Charts.write(cell, said);
      });
    }
    for (const word of root.querySelectorAll("[data-word]")) Charts.write(word, told.words[word.dataset.word]);
  }

  // Why something is not shown; nothing where there is no reason.
  function warning(why) {
    if (!why) return [];
    const said = document.createElement("div");
    said.className = "alert alert-warning refusal";
    said.setAttribute("role", "alert");
    said.textContent = why;
    return [said];
  }

  // The figures that were still being drawn; everything else stays as it is, and whatever somebody is at.
  function drawn(place, html) {
    const made = document.createElement("template");
    made.innerHTML = html;
    for (const waiting of place.querySelectorAll(".pending")) {
      const figure = made.content.getElementById(waiting.id);
      if (figure) waiting.replaceWith(figure);
      else waiting.remove();
    }
    const marks = made.content.querySelector("[data-marks]");
    if (marks) Charts.place(JSON.parse(marks.dataset.marks));
  }

  function handlers() {
    $(document).on("shiny:disconnected", gone);
    addEventListener("popstate", () => { say("went", location.search); });
    Shiny.addCustomMessageHandler("field", field);
    Shiny.addCustomMessageHandler("form", stands);
    Shiny.addCustomMessageHandler("refused", (why) => by("refused").replaceChildren(...warning(why)));
    Shiny.addCustomMessageHandler("shown", (told) => {
      const place = by(told.part);
      if (told.html !== null && told.more) drawn(place, told.html);
      else if (told.html !== null) {
        if (told.part === "rule-curve") Linked.leave();
        place.innerHTML = told.html;
      }
      place.parentElement.classList.toggle("begun", Boolean(told.begun));
      for (const old of place.querySelectorAll(":scope > .refusal")) old.remove();
      place.prepend(...warning(told.why));
    });
    Shiny.addCustomMessageHandler("response", (told) => {
      const numbers = by({ "rule-curve": "rule-numbers", "looks-boundaries": "looks-numbers" }[told.part]);
      if (!numbers) return;
      if (told.marks) { Charts.place(told); Linked.stand(told); }
      if (told.table) numbers.innerHTML = told.table;
      else exchanged(numbers, told);
      document.dispatchEvent(new CustomEvent(told.part === "rule-curve" ? "rule-shown" : "looks-shown"));
    });
    Shiny.addCustomMessageHandler("address", (query) => { address = query; refresh(); target(query); document.dispatchEvent(new CustomEvent("moved-to", { detail: query })); });
    Shiny.addCustomMessageHandler("status", (told) => {
      const status = by("status-" + told.part);
      if (!status) return;
      status.hidden = !told.running;
      if (!told.running) status.parentElement.classList.remove("begun");
      status.parentElement.setAttribute("aria-busy", String(told.running));
      const bar = status.querySelector("progress");
      if (told.total) {
        bar.max = told.total;
        bar.value = told.done;
      } else bar.removeAttribute("value");
      const words = told.total ? `${told.done.toLocaleString("en")} of ${told.total.toLocaleString("en")} trials` : "simulating";
      status.querySelector("span").textContent = told.total && told.done >= told.total ? "drawing" : words;
    });
    Shiny.addCustomMessageHandler("opened", (told) => {
      // What was moved in the form before is of the scenario before.
      for (const name of Object.keys(later)) if (name.startsWith("settled-")) forget(name);
      const editor = by("editor"), chosen = by("scenario");
      by("title").textContent = told.title;
      by("form").innerHTML = told.form;
      Linked.leave();
      for (const place of document.querySelectorAll(".part > .shown")) place.replaceChildren();
      editor.value = told.text;
      gutter([]);
      chosen.options[0].textContent = told.edited ? "(edited)" : told.scenario;
      chosen.value = [...chosen.options].some((o) => o.value === told.scenario) ? told.scenario : "";
      for (const link of document.querySelectorAll("#view a[data-value]")) {
        const title = told.offered[link.dataset.value];
        link.parentElement.hidden = title === undefined && link.dataset.value !== told.view;
        link.classList.toggle("disabled", link.parentElement.hidden); // arrow keys pass it by
        if (title !== undefined) link.textContent = title;
      }
      const tab = document.querySelector(`#view a[data-value="${told.view}"]`);
      if (tab && !tab.classList.contains("active")) bootstrap.Tab.getOrCreateInstance(tab).show();
    });
  }

  // On a narrow window the row of views is scrolled to the one that is shown.
  function reach(tab) {
    const bar = tab.closest("#view");
    if (!bar) return;
    const [own, all] = [tab.getBoundingClientRect(), bar.getBoundingClientRect()];
    bar.scrollLeft += own.left + own.width / 2 - all.left - all.width / 2;
  }

  document.addEventListener("shown.bs.tab", (event) => reach(event.target));
  addEventListener("resize", () => {
    const tab = document.querySelector("#view a.active");
    if (tab) reach(tab);
  });

  document.addEventListener("DOMContentLoaded", () => {
    handlers();
    new MutationObserver((changes) => {
      for (const change of changes) for (const node of change.addedNodes) arrived(node);
    }).observe(document.body, { childList: true, subtree: true });
    // Where the form would stand above the results it is folded, also in a window that has just become narrow.
    const narrow = matchMedia("(max-width: 900px)");
    const folds = () => { if (document.body.classList.contains("folded") !== narrow.matches) fold(by("fold")); };
    folds();
    narrow.addEventListener("change", folds);
  });
})();
