/* The book's part: a still picture comes to life when it comes into view. Works from a server and from a folder. */

const BESIDE = document.currentScript.src;
const waiting = new Map();

function fail(host, error) {
  host.querySelector(".explorer-hint").textContent =
    "This explorer could not be loaded, so its still picture stays. Reload the page to try again.";
  host.dataset.failed = String(error);
}

/* A script tag reaches a file beside a page that was opened from a folder; nothing else does. */
function load(host) {
  const { explorer: name } = host.dataset;
  if (waiting.has(name)) {
    waiting.get(name).push(host);
    return;
  }
  waiting.set(name, [host]);
  const script = element("script", { src: new URL(`${name}.js`, BESIDE).href });
  script.addEventListener("error", () => waiting.get(name).forEach((each) => fail(each, "not found")));
  document.head.append(script);
}

/* An explorer is taller than its still. Where it begins above the window, what is read stands below it and must not move:
   a heading that a link has led to, a text that was scrolled back to. Not every browser sees to that by itself. */
function keepPlace(host, change) {
  const { top, bottom } = host.getBoundingClientRect();
  change();
  if (top < 0) scrollBy({ top: host.getBoundingClientRect().bottom - bottom, behavior: "instant" });
}

/* Called by the file of an explorer, with what it shows and its weights. */
window.companionExplorer = (facts, weights) => {
  const bytes = bytesOfBase64(weights);
  for (const host of waiting.get(facts.name) || []) {
    try {
      keepPlace(host, () => {
        host.moveExplorer = mountExplorer(host, facts, bytes);
        host.classList.add("is-live");
      });
    } catch (error) {
      fail(host, error);
    }
  }
};

function watchForExplorers() {
  const observer = new IntersectionObserver(
    (entries) =>
      entries.filter((entry) => entry.isIntersecting).forEach(({ target }) => {
        observer.unobserve(target);
        load(target);
      }),
    { rootMargin: "200px" },
  );
  document.querySelectorAll("[data-explorer]").forEach((host) => observer.observe(host));
}

if (document.readyState === "loading") addEventListener("DOMContentLoaded", watchForExplorers);
else watchForExplorers();
