/** Lower case without accents, so that `strasse` finds `Straße` and `muhle` finds `Mühle`. */
export function plain(text: string): string {
  return text
    .toLowerCase()
    .replaceAll("ß", "ss")
    .normalize("NFD")
    .replace(/\p{Mn}/gu, "");
}
