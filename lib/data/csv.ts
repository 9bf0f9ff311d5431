// This module is browser compatible.
/** Comma-separated values as RFC 4180 has them: quoted fields, doubled quotes, line breaks inside quotes. */

/** One record of a CSV file. */
export interface CsvRow {
  /** Line of the file where the record starts, from 1. */
  readonly line: number;
  readonly fields: readonly string[];
}

/** Options of {@linkcode parseCsv}. */
export interface CsvOptions {
  /** What separates fields. Default: whichever of comma, semicolon and tab the first line has most of. */
  readonly separator?: string;
}

/**
 * Splits text into records. A byte order mark and empty lines are skipped, lines may end in LF, CRLF or CR.
 *
 * @throws {SyntaxError} If a quoted field is not closed or goes on after its closing quote: names the line.
 */
export function parseCsv(text: string, options: CsvOptions = {}): CsvRow[] {
  if (!text.includes("\n")) text = text.replaceAll("\r", "\n"); // as old Macs end lines, and some spreadsheets still
  const start = text.charCodeAt(0) === 0xfeff ? 1 : 0;
  const separator = options.separator ??
    guessSeparator(text.slice(start, (text + "\n").indexOf("\n", start)));
  const rows: CsvRow[] = [];
  let line = 1;
  let at = start;
  while (at < text.length) {
    const row: { line: number; fields: string[] } = { line, fields: [] };
    let ended = false;
    while (!ended) {
      let field: string;
      if (text[at] === '"') {
        const opened = line;
        field = "";
        while (true) {
          const quote = text.indexOf('"', at + 1);
          if (quote < 0) {
            throw new SyntaxError(
              `line ${opened} opens a quoted field that is never closed, put a " at its end`,
            );
          }
          const piece = text.slice(at + 1, quote);
          field += piece;
          line += piece.split("\n").length - 1;
          at = quote + 1;
          if (text[at] !== '"') break;
          field += '"'; // two quotes inside a quoted field are one
        }
        if (at < text.length && text[at] !== separator && text[at] !== "\n" && text[at] !== "\r") {
          throw new SyntaxError(
            `line ${line} goes on after a closing quote, a quote inside a quoted field is written ""`,
          );
        }
      } else {
        const from = at;
        while (at < text.length && text[at] !== separator && text[at] !== "\n") at++;
        field = text.slice(from, at).replace(/\r$/, "");
      }
      row.fields.push(field);
      if (text[at] === separator) at++;
      else {
        if (text[at] === "\r") at++;
        if (text[at] === "\n") at++;
        line++;
        ended = true;
      }
    }
    if (row.fields.length > 1 || row.fields[0].trim() !== "") rows.push(row);
  }
  return rows;
}

/** Fields as one line of CSV, quoted where they must be. */
export function csvLine(fields: readonly (string | number)[]): string {
  return fields.map((field) => {
    const text = String(field);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  }).join(",") + "\r\n";
}

function guessSeparator(header: string): string {
  const counts = [",", ";", "\t"].map((separator) => header.split(separator).length);
  return [",", ";", "\t"][counts.indexOf(Math.max(...counts))];
}
