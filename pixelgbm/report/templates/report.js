"use strict";
const form = document.querySelector(".filter");
const articles = [...document.querySelectorAll(".gallery article")];

function filter() {
  const wanted = Object.fromEntries(new FormData(form));
  let shown = 0;
  for (const article of articles) {
    const { kinds, level, id } = article.dataset;
    const fits = (!wanted.kind || kinds.split("|").includes(wanted.kind))
      && (!wanted.level || level === wanted.level)
      && id.includes((wanted.id || "").trim());
    article.hidden = !fits;
    shown += fits;
  }
  form.querySelector("output").value = `${shown} of ${articles.length} images`;
}

if (form) {
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
}

const zoom = document.querySelector("#zoom");
const stage = zoom.querySelector("div");
let buttons = [], place = 0;

function show(step) {
  place = (place + step + buttons.length) % buttons.length;
  zoom.querySelector("span").textContent = buttons[place].dataset.title;
  const picture = buttons[place].firstElementChild.cloneNode(true);
  const { width, height } = picture.viewBox.baseVal;
  zoom.style.width = `min(96vw, ${(84 * width) / height}vh + 1.2rem)`; // as much as shows all of it
  stage.replaceChildren(picture);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest(".panels button");
  if (button) {
    buttons = [...button.closest(".panels").querySelectorAll("button")];
    place = buttons.indexOf(button);
    stage.classList.remove("close-up");
    show(0);
    zoom.showModal();
  } else if (event.target === zoom || event.target.closest("[data-close]")) {
    zoom.close();
  } else if (stage.contains(event.target)) {
    stage.classList.toggle("close-up");
  }
});

zoom.addEventListener("keydown", (event) => {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (step) show(step);
});
