/* How an explorer comes to stand in a page. Each explorer is a function `explore.NAME`, defined in a file of its own. */

const STYLE = `
.explorer-live { color: var(--pst-color-text-base, var(--jp-ui-font-color1, CanvasText)); margin: 1rem 0; max-width: 720px;
  background: var(--pst-color-background, var(--jp-layout-color1, Canvas));
  border: 1px solid var(--explorer-line); border-radius: 0.375rem; padding: 0.75rem 1rem;
  --explorer-line: var(--pst-color-border, var(--jp-border-color1, #999));
  --explorer-accent: var(--pst-color-primary, var(--jp-brand-color1, #0072b2));
  --explorer-ground: var(--pst-color-surface, var(--jp-layout-color2, Canvas)); }
.explorer-title { font-weight: 600; margin: 0 0 0.25rem; }
.explorer-help { margin: 0 0 0.75rem; font-size: 0.9em; }
.explorer-row { display: flex; flex-wrap: wrap; gap: 0.75rem 0.6rem; align-items: flex-start; margin: 0.5rem 0; }
.explorer-pair { display: flex; gap: 0.5rem; align-items: flex-start; max-width: 100%; }
.explorer-column { display: flex; flex-direction: column; gap: 0.4rem; min-width: 0; max-width: 100%; }
.explorer-caption { font-size: 0.9em; font-weight: 600; }
.explorer-plane { max-width: 100%; min-width: 150px; height: auto; display: block; touch-action: none; cursor: crosshair;
  border: 1px solid var(--explorer-line); user-select: none; -webkit-user-select: none; }
.explorer-plane:focus-visible, .explorer-live :is(button, select, input):focus-visible {
  outline: 3px solid var(--explorer-accent); outline-offset: 2px; }
.explorer-ground { fill: var(--explorer-ground); }
.explorer-axis { stroke: var(--explorer-line); stroke-width: 1; }
.explorer-tick { font-size: 11px; fill: currentcolor; }
.explorer-word { font-size: 15px; font-weight: 700; fill: currentcolor; stroke: var(--explorer-ground); stroke-width: 3;
  paint-order: stroke; }
.explorer-marker { fill: var(--explorer-accent); stroke: #fff; stroke-width: 2; paint-order: stroke; }
.explorer-curve { fill: none; stroke: currentcolor; stroke-width: 1.6; }
.explorer-way { fill: none; stroke: currentcolor; stroke-width: 1.5; stroke-dasharray: 5 3; }
.explorer-picture.explorer-large { width: 208px; height: 208px; }
.explorer-picture.explorer-grid { width: 392px; height: auto; }
.explorer-strip { display: flex; flex-wrap: wrap; gap: 0.4rem; margin: 0.5rem 0; }
.explorer-strip .explorer-picture { width: 54px; height: 54px; display: block; }
.explorer-strip .explorer-caption { text-align: center; }
.explorer-cell { stroke: var(--explorer-line); }
.explorer-cursor { fill: none; stroke: #000; stroke-width: 3; }
.explorer-painted { fill: none; stroke: #0072b2; stroke-width: 2.5; }
.explorer-number { font-size: 13px; text-anchor: middle; fill: #000; }
.explorer-palette { display: flex; flex-wrap: wrap; gap: 0.25rem; margin: 0.5rem 0; padding: 0; border: 0; min-width: 0; }
.explorer-palette legend { float: none; font-size: 0.9em; font-weight: 600; margin: 0 0 0.3rem; padding: 0; width: auto; }
.explorer-tile { position: relative; display: block; width: 34px; cursor: pointer; }
.explorer-tile input { appearance: none; position: absolute; inset: 0; margin: 0; width: 100%; height: 100%; cursor: pointer;
  border: 1px solid var(--explorer-line); border-radius: 0.25rem; }
.explorer-tile input:checked { border: 3px solid currentcolor; }
.explorer-tile-name { display: block; text-align: center; color: #000; font-size: 13px; line-height: 24px;
  border-radius: 0.25rem 0.25rem 0 0; }
.explorer-tile .explorer-picture { display: block; width: 100%; height: 34px; border: 0; border-radius: 0 0 0.25rem 0.25rem; }
.explorer-drawing { max-width: 100%; height: auto; display: block; border: 1px solid var(--explorer-line); }
.explorer-strong { fill: none; stroke: var(--explorer-accent); stroke-width: 3; }
.explorer-thread { stroke: var(--explorer-line); stroke-width: 1; }
.explorer-dot { fill: currentcolor; }
.explorer-arrow { fill: none; stroke: currentcolor; stroke-width: 1.4; }
.explorer-stem { stroke: currentcolor; stroke-width: 1.6; }
.explorer-label { font-size: 12px; fill: currentcolor; stroke: var(--explorer-ground); stroke-width: 3; paint-order: stroke; }
.explorer-bar-a { fill: #56b4e9; } .explorer-bar-b { fill: #e69f00; } .explorer-bar-c { fill: #cc79a7; }
.explorer-picture { width: 96px; height: 96px; image-rendering: pixelated; border: 1px solid var(--explorer-line);
  background: #fff; max-width: 100%; }
.explorer-slider, .explorer-choice { display: flex; flex-wrap: wrap; align-items: center; gap: 0.25rem 0.6rem; }
.explorer-tick-box { display: flex; align-items: center; gap: 0.4rem; }
.explorer-tick-box input { width: 24px; height: 24px; margin: 0; accent-color: var(--explorer-accent); }
.explorer-draws { display: grid; grid-template-columns: repeat(4, minmax(0, 84px)); margin: 0; }
.explorer-draws .explorer-picture { width: 100%; height: auto; }
.explorer-slider label { min-width: 5.5rem; }
.explorer-slider input { width: 12rem; max-width: 100%; min-height: 24px; accent-color: var(--explorer-accent); margin: 0; }
.explorer-value { font-variant-numeric: tabular-nums; min-width: 4rem; }
.explorer-choice select, .explorer-button { font: inherit; min-height: 28px; padding: 0.1rem 0.6rem; color: inherit;
  background: var(--explorer-ground); border: 1px solid var(--explorer-line); border-radius: 0.25rem; }
.explorer-button { cursor: pointer; }
.explorer-button[aria-disabled="true"] { cursor: default; border-style: dashed; }
.explorer-button[aria-pressed="true"] { border: 2px solid currentcolor; font-weight: 700; }
.explorer-readout { margin: 0.5rem 0 0; white-space: pre-line; font-variant-numeric: tabular-nums; min-height: 3em; }
.explorer-heard { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); margin: 0; }
.explorer-live { position: relative; }
@media (max-width: 576px) { .explorer-live { padding: 0.5rem; } .explorer-picture { width: 84px; height: 84px; } }
@media print { .explorer-live { display: none !important; } }
@media screen { .explorer.is-live > :is(.explorer-still, .explorer-hint) { display: none; } }
`;

function addStyle(node) {
  const root = node.getRootNode();
  const place = root instanceof ShadowRoot ? root : document.head;
  if (!place.querySelector("style.explorer-style")) {
    place.append(element("style", { class: "explorer-style" }, STYLE));
  }
}

/*
 * Build the explorer that `facts` name into `host`. `notify` is told what was moved; what is returned moves it from
 * outside.
 */
function mountExplorer(host, facts, weights, state = {}, notify = () => {}) {
  const build = explore[facts.name];
  if (!build) throw new Error(`the front end knows no explorer ${facts.name}`);
  addStyle(host);
  const arrays = unpackArrays(weights, facts.arrays);
  const decoders = {};
  for (const [name, steps] of Object.entries(facts.decoders)) decoders[name] = makeDecoder(steps, arrays);
  const current = { ...facts.start, ...state };
  const id = newId();
  const live = element("div", { class: "explorer-live", role: "group", "aria-labelledby": id });
  // JupyterLab takes arrow keys and Enter for itself, unless the very element that has the focus says no.
  live.addEventListener("focusin", ({ target }) => { target.dataset.lmSuppressShortcuts = "true"; });
  live.append(element("div", { class: "explorer-title", id }, facts.title));
  // Whoever moves something hands over what is new, and everything is drawn again: no two parts can disagree.
  const move = (changes) => {
    Object.assign(current, changes);
    draw();
    notify({ ...current });
  };
  const draw = build(live, { facts, shown: facts.shown, decoders, state: current, move });
  draw();
  host.append(live);
  return (outer) => {
    Object.assign(current, outer);
    draw();
  };
}

/* The widget, for anywidget: `model` holds what Python holds. */
function renderWidget({ model, el }) {
  let own = "";
  const set = mountExplorer(el, model.get("facts"), model.get("weights"), model.get("state"), (state) => {
    own = JSON.stringify(state);
    model.set("state", state);
    model.save_changes();
  });
  const follow = () => {
    // What comes back is often what was just sent; drawing it again could undo a move made since.
    if (JSON.stringify(model.get("state")) === own) return;
    own = "";
    set(model.get("state"));
  };
  model.on("change:state", follow);
  return () => model.off("change:state", follow);
}
