/* The book's part: every place that was left for an answer gets its box. Works from a server and from a folder. */

const PLACES = {
  "[data-answer-box]": (host) => mountBox(host, JSON.parse(host.querySelector("script").textContent)),
  "[data-answer-progress]": mountProgress,
};

function mountAnswers() {
  document.head.append(element("style", {}, STYLE));
  for (const [selector, mount] of Object.entries(PLACES)) {
    for (const host of document.querySelectorAll(selector)) {
      mount(host);
      host.classList.add("is-live");
    }
  }
}

function start() {
  if (document.readyState === "loading") addEventListener("DOMContentLoaded", mountAnswers);
  else mountAnswers();
}
