/* What the trainer looks like, beside the style that all explorers share. Both schemes: its colours are told apart on either. */
const TRAINER_STYLE = `
.explorer-live.trainer { max-width: 900px; contain: layout; --fit: #2b83c6; --pull: #d55e00; }
.trainer-bar { display: flex; flex-wrap: wrap; gap: 0.5rem; align-items: center; margin: 0.5rem 0; }
.trainer .explorer-button { min-height: 36px; padding: 0.2rem 0.8rem; }
.trainer .trainer-play { min-width: 7.2rem; display: inline-flex; gap: 0.5rem; align-items: center; justify-content: center; font-weight: 700; color: #fff; background: #0b62a4; border-color: #0b62a4; }
.trainer .trainer-play:hover { background: #084c80; }
.trainer-stage { display: grid; grid-template-columns: minmax(0, 1.1fr) minmax(0, 1fr); gap: 1rem; margin: 0.75rem 0; }
.trainer-side { display: flex; flex-direction: column; gap: 0.6rem; min-width: 0; }
.trainer-plane { position: relative; aspect-ratio: 1; width: 100%; background: var(--explorer-ground); }
.trainer-plane .explorer-plane { position: absolute; inset: 0; width: 100%; height: 100%; }
.trainer-plane .explorer-ground { fill: transparent; }
.trainer-dots { position: absolute; inset: 0; width: 100%; height: 100%; }
.trainer-prior circle { stroke: currentcolor; opacity: 0.45; stroke-dasharray: 3 4; }
.trainer-narrow { fill: var(--explorer-accent); fill-opacity: 0.28; stroke: currentcolor; stroke-width: 1.6; }
.trainer-wide { fill: none; stroke: currentcolor; stroke-width: 1; stroke-dasharray: 2 2; }
.trainer-heart { fill: currentcolor; stroke: var(--explorer-ground); stroke-width: 1.5; }
.trainer-point { fill: none; stroke: var(--explorer-accent); stroke-width: 2.4; }
.trainer-halo { fill: none; stroke: var(--explorer-ground); stroke-width: 7; stroke-linejoin: round; }
.trainer-pull { stroke-width: 3; stroke-linejoin: round; }
.trainer-pull.trainer-reconstruction { stroke: var(--fit); fill: var(--fit); }
.trainer-pull.trainer-prior { stroke: var(--pull); fill: var(--pull); }
.trainer .trainer-strip { display: block; width: 100%; height: auto; }
.trainer-pairs { display: grid; grid-template-columns: minmax(0, 2.1fr) minmax(0, 1fr); gap: 0.9rem; }
.trainer .trainer-manifold { display: block; width: 100%; height: auto; }
.trainer-own { display: flex; flex-direction: column; gap: 0.25rem; font-size: 0.85em; line-height: 1.3; }
.trainer-own .explorer-pair { gap: 0.3rem; }
.trainer-single { width: 50px; height: 50px; }
.trainer-singles { display: flex; flex-direction: column; gap: 0.7rem; }
.trainer-curves { display: grid; grid-template-columns: minmax(0, 1fr) auto minmax(0, 1fr) auto minmax(0, 1fr); gap: 0.3rem; }
.trainer-curve { display: block; width: 100%; height: auto; border: 1px solid var(--explorer-line); }
.trainer-term { display: flex; justify-content: space-between; align-items: baseline; flex-wrap: wrap; gap: 0 0.4rem;
  font-size: 0.9em; border-bottom: 3px solid currentcolor; margin-bottom: 0.25rem; }
.trainer-term.trainer-reconstruction { border-color: var(--fit); }
.trainer-term.trainer-prior { border-color: var(--pull); }
.trainer-nats { font-size: 1.25em; font-variant-numeric: tabular-nums; }
.trainer-sign { font-weight: 700; font-size: 1.2em; line-height: 1.3; }
.trainer-line { fill: none; stroke: currentcolor; stroke-width: 2; stroke-linejoin: round; }
.trainer-line.trainer-reconstruction { stroke: var(--fit); }
.trainer-line.trainer-prior { stroke: var(--pull); }
.trainer-held { stroke-dasharray: 4 3; }
.trainer-key { font-size: 0.85em; margin: 0.25rem 0 0; }
.trainer .trainer-settings { display: flex; flex-wrap: wrap; gap: 0.4rem 1.2rem; align-items: center; margin: 0.5rem 0; }
.trainer .explorer-readout { min-height: 4.5em; margin-top: 0.75rem; }
.trainer-beta label { min-width: 0; font-weight: 600; }
.trainer-beta input { width: min(18rem, 60vw); flex: 0 1 auto; }
@media (max-width: 576px) {
  .trainer-stage { grid-template-columns: minmax(0, 1fr); }
  .trainer-sign { display: none; }
  .trainer-curves { grid-template-columns: repeat(3, minmax(0, 1fr)); }
  .trainer-term { font-size: 0.75em; min-height: 3.6em; align-content: flex-end; }
}
`;
