// This module is browser compatible.
/** The little HTML that a report needs. */

/** A heading (plain text) and what belongs to it (markup). */
export function section(heading: string, body: string): string {
  return `<section><h2>${escapeXml(heading)}</h2>\n${body}</section>`;
}

/**
 * A table; cells that start with a digit, a sign or a dot are set to the right.
 *
 * @param head Plain text.
 * @param rows Markup.
 */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cell = (markup: string) =>
    `<td${/^[-+.\d][-+.,\d %]*$/.test(markup) ? ' class="number"' : ""}>${markup}</td>`;
  const line = (cells: readonly string[]) => `<tr>${cells.map(cell).join("")}</tr>`;
  const heading = head.map((name) => `<th scope="col">${escapeXml(name)}</th>`).join("");
  return `<table><thead><tr>${heading}</tr></thead><tbody>\n${rows.map(line).join("\n")}\n</tbody></table>`;
}

/** Text for XML and HTML, in content and in attributes; characters that XML forbids are dropped. */
export function escapeXml(text: string): string {
  return text.toWellFormed()
    .replace(/[[\p{Cc}\ufffe\uffff]--[\t\n\r]]/gv, "")
    .replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;").replaceAll("'", "&#39;");
}
