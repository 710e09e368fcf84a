// The story: asks for a prediction, shows the answer beside it, and walks from step to step. It computes no result.
"use strict";
(function () {
  // What people say for a number ------------------------------------------------------------------------------------

  const COUNTS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty"];
  const TENS = { thirty: 30, forty: 40, fifty: 50, sixty: 60, seventy: 70, eighty: 80, ninety: 90, hundred: 100 };
  const PARTS = { half: 2, halve: 2, third: 3, quarter: 4, fourth: 4, fifth: 5, sixth: 6, seventh: 7, eighth: 8, ninth: 9, tenth: 10 };
  const NUMBER = /^[+-]?(\d+([.,]\d+)?|[.,]\d+)$/;

  function counted(word) {
    if (NUMBER.test(word)) return Number(word.replace(",", "."));
    if (word === "a" || word === "an") return 1;
    if (COUNTS.includes(word)) return COUNTS.indexOf(word);
    if (word in TENS) return TENS[word];
    const [tens, ones] = word.split("-");
    if (tens in TENS || tens === "twenty") {
      const small = COUNTS.indexOf(ones);
      if (small > 0 && small < 10) return (TENS[tens] || 20) + small;
    }
    return null;
  }

  // The number that is meant, in the unit of the answer; null where it is none.
  function guessed(text, unit) {
    let said = text.toLowerCase().replace(/\u2212/g, "-").replace(/^(about|around|roughly|approximately|some|nearly|almost|ca\.?|~)\s*/, "").trim();
    let scale = unit === "%" ? null : 1;
    const share = /\s*(%|per ?cent|pct)(\s+of.*)?$/;
    if (share.test(said)) {
      if (unit !== "%") return null;
      said = said.replace(share, "").trim();
      scale = 1;
    } else if (unit && unit !== "%" && said.endsWith(unit.toLowerCase())) said = said.slice(0, -unit.length).trim();
    if (/^(none|nobody|no one|nothing)$/.test(said)) return 0;
    if (/^(all|everyone|everybody)$/.test(said)) return unit === "%" ? 100 : null;
    const ratio = said.match(/^(\S+)\s*(?:\/|\bof\b|\bin\b|\bout of\b|\bout\s+of\b)\s*(\S+)$/) || said.match(/^([^\s/]+)\/([^\s/]+)$/);
    if (ratio) {
      const [top, whole] = [counted(ratio[1]), counted(ratio[2])];
      return top === null || !whole ? null : within((top / whole) * (unit === "%" ? 100 : 1), unit);
    }
    const part = said.match(/^(?:(\S+?)[\s-]+)?(?:of\s+)?([a-z]+?)(?:s)?$/);
    if (part && part[2] in PARTS) {
      const top = part[1] ? counted(part[1]) : 1;
      return top === null ? null : within((top / PARTS[part[2]]) * (unit === "%" ? 100 : 1), unit);
    }
    const value = counted(said);
    if (value === null) return null;
    // 0.26 and 26 both say a quarter; what has no point and no sign of per cent is per cent.
    if (scale === null) scale = /[.,]/.test(said) && Math.abs(value) <= 1 ? 100 : 1;
    return within(value * scale, unit);
  }

  const within = (value, unit) => (!Number.isFinite(value) || (unit === "%" && value > 100) ? null : value);

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
    if (!later || !opening) return;
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

  window.protocolsimStory = { guessed, guesses };
})();
