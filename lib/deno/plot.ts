// This module runs in Deno only.
/** Draws photos with their captions: reads them, and turns the drawing into a PNG. Needs --allow-ffi. */

import { fileURLToPath } from "node:url";
import { Resvg, type ResvgRenderOptions } from "@resvg/resvg-js";
// Only its files are used: the import makes Deno fetch them.
import "dejavu-fonts-ttf/package.json" with { type: "json" };
import type { PlotPicture } from "../data/plot_layout.ts";
import { resizeBilinear } from "../image/resize.ts";
import { decodeFile } from "./decode.ts";
import { encodeJpeg } from "./encode.ts";

/** The letters of the PNG: a font that comes with the project, so that a machine without fonts draws them too. */
export const FONT_FAMILY = "DejaVu Sans";
const FONT_FILE = fileURLToPath(
  new URL("ttf/DejaVuSans.ttf", import.meta.resolve("dejavu-fonts-ttf/package.json")),
);

const SHOWN_WIDTH = 640; // pixels of a photo in the plot, twice its width there
const QUALITY = 85;
const ZOOM = 1.5;
const ABSENT = "\u{10fffd}"; // private use: no font has it

/** Options of {@linkcode loadPlotPicture}. */
export interface PlotSource {
  readonly id: number;
  readonly fileName: string;
  readonly path: string;
  readonly captions: readonly string[];
}

/**
 * Reads a photo for a plot: upright, at most 640 pixels wide.
 *
 * @throws {PictureError} If it cannot be decoded.
 */
export async function loadPlotPicture({ path, ...rest }: PlotSource): Promise<PlotPicture> {
  const pixels = await decodeFile(path);
  const width = Math.min(pixels.width, SHOWN_WIDTH);
  const height = Math.max(1, Math.round(pixels.height * width / pixels.width));
  const shown = width === pixels.width ? pixels : resizeBilinear(pixels, { width, height });
  return { ...rest, jpeg: await encodeJpeg(shown, QUALITY), width, height };
}

/** An SVG drawing as a PNG, one and a half times as large. */
export function renderPng(svg: string): Uint8Array {
  return new Resvg(svg, { fitTo: { mode: "zoom", value: ZOOM }, ...FONTS }).render().asPng();
}

/** Fonts of the system stand in for letters that ours lacks. */
export const FONTS: ResvgRenderOptions = {
  font: { fontFiles: [FONT_FILE], loadSystemFonts: true, defaultFontFamily: FONT_FAMILY },
  logLevel: "off",
};

/** Letters of `texts` that a PNG would show as empty boxes, because no font on this machine has them; at most 20. */
export function lettersWithoutFont(texts: Iterable<string>): string[] {
  const letters = new Set<string>();
  for (const text of texts) {
    for (const letter of text) {
      if (/[^ -\u024f\p{P}\p{M}\p{Cc}\p{Cf}\p{Cs}\ufffe\uffff\s]/u.test(letter)) letters.add(letter);
    }
  }
  if (letters.size === 0) return [];
  const absent = glyph(ABSENT);
  return [...letters].slice(0, 20).filter((letter) => sameBytes(glyph(letter), absent));
}

function glyph(letter: string): Uint8Array {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40">` +
    `<text x="4" y="30" font-size="24" font-family="${FONT_FAMILY}">${letter}</text></svg>`;
  return new Resvg(svg, FONTS).render().pixels;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
