// The story: asks for a prediction, shows the answer beside it, and walks from step to step. It computes no result.
"use strict";
(function () {
  // What people say for a number ------------------------------------------------------------------------------------

  // The grammar of protocolsim/text/spoken.py, whose words and patterns stand in the page: what one of the two reads, the other reads.
  let table = null;

  function grammar() {
    if (table) return table;
    table = JSON.parse(document.querySelector("[data-number-words]").dataset.numberWords);
    table.replaced = table.replaced.map(([pattern, by]) => [new RegExp(pattern, "g"), by]);
    for (const name of ["per_cent", "points"]) table[name] = new RegExp(table[name], "g");
    for (const name of ["number", "thousands"]) table[name] = new RegExp(`^(?:${table[name]})$`);
    for (const name of ["marked", "minus"]) table[name] = new RegExp(table[name]);
    return table;
  }

  // A number in digits, or in words up to 999.
  function count(words) {
    const { counts, hundred, number, thousands } = grammar();
    if (words.length === 1) {
      const digits = words[0].replaceAll(",", thousands.test(words[0]) ? "" : ".");
      if (number.test(digits)) return Number(digits);
    }
    const mayFollow = (total, value, word) => value !== 0 && word !== "a" && word !== "an" && total !== 0
      && (value < 10 && total % 100 >= 20 ? total % 10 === 0 : total % 100 === 0);
    let total = 0;
    for (const [k, word] of words.entries()) {
      if (word === hundred && total < 10) {
        total = 100 * Math.max(total, 1);
        continue;
      }
      const value = Object.hasOwn(counts, word) ? counts[word] : null;
      if (value === null || (k > 0 && !mayFollow(total, value, word))) return null;
      total += value;
    }
    return words.length ? total : null;
  }

  // "a half", "two thirds", "third".
  function fraction(words) {
    const { parts } = grammar();
    if (!words.length || !Object.hasOwn(parts, words.at(-1))) return null;
    const over = words.length > 1 ? count(words.slice(0, -1)) : 1;
    return over === null ? null : over / parts[words.at(-1)];
  }

  // So many of so many, a share in one word, a number, a fraction, or a number and a fraction; with whether it is a share.
  function amount(words, filling) {
    const { all, none, joined, plus, marked } = grammar();
    const telling = (some) => some.filter((word) => !filling.has(word));
    const told = telling(words);
    if (words.length && all.includes(words[0]) && (!told.length || (told.length === 1 && told[0] === words[0]))) return [1, true];
    if (told.length === 1 && none.includes(told[0])) return [0, true];
    for (const [k, word] of words.entries()) {
      if (!joined.includes(word)) continue;
      const [over, under] = [count(telling(words.slice(0, k))), count(telling(words.slice(k + 1)))];
      if (over !== null && under) return [over / under, true];
    }
    const at = told.indexOf(plus);
    if (at >= 0) {
      const [whole, rest] = [count(told.slice(0, at)), fraction(told.slice(at + 1))];
      return whole === null || rest === null || rest >= 1 ? null : [whole + rest, false];
    }
    const part = fraction(told);
    if (part !== null) return [part, true];
    const value = count(told);
    return value === null ? null : [value, value <= 1 && marked.test(told[0])];
  }

  // The number that a text means, and how it was said; null where it means none.
  function said(text, unit = "") {
    const { replaced, per_cent, points, minus, all, filling } = grammar();
    let left = text.toLowerCase();
    for (const [pattern, by] of replaced) left = left.replace(pattern, by);
    const withoutPoints = left.replace(points, " ");
    const bare = withoutPoints.replace(per_cent, " ");
    const dropped = new Set([...filling, ...unit.toLowerCase().split(" ")]);
    const words = bare.split(" ").filter(Boolean);
    while (words.length && dropped.has(words[0]) && !all.includes(words[0])) words.shift();
    const signed = words.join(" "), positive = signed.replace(minus, "");
    const found = amount(positive.split(" ").filter(Boolean), dropped);
    if (found === null) return null;
    const value = positive === signed || found[0] === 0 ? found[0] : -found[0];
    return { value, perCent: bare !== withoutPoints, points: withoutPoints !== left, share: found[1] };
  }

  // The same in the unit of the answer; null where it cannot be in it.
  function guessed(text, unit) {
    const number = said(text, unit);
    if (number === null || !Number.isFinite(number.value)) return null;
    const { value, perCent, points, share } = number;
    if (unit !== "%") return (perCent || points) && !unit.startsWith("perc") ? null : value;
    // 0.26 and 26 both say a quarter; what has no decimal mark is per cent.
    const meant = share && !perCent && !points ? 100 * value : value;
    return meant > 100 ? null : meant;
  }

  // Several at once: the numbers, and what is none.
  function guesses(text, unit) {
    const numbers = [], lost = [];
    const pieces = text.replace(/\s+%/g, "%").split(/[;\n]+|,(?=\s)|,$|\s+and\s+/).map((piece) => piece.trim()).filter(Boolean);
    // "0,26" and "26,5" are one number as some write it; "20,30" are two.
    const split = (one) => ((one.match(/,/g) || []).length > 1 || /^[1-9]\d*,\d\d+%?$/.test(one) ? one.split(",") : [one]);
    for (const piece of pieces) {
      const several = /^[-+\d.,%\s]+$/.test(piece) ? piece.split(/\s+/) : [piece];
      for (const each of several.flatMap(split).filter(Boolean)) {
        const value = guessed(each, unit);
        if (value === null) lost.push(each);
        else numbers.push(value);
      }
    }
    return { numbers: numbers.slice(0, 400), lost };
  }

  const shown = (value, unit) => `${Number(value.toFixed(Math.abs(value) >= 10 ? 0 : unit.startsWith("%") || unit.startsWith("perc") ? 1 : 2))}${unit ? " " + unit : ""}`;

  // A step ------------------------------------------------------------------------------------------------------------

  function prediction(form) {
    const { kind, unit } = form.dataset;
    if (kind === "choice") {
      const chosen = form.querySelector("[data-guess]:checked");
      return chosen ? { said: true, choice: Number(chosen.value) } : { said: false };
    }
    const input = form.querySelector("[data-guess]");
    if (kind === "slider") return "touched" in input.dataset ? { said: true, value: Number(input.value) } : { said: false };
    if (!input.value.trim()) return { said: false };
    const value = guessed(input.value, unit);
    return value === null ? { said: false, lost: input.value } : { said: true, value };
  }

  function ofClass(form) {
    const area = form.querySelector("[data-class]");
    if (area) return guesses(area.value, form.dataset.unit);
    const counts = [...form.querySelectorAll("[data-count]")].map((input) => Math.max(0, Math.floor(Number(input.value) || 0)));
    return { counts, numbers: [], lost: [] };
  }

  // What is understood of what was typed, said at once.
  function heard(form) {
    const { unit, kind } = form.dataset;
    const mine = prediction(form), others = ofClass(form), words = [];
    if (mine.lost !== undefined) words.push(`“${mine.lost}” is not understood: ${unit === "%" ? "say 26 %, 0.26, 1/4 or a quarter" : "say a number"}.`);
    else if (mine.said && kind === "number") words.push(`Understood as ${shown(mine.value, unit)}.`);
    if (others.numbers.length) words.push(`${others.numbers.length} prediction${others.numbers.length === 1 ? "" : "s"} of the class.`);
    if (others.lost.length) words.push(`Not understood: ${others.lost.slice(0, 5).join("; ")}.`);
    form.querySelector(".heard").textContent = words.join(" ");
  }

  function verdict(form) {
    const { unit, kind } = form.dataset;
    const mine = prediction(form), others = ofClass(form), words = [];
    if (kind === "choice") {
      const right = Number(form.dataset.right);
      if (mine.said) words.push(mine.choice === right ? "You said so." : `You said: ${form.querySelectorAll("[data-guess]")[mine.choice].parentElement.textContent.trim()}.`);
      const all = others.counts.reduce((sum, count) => sum + count, 0);
      if (all && right >= 0) words.push(`${others.counts[right]} of ${all} in the class said so.`);
    } else {
      const answer = Number(form.dataset.answer);
      if (mine.said) {
        const off = mine.value - answer, points = unit === "%" ? "percentage points" : unit;
        const close = Math.abs(off) < (unit === "%" ? 2.5 : Math.abs(answer) / 20);
        words.push(`You said ${shown(mine.value, unit)}: ${close ? "that is about right." : `${shown(Math.abs(off), points)} too ${off > 0 ? "high" : "low"}.`}`);
      }
      const numbers = [...others.numbers].sort((a, b) => a - b);
      if (numbers.length) {
        const middle = (numbers[Math.floor((numbers.length - 1) / 2)] + numbers[Math.ceil((numbers.length - 1) / 2)]) / 2;
        words.push(`The class: ${numbers.length} prediction${numbers.length === 1 ? "" : "s"} from ${shown(numbers[0], unit)} to ${shown(numbers.at(-1), unit)}, half of them below ${shown(middle, unit)}.`);
      }
    }
    return words.join(" ");
  }

  const SVG = "http://www.w3.org/2000/svg", BINS = 50;

  function drawGuesses(step) {
    const figure = step.querySelector(".dots");
    if (!figure) return;
    const form = step.querySelector("form"), svg = figure.querySelector(".guesses");
    const mine = prediction(form), { numbers } = ofClass(form);
    const low = Number(figure.dataset.low), high = Number(figure.dataset.high);
    const depth = {};
    svg.replaceChildren();
    const add = (value, own) => {
      const place = Math.min(BINS - 1, Math.max(0, Math.floor(((value - low) / (high - low)) * BINS)));
      const y = 11 + 13 * (depth[place] = (depth[place] ?? -1) + 1);
      const mark = document.createElementNS(SVG, own ? "svg" : "circle");
      const x = `${((place + 0.5) * 100) / BINS}%`;
      if (own) {
        mark.setAttribute("x", x);
        mark.setAttribute("y", y);
        mark.setAttribute("overflow", "visible");
        const diamond = document.createElementNS(SVG, "path");
        diamond.setAttribute("d", "M0,-9 9,0 0,9 -9,0z");
        mark.append(diamond);
      } else {
        mark.setAttribute("cx", x);
        mark.setAttribute("cy", y);
        mark.setAttribute("r", 5);
      }
      svg.append(mark);
    };
    if (mine.said && mine.value !== undefined) add(mine.value, true);
    for (const value of numbers) add(value, false);
    const deepest = Math.max(0, ...Object.values(depth).map((n) => n + 1));
    svg.setAttribute("height", deepest ? 13 * deepest + 10 : 0);
    figure.querySelector(".guesses-said").hidden = !deepest;
  }

  function reveal(step, anyway) {
    const form = step.querySelector("form"), said = form.querySelector(".heard");
    if (step.classList.contains("shown")) return;
    const others = ofClass(form);
    const any = prediction(form).said || others.numbers.length || (others.counts || []).some(Boolean);
    if (!any && !anyway && !("asked" in form.dataset)) {
      form.dataset.asked = "";
      said.textContent = "Say first what you expect. Or press again to see it without.";
      return;
    }
    step.classList.add("shown");
    if (!any) said.textContent = "";
    step.querySelector(".verdict").textContent = verdict(form);
    step.querySelector(".answer").hidden = false;
    drawGuesses(step);
    step.querySelector(".answer h3").focus();
  }

  // The story ---------------------------------------------------------------------------------------------------------

  const steps = (story) => [...story.querySelectorAll("[data-step]")];
  const at = (story) => steps(story).findIndex((step) => !step.hidden);

  function go(story, place) {
    const all = steps(story);
    if (place < 0) return begin();
    if (place >= all.length) return;
    all.forEach((step, k) => { step.hidden = k !== place; });
    story.querySelectorAll("[data-go]").forEach((button, k) => {
      if (k === place) button.setAttribute("aria-current", "step");
      else button.removeAttribute("aria-current");
    });
    all[place].querySelector("h2").focus({ preventScroll: true });
    if (story.classList.contains("presenting")) story.scrollTop = 0;
    else story.scrollIntoView({ block: "start" });
  }

  // In a file of its own the opening and the story take turns; on the page each has its tab.
  function begin() {
    const later = document.querySelector("[data-later]"), opening = document.querySelector("[data-opening]");
    if (!later || !opening) return document.querySelector('#view a[data-value="opening"]')?.click();
    later.hidden = true;
    opening.hidden = false;
    opening.querySelector("[data-tell]").focus();
  }

  let awaited = false;

  function tell() {
    const tab = document.querySelector('#view a[data-value="story"]');
    const later = document.querySelector("[data-later]");
    if (tab) tab.click();
    if (later) {
      later.hidden = false;
      document.querySelector("[data-opening]").hidden = true;
    }
    awaited = true;
    arrived();
  }

  // A story that is being made is told once it is there.
  function arrived() {
    const story = document.querySelector("[data-story]");
    if (!awaited || !story || story.offsetParent === null) return;
    awaited = false;
    go(story, Math.max(0, at(story)));
  }

  function present(story, on) {
    story.classList.toggle("presenting", on);
    story.querySelector("[data-present]").textContent = on ? "End" : "Present";
    story.querySelector("[data-present]").setAttribute("aria-pressed", String(on));
    if (on && story.requestFullscreen) story.requestFullscreen().catch(() => {});
    if (!on && document.fullscreenElement) document.exitFullscreen().catch(() => {});
    go(story, at(story));
  }

  function light() {
    const root = document.documentElement;
    root.dataset.bsTheme = root.dataset.bsTheme === "dark" ? "light" : "dark";
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if ("tell" in button.dataset) return tell();
    const story = button.closest("[data-story]");
    if (!story) return;
    if (button.dataset.go !== undefined) go(story, Number(button.dataset.go));
    else if (button.dataset.by !== undefined) go(story, at(story) + Number(button.dataset.by));
    else if ("present" in button.dataset) present(story, !story.classList.contains("presenting"));
    else if ("light" in button.dataset) {
      light();
      // Space is to show the answer next, not to press this again.
      steps(story)[at(story)].querySelector("h2").focus({ preventScroll: true });
    }
  });

  document.addEventListener("submit", (event) => {
    if (!event.target.matches("form.predict")) return;
    event.preventDefault();
    reveal(event.target.closest("[data-step]"), false);
  });

  document.addEventListener("input", (event) => {
    const form = event.target.closest("form.predict");
    if (!form) return;
    if (event.target.matches("input[type=range]")) {
      event.target.dataset.touched = "";
      const said = shown(Number(event.target.value), form.dataset.unit);
      form.querySelector("output").textContent = said;
      event.target.setAttribute("aria-valuetext", said);
    }
    heard(form);
    const step = form.closest("[data-step]");
    if (step.classList.contains("shown")) {
      step.querySelector(".verdict").textContent = verdict(form);
      drawGuesses(step);
    }
  });

  // Single letters act only in the story, and space only in front of a class: elsewhere it scrolls.
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const story = document.querySelector("[data-story].presenting") || event.target.closest?.("[data-story]");
    if (!story || story.offsetParent === null && !story.classList.contains("presenting")) return;
    const typing = event.target.matches("input[type=text], input[type=number], textarea, select");
    const presenting = story.classList.contains("presenting");
    if (event.key === "Escape" && presenting) return present(story, false);
    if (typing) return;
    if (event.key === "n") go(story, at(story) + 1);
    else if (event.key === "p" && at(story) > 0) go(story, at(story) - 1);
    else if (event.key === " " && presenting && !event.target.matches("button, summary, a, input[type=radio]")) {
      event.preventDefault();
      reveal(steps(story)[at(story)], true);
    }
  });

  document.addEventListener("fullscreenchange", () => {
    const story = document.querySelector("[data-story].presenting");
    if (story && !document.fullscreenElement && "full" in story.dataset) present(story, false);
    if (story) story.toggleAttribute("data-full", Boolean(document.fullscreenElement));
  });

  document.addEventListener("DOMContentLoaded", () => {
    if (document.body.classList.contains("story-file") && matchMedia("(prefers-color-scheme: dark)").matches) light();
    new MutationObserver(() => { if (awaited) arrived(); }).observe(document.body, { childList: true, subtree: true });
  });

  window.protocolsimStory = { said, guessed, guesses };
})();
