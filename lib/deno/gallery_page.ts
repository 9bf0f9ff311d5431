// This module runs in Deno only.
import { escapeXml } from "../data/plot_layout.ts";

/** A captioned picture of the gallery. */
export interface GalleryPicture {
  /** JPEG bytes. */
  readonly jpeg: Uint8Array;
  readonly caption: string;
  /** Whether the caption is true of the scene. */
  readonly true: boolean;
  /** One of the captions the world gives it. */
  readonly reference: string;
}

/** A gallery's heading. */
export interface GallerySummary {
  /** Lines of text with the run's figures. */
  readonly lines: readonly string[];
}

const STYLE = `
  :root { color-scheme: light dark; font-family: system-ui, sans-serif; }
  body { margin: 2rem auto; max-width: 72rem; padding: 0 1rem; line-height: 1.45; }
  h1 { margin-bottom: .25rem; }
  ul { display: grid; grid-template-columns: repeat(auto-fill, minmax(13rem, 1fr)); gap: 1.25rem; padding: 0; list-style: none; }
  img { width: 100%; image-rendering: pixelated; border-radius: .5rem; }
  .caption { margin: .4rem 0 .1rem; font-weight: 600; }
  .reference { margin: 0; font-size: .85rem; opacity: .75; }
  .false .caption { color: #c62828; } .false .caption::after { content: " ✗ not true"; font-weight: 400; }
`;

/** A page that opens offline: held-out pictures with what the model says of them; false captions come first. */
export function galleryPage(pictures: readonly GalleryPicture[], { lines }: GallerySummary): string {
  const ordered = [...pictures].sort((a, b) => Number(a.true) - Number(b.true));
  const items = ordered.map((picture) =>
    `<li class="${picture.true}"><img src="data:image/jpeg;base64,${picture.jpeg.toBase64()}" alt="${
      escapeXml(picture.caption)
    }"><p class="caption">${escapeXml(picture.caption)}</p><p class="reference">The world says: ${
      escapeXml(picture.reference)
    }</p></li>`
  );
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Pictures the model had never seen</title><style>${STYLE}</style></head><body>
<h1>Pictures the model had never seen</h1>
${lines.map((line) => `<p>${escapeXml(line)}</p>`).join("\n")}
<ul>
${items.join("\n")}
</ul></body></html>
`;
}
