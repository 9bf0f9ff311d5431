// This module runs in Deno only.
import type { WrittenCaption } from "../models/captioner.ts";
import { escapeXml } from "../text/html.ts";

/** A picture with what was written of it. */
export interface AttendedPicture {
  readonly name: string;
  /** The model's input as it saw it: PNG bytes. */
  readonly png: Uint8Array;
  readonly caption: WrittenCaption;
}

const STYLE = `
  :root { color-scheme: light dark; font-family: system-ui, sans-serif; }
  body { margin: 2rem auto; max-width: 70rem; padding: 0 1rem; line-height: 1.5; overflow-wrap: anywhere; }
  h2 { font-size: 1rem; font-weight: 600; margin: 2rem 0 .25rem; }
  .words { display: flex; flex-wrap: wrap; gap: 1rem; margin: 0; padding: 0; list-style: none; }
  .words li { width: 8rem; }
  .look { position: relative; width: 8rem; height: 8rem; }
  .look img, .look canvas, .look svg { position: absolute; inset: 0; width: 100%; height: 100%; }
  .words img { image-rendering: pixelated; }
  .word { font-weight: 600; } .probability { opacity: .7; font-size: .85rem; }
`;

/** A page that opens offline: each word of each caption beside the place that the model looked at. */
export function attentionPage(pictures: readonly AttendedPicture[]): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Where the captioner looked</title><style>${STYLE}</style></head><body>
<h1>Where the captioner looked</h1>
<p>Light shows where each word's attention lay; below it the word and its probability.</p>
${pictures.map(pictureSection).join("\n")}
</body></html>
`;
}

function pictureSection({ name, png, caption }: AttendedPicture): string {
  const source = `data:image/png;base64,${png.toBase64()}`;
  const items = caption.words.map(({ word, probability, alpha }) =>
    `<li><div class="look"><img src="${source}" alt="">${alpha ? veil(alpha) : ""}</div>` +
    `<div class="word">${escapeXml(word)}</div><div class="probability">${
      (100 * probability).toFixed(0)
    } %</div></li>`
  );
  return `<section><h2>${escapeXml(name)}</h2><p dir="auto">“${
    escapeXml(caption.text)
  }”</p><ul class="words">${items.join("")}</ul></section>`;
}

/** A dark veil over the picture, thin where attention lay. */
function veil(alpha: Float32Array): string {
  const side = Math.round(Math.sqrt(alpha.length));
  const most = Math.max(...alpha);
  const cells = Array.from(alpha, (weight, i) => {
    const opacity = (0.75 * (1 - weight / most)).toFixed(2);
    return `<rect x="${i % side}" y="${
      Math.floor(i / side)
    }" width="1" height="1" fill-opacity="${opacity}"/>`;
  });
  return `<svg viewBox="0 0 ${side} ${side}" preserveAspectRatio="none" shape-rendering="crispEdges" aria-hidden="true">${
    cells.join("")
  }</svg>`;
}
