/* The book's own script: what the keyboard and paper need and the theme leaves out. The pages can be read without it. */

(function () {
  "use strict";

  /* ---- Formulas and tables that scroll sideways: the arrow keys move what the Tab key has reached ------------- */

  const SCROLLING = {
    ".drawn-equation-body, .drawn-math.wide-math": "Formula, scrolls sideways",
    ".wide-table, .pst-scrollable-table-container": "Table, scrolls sideways",
    ".cell_output .output.text_html": "Output, scrolls sideways",
  };

  function giveTabStop(element, name) {
    if (element.scrollWidth > element.clientWidth) {
      element.tabIndex = 0;
      element.setAttribute("role", "group");
      element.setAttribute("aria-label", name);
    } else {
      ["tabindex", "role", "aria-label"].forEach((attribute) => element.removeAttribute(attribute));
    }
  }

  function watchWidths() {
    const names = new Map();
    const observer = new ResizeObserver((entries) =>
      entries.forEach(({ target }) => giveTabStop(target, names.get(target))),
    );
    for (const [selector, name] of Object.entries(SCROLLING)) {
      for (const element of document.querySelectorAll(selector)) {
        names.set(element, name);
        observer.observe(element);
      }
    }
  }

  /* ---- Drawers: the theme takes the focus away from the button that opened them ------------------------------- */

  const DRAWERS = ["primary", "secondary"];

  const isWide = () => matchMedia("(min-width: 992px)").matches;
  const drawer = (side) => document.getElementById(`pst-${side}-sidebar-modal`);

  function tellState() {
    const sidebar = document.getElementById("pst-primary-sidebar");
    const button = document.querySelector(".primary-toggle");
    if (button && sidebar) {
      const open = isWide() && !sidebar.classList.contains("pst-sidebar-hidden");
      button.setAttribute("aria-expanded", String(open));
    }
  }

  function keepFocus(event) {
    const button = event.target.closest("button");
    const byKeyboard = event.detail === 0;
    if (!button || !byKeyboard) return;
    // The theme's own listener on the button runs first and blurs it.
    setTimeout(() => {
      if (document.activeElement === document.body) button.focus({ preventScroll: true });
    });
  }

  function setUpDrawer(side) {
    const dialog = drawer(side);
    const opener = document.querySelector(`.${side}-toggle`);
    if (!dialog || !opener) return;
    let isLeaving = false;
    dialog.addEventListener("click", ({ target }) => {
      // A link within this page leads out of the drawer, which would otherwise lie over its target.
      isLeaving = Boolean(target.closest('a[href^="#"]'));
      if (isLeaving || target.closest(".drawer-close")) dialog.close();
    });
    dialog.addEventListener("close", () => {
      if (!isLeaving) opener.focus({ preventScroll: true });
      isLeaving = false;
    });
  }

  /* ---- Paper: what is folded is printed --------------------------------------------------------------------- */

  function unfoldForPaper() {
    let unfolded = [];
    addEventListener("beforeprint", () => {
      unfolded = [...document.querySelectorAll(".bd-article details:not([open])")];
      unfolded.forEach((details) => (details.open = true));
    });
    addEventListener("afterprint", () => unfolded.forEach((details) => (details.open = false)));
  }

  addEventListener("DOMContentLoaded", () => {
    watchWidths();
    unfoldForPaper();
    tellState();
    // Before the theme's listeners, one of which stops the event.
    addEventListener("click", keepFocus, true);
    addEventListener("click", () => setTimeout(tellState), true);
    addEventListener("resize", tellState);
  });
  // After the theme's, which move the contents into the drawer and back.
  addEventListener("load", () => DRAWERS.forEach(setUpDrawer));
})();
