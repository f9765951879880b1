/* The box under an exercise: a field, the check, hints. */

/* A text of Python as nodes: what stands between backticks is code, between asterisks emphasis. */
function inWords(text) {
  return text.split(/(`[^`]+`|\*\w+\*)/).filter(Boolean).map((part) => {
    if (part.length > 2 && part[0] === "`") return element("code", {}, part.slice(1, -1));
    return part.length > 2 && part[0] === "*" && part.at(-1) === "*" ? element("em", {}, part.slice(1, -1)) : part;
  });
}

const said = (first, rest = "") =>
  element("p", { class: "answer-line" }, ...(first ? [element("strong", {}, first)] : []), ...inWords(rest));

/* The lines that tell a verdict. */
function told({ verdict, hint }, typed, { unit }) {
  if (verdict === "nothing") return [said("Nothing to check yet. ", "Write your answer into the field.")];
  if (verdict === "passed") return [said("Passed.")];
  const lines = [said("Not yet. ", `You gave ${typed}; the exercise asks for ${unit}.`)];
  const otherwise = "This number is none of the usual mistakes. The button *Hint* gives a hint.";
  return [...lines, hint ? said("Hint: ", hint) : said("", otherwise)];
}

/* The button's hints, one after the other. */
function hintButton({ hints }, place) {
  let given = 0;
  const show = () => {
    const isLeft = given < hints.length;
    if (isLeft) given += 1;
    else place.querySelector(".answer-no-more")?.remove();
    const line = isLeft
      ? said(`Hint ${given} of ${hints.length}: `, hints[given - 1])
      : said("No hint is left. ", "A notebook shows a solution after an attempt, where your copy of the book has it.");
    if (!isLeft) line.classList.add("answer-no-more");
    place.append(line);
  };
  return element("button", { type: "button", class: "answer-button", onclick: show }, "Hint");
}

/* Build the box of the exercise that `facts` describe into `host`. */
function mountBox(host, facts) {
  const judge = makeJudge(facts);
  const id = `answer-to-${facts.name}`;
  const quiet = { autocomplete: "off", autocapitalize: "off", spellcheck: "false" };
  const field = element("input", { id, type: "text", class: "answer-field", maxlength: 60, ...quiet });
  const verdict = element("div", { role: "status" });
  const hints = element("div", { "aria-live": "polite" });
  const check = (event) => {
    event.preventDefault();
    const result = judge(field.value);
    if (result.verdict !== "nothing") noteAnswer(facts.name, field.value.trim(), result.verdict === "passed");
    verdict.replaceChildren(...told(result, field.value.trim(), facts));
    verdict.dataset.verdict = result.verdict;
  };
  const restore = () => {
    const { passed, answer } = answerOf(facts.name);
    field.value = answer;
    verdict.replaceChildren(...(passed ? [said("Passed", ` on this page with ${answer}.`)] : []));
  };
  host.append(
    element("form", { class: "answer-live", "aria-labelledby": `${id}-title`, onsubmit: check },
      element("div", { class: "answer-title", id: `${id}-title` }, `Check it here: ${facts.title}`),
      element("div", { class: "answer-row" },
        element("label", { for: id }, `Your answer, ${facts.unit}`), field,
        element("button", { type: "submit", class: "answer-button" }, "Check"), hintButton(facts, hints)),
      verdict, hints),
  );
  whenCleared.push(restore);
  restore();
}
