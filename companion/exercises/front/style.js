/* How boxes look, in the theme's colours, light and dark. */

const STYLE = `
.answer-live { max-width: 720px; margin: 1rem 0; padding: 0.75rem 1rem; border: 1px solid var(--pst-color-border);
  border-left: 0.25rem solid var(--pst-color-primary); border-radius: 0.375rem; color: var(--pst-color-text-base);
  background: var(--pst-color-background); }
.answer-title { font-weight: 600; margin: 0 0 0.25rem; }
.answer-row { display: flex; flex-wrap: wrap; gap: 0.4rem 0.6rem; align-items: center; margin: 0.4rem 0 0; }
.answer-row label { flex-basis: 100%; margin: 0; }
.answer-field { width: 12rem; max-width: 45%; }
.answer-field, .answer-button { font: inherit; min-height: 32px; padding: 0.1rem 0.6rem; color: inherit;
  background: var(--pst-color-surface); border: 1px solid var(--pst-color-text-muted); border-radius: 0.25rem; }
.answer-button { cursor: pointer; }
.answer-live :is(button, input):focus-visible { outline: 3px solid var(--pst-color-primary); outline-offset: 2px; }
.bd-article .answer-line { margin: 0.5rem 0 0; overflow-wrap: anywhere; }
@media print { .answer-live { display: none !important; } }
@media screen { .answer-box.is-live > .answer-instead { display: none; } }
`;
