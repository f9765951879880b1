/* Elements of a page, for explorers and for answers to exercises. */

const SVG = "http://www.w3.org/2000/svg";

function put(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

const element = (tag, attributes = {}, ...children) => put(document.createElement(tag), attributes, children);
const drawn = (tag, attributes = {}, ...children) => put(document.createElementNS(SVG, tag), attributes, children);

let lastId = 0;
const newId = () => `explorer-part-${(lastId += 1)}`;

/* Have the browser save a file of that name. */
function download(name, content) {
  const address = URL.createObjectURL(new Blob([content], { type: "application/octet-stream" }));
  element("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
