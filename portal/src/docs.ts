import "./styles/base.css";
import "swagger-ui-dist/swagger-ui.css";
import "./styles/docs.css";
import { html, nothing, render } from "lit/html.js";
import SwaggerUI from "swagger-ui-dist/swagger-ui-es-bundle.js";
import { door } from "./api";
import { type Language, preferredLanguage, rememberLanguage, speak } from "./i18n";
import { languages } from "./ui/languages";
import { logo } from "./ui/marks";

void start();

async function start(): Promise<void> {
  followColourScheme();
  await head(preferredLanguage(new URL(location.href)));
  const host = document.getElementById("api");
  if (!host) return;
  mend(host);
  SwaggerUI({
    url: door("openapi.json"),
    domNode: host,
    // Deep links would be links inside buttons, which assistive technology cannot reach; `?path=` is
    // the way to link an operation.
    deepLinking: false,
    docExpansion: "list",
    defaultModelsExpandDepth: 0,
    displayRequestDuration: true,
    filter: true,
    tryItOutEnabled: false,
    // The badge of the validator would send the address of this server to another host.
    validatorUrl: null,
    queryConfigEnabled: false,
    // Its colours have too little contrast.
    syntaxHighlight: false,
    onComplete: () => openPath(new URL(location.href).searchParams.get("path")),
  });
}

async function head(language: Language): Promise<void> {
  const { t } = await speak(language);
  const choose = (chosen: Language) => {
    rememberLanguage(chosen);
    void head(chosen);
  };
  document.documentElement.lang = language;
  document.title = `${t("docs.title")} – ${t("title")}`;
  const target = document.getElementById("head");
  if (!target) return;
  render(
    html`<a class="skip" href="#content">${t("skip.content")}</a>
      <header class="top">
        <a class="brand" href="./">${logo()}<span class="brand-name">${t("title")}</span></a>
        <p class="town">${nothing}</p>
        <nav class="views" aria-label=${t("view.label")}>
          <a href="./">${t("docs.back")}</a>
          <a href="docs" aria-current="page">${t("docs.title")}</a>
        </nav>
        ${languages(language, t("language.label"), choose)}
      </header>
      <section class="docs-intro" aria-labelledby="docs-title">
        <h1 id="docs-title">${t("docs.title")}</h1>
        <p>${t("docs.lead")} <a href="openapi.json">${t("docs.raw")}</a></p>
      </section>`,
    target,
  );
}

/** Swagger UI has its own dark dress, worn when the root carries this class. */
function followColourScheme(): void {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
  dark.addEventListener("change", follow);
  follow();
}

/**
 * Swagger UI leaves some fields without a name and some scrolling boxes out of reach of the
 * keyboard. It draws them anew whenever something is unfolded, so they are mended as they come.
 */
function mend(host: HTMLElement): void {
  const name = (selector: string, text: (field: HTMLInputElement) => string) => {
    for (const field of host.querySelectorAll<HTMLInputElement>(`${selector}:not([aria-label])`)) {
      field.setAttribute("aria-label", text(field));
    }
  };
  const all = () => {
    name(".operation-filter-input", (field) => field.placeholder);
    name(".body-param__text", () => "Request body");
    for (const box of host.querySelectorAll<HTMLElement>("pre:not([tabindex])")) box.tabIndex = 0;
  };
  new MutationObserver(all).observe(host, { childList: true, subtree: true });
  all();
}

/** `?path=/api/v1/sql` unfolds the operations of that path and scrolls to the first. */
function openPath(path: string | null): void {
  if (!path) return;
  const found = document.querySelectorAll<HTMLElement>("#api [data-path]");
  const matching = [...found].filter((element) => element.dataset.path === path);
  for (const element of matching) {
    element.closest(".opblock")?.querySelector<HTMLElement>(".opblock-summary-control")?.click();
  }
  matching[0]?.closest(".opblock")?.scrollIntoView({ block: "start" });
}
