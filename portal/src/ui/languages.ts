import { html, type TemplateResult } from "lit/html.js";
import { LANGUAGES, type Language } from "../i18n";

const NAMES: Record<Language, string> = {
  de: "Deutsch",
  "de-x-leicht": "Einfache Sprache",
  en: "English",
};

/** The language switch; also used by the page of the interfaces. */
export function languages(
  current: Language,
  label: string,
  choose: (language: Language) => void,
): TemplateResult {
  return html`<div class="languages" role="group" aria-label=${label}>
    ${LANGUAGES.map(
      (language) =>
        html`<button
          type="button"
          lang=${language}
          aria-pressed=${language === current ? "true" : "false"}
          @click=${() => choose(language)}
        >
          ${NAMES[language]}
        </button>`,
    )}
  </div>`;
}
