// This module is browser compatible.
/** Photos with their captions above, as SVG and as a page: the tutorial's `plot_images`. */

import { escapeXml } from "../text/html.ts";

/** A photo of a plot. */
export interface PlotPicture {
  readonly id: number;
  readonly fileName: string;
  /** All captions, the first one set off. */
  readonly captions: readonly string[];
  /** A JPEG of the photo, small enough to be shown. */
  readonly jpeg: Uint8Array;
  /** Its pixels. */
  readonly width: number;
  readonly height: number;
}

const CELL = 320; // width of a photo, in units of the drawing
const GAP = 28;
const COLUMNS = 5; // photos in a row
const LETTERS = 40; // in a line of text, as wide as a photo at this size of letters
const FONT_SIZE = 14;
const LINE = 19;
const PARAGRAPH = 6; // between captions

/** Letters that take twice the width: East Asian scripts and their punctuation. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60\uffe0-\uffe6]/;

/** Letters broader than most: a caption in capitals would run into the next photo's. */
const BROAD = /[\p{Lu}mw@%&]/u;

/**
 * Breaks text into lines of at most `columns` letters, East Asian ones counted twice. Lines break between words, also
 * where a script writes no spaces; a word longer than a line is cut.
 */
export function wrapText(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = "";
  const end = () => {
    if (line.trim() !== "") lines.push(line.trim());
    line = "";
  };
  const segmenter = new Intl.Segmenter("und", { granularity: "word" });
  const pieces = text.match(/\s+|[^\s\u1100-\uffff]+|\S+/g) ?? [];
  for (const piece of pieces) {
    const words = /[\u0e00-\u0fff\u1100-\uffff]/.test(piece)
      ? segmenter.segment(piece)
      : [{ segment: piece }];
    for (const { segment } of words) {
      // Punctuation may hang over the edge by a letter: it does not begin a line.
      if (textWidth(line + segment) > columns && !/^\p{P}$/u.test(segment)) end();
      for (const letter of segment) {
        if (textWidth(line + letter) > columns + 1) end();
        line += letter;
      }
    }
  }
  end();
  return lines;
}

/** Width of text in letters, East Asian ones counted twice, capitals 1.3 times, marks above and below not at all. */
export function textWidth(text: string): number {
  let width = 0;
  for (const letter of text) {
    width += /\p{M}/u.test(letter) ? 0 : WIDE.test(letter) ? 2 : BROAD.test(letter) ? 1.3 : 1;
  }
  return width;
}

/** An SVG drawing: rows of at most five photos, captions above each, the id and file name below. */
export function plotSvg(pictures: readonly PlotPicture[], { fontFamily }: { fontFamily: string }): string {
  const columns = Math.min(COLUMNS, pictures.length);
  const body: string[] = [];
  let top = GAP;
  for (let first = 0; first < pictures.length; first += columns) {
    const row = pictures.slice(first, first + columns);
    const texts = row.map(({ captions }) => captions.map((caption) => wrapText(caption, LETTERS)));
    const textHeight = Math.max(...texts.map(heightOf));
    const photoHeight = Math.max(...row.map(shownHeight));
    row.forEach((picture, i) => {
      const left = GAP + i * (CELL + GAP);
      body.push(captionsSvg(texts[i], left, top + textHeight - heightOf(texts[i])));
      const href = `data:image/jpeg;base64,${picture.jpeg.toBase64()}`;
      const height = shownHeight(picture);
      body.push(
        `<image x="${left}" y="${top + textHeight}" width="${CELL}" height="${height}" href="${href}"/>`,
        `<text x="${left}" y="${top + textHeight + height + 17}" font-size="11" fill="#767676">` +
          `${picture.id} · ${escapeXml(picture.fileName)}</text>`,
      );
    });
    top += textHeight + photoHeight + 17 + GAP;
  }
  const width = GAP + columns * (CELL + GAP);
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${top}" ` +
    `viewBox="0 0 ${width} ${top}" font-family="${escapeXml(fontFamily)}" font-size="${FONT_SIZE}">` +
    `<rect width="100%" height="100%" fill="#ffffff"/>${body.join("")}</svg>`;
}

/** A page that needs no other file: the photos beside each other as the window allows, captions above. */
export function plotHtml(pictures: readonly PlotPicture[], { title }: { title: string }): string {
  const figures = pictures.map(({ id, fileName, captions, jpeg, width, height }) =>
    `<figure>
  <figcaption><ul>${
      captions.map((caption) => `<li dir="auto">${escapeXml(caption)}</li>`).join("")
    }</ul></figcaption>
  <img src="data:image/jpeg;base64,${jpeg.toBase64()}" width="${width}" height="${height}" alt="${
      escapeXml(captions[0])
    }">
  <small>${id} · ${escapeXml(fileName)}</small>
</figure>`
  );
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeXml(title)}</title>
<style>
  :root { color-scheme: light dark; }
  body { margin: clamp(1rem, 4vw, 2rem); font: 0.95rem/1.4 system-ui, sans-serif; overflow-wrap: anywhere; }
  h1 { font-size: 1.2rem; font-weight: 600; }
  main { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(18rem, 100%), 1fr)); gap: 2rem; }
  /* Captions end and photos begin at the same height along a row. */
  figure { margin: 0; display: grid; grid-row: span 3; grid-template-rows: subgrid; gap: 0.5rem; align-items: start; }
  figcaption { align-self: end; }
  ul { margin: 0; padding: 0; list-style: none; }
  li { margin-bottom: 0.35em; }
  li:not(:first-child) { opacity: 0.7; }
  img { width: 100%; height: auto; border-radius: 4px; }
  small { opacity: 0.7; }
</style>
<h1>${escapeXml(title)}</h1>
<main>
${figures.join("\n")}
</main>
</html>
`;
}

function captionsSvg(captions: readonly (readonly string[])[], left: number, top: number): string {
  let y = top + FONT_SIZE;
  return captions.map((lines, i) => {
    const spans = lines.map((line) => {
      const span = `<tspan x="${left}" y="${y}">${escapeXml(line)}</tspan>`;
      y += LINE;
      return span;
    });
    y += PARAGRAPH;
    return `<text fill="${i === 0 ? "#1a1a1a" : "#767676"}">${spans.join("")}</text>`;
  }).join("");
}

function heightOf(captions: readonly (readonly string[])[]): number {
  return captions.reduce((height, lines) => height + lines.length * LINE + PARAGRAPH, PARAGRAPH);
}

function shownHeight({ width, height }: PlotPicture): number {
  return Math.round(CELL * height / width);
}
