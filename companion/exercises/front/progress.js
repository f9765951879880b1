/* What was answered on the pages: kept by this browser, shown, saved as a file, cleared. */

const KEPT_AS = "companion-answers";
const whenWritten = [];
const whenCleared = [];
// A browser that keeps nothing for pages, or not for those from a folder, forgets when the page is left.
let unkept = null;

function readAnswers() {
  if (unkept) return unkept;
  try {
    const kept = JSON.parse(localStorage.getItem(KEPT_AS) || "{}");
    return kept && typeof kept === "object" && !Array.isArray(kept) ? kept : {};
  } catch (error) {
    if (!(error instanceof SyntaxError)) unkept = {};
    return {};
  }
}

function writeAnswers(answers) {
  try {
    localStorage.setItem(KEPT_AS, JSON.stringify(answers));
  } catch {
    unkept = answers;
  }
  whenWritten.forEach((hear) => hear());
}

const answerOf = (name) => ({ passed: false, attempts: 0, answer: "", ...readAnswers()[name] });

function noteAnswer(name, answer, passed) {
  const before = answerOf(name);
  const now = { passed: before.passed || passed, attempts: before.attempts + 1, answer };
  // What passed stays: a later try of another number does not replace it.
  writeAnswers({ ...readAnswers(), [name]: before.passed && !passed ? { ...now, answer: before.answer } : now });
}

const listed = (words) => words.join(", ").replace(/, ([^,]*)$/, " and $1");

function progressInWords() {
  const names = Object.keys(CHAPTERS);
  const passed = names.filter((name) => answerOf(name).passed);
  const chapters = [...new Set(passed.map((name) => CHAPTERS[name]))].sort();
  const where = chapters.length ? `, in chapter${chapters.length > 1 ? "s" : ""} ${listed(chapters)}` : "";
  const kept = unkept
    ? "Your browser keeps nothing for this page, so this is forgotten when you leave."
    : "Your browser keeps this, and nothing is sent.";
  return `You have passed ${passed.length} of ${names.length} *compute* exercises on the pages${where}. ${kept}`;
}

function saveAnswers() {
  const given = Object.keys(CHAPTERS).filter((name) => readAnswers()[name]);
  const answers = Object.fromEntries(given.map((name) => [name, answerOf(name)]));
  download("answers.json", JSON.stringify({ book: document.title.split(" — ").pop(), answers }, null, 2));
}

/* The line and the buttons in `host`. */
function mountProgress(host) {
  const line = element("p", { class: "answer-line", role: "status" });
  let shown = "";
  const show = () => {
    const words = progressInWords();
    // A line that says the same as before is not read aloud again.
    if (words !== shown) line.replaceChildren(...inWords(words));
    shown = words;
  };
  const clear = () => {
    if (!confirm("Forget all answers that you gave on the pages of this book?")) return;
    writeAnswers({});
    whenCleared.forEach((hear) => hear());
  };
  const button = (words, onclick) => element("button", { type: "button", class: "answer-button", onclick }, words);
  const buttons = [button("Save my progress as a file", saveAnswers), button("Clear my progress", clear)];
  const name = "Your progress on the pages";
  host.append(
    element("div", { class: "answer-live", role: "group", "aria-label": name }, line,
      element("div", { class: "answer-row" }, ...buttons)),
  );
  whenWritten.push(show);
  show();
}
