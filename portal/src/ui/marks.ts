import { html, svg, type TemplateResult } from "lit/html.js";
import { KIND_ICONS, type Kind } from "../kinds";

/** The watch tower above the town, the same drawing as in the browser's tab. */
export function logo(): TemplateResult {
  return html`<img class="logo" src="favicon.svg" alt="" width="32" height="32" />`;
}

/** A kind of station as a coloured disc with its icon; its name stands beside it as text. */
export function kindMark(kind: Kind): TemplateResult {
  return html`<svg class="kind-mark kind-${kind}" viewBox="0 0 40 40" aria-hidden="true">
    <circle cx="20" cy="20" r="19" />
    <path transform="translate(8 8)" d=${KIND_ICONS[kind]} />
  </svg>`;
}

const GLYPHS = {
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  home: "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5",
  close: "M6 6l12 12M18 6 6 18",
  chart: "M4 19h16M5 15l4.5-5 4 3L19 6",
  up: "M7 14l5-5 5 5",
  down: "M7 10l5 5 5-5",
  sortable: "M8 10l4-4 4 4M8 14l4 4 4-4",
  search: "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 1 0 0-13M15.5 15.5 20.5 20.5",
} as const;

export function glyph(name: keyof typeof GLYPHS): TemplateResult {
  return html`<svg class="glyph" viewBox="0 0 24 24" aria-hidden="true">
    ${svg`<path d=${GLYPHS[name]} />`}
  </svg>`;
}
