// This module runs in Deno only.
import type { Split } from "../data/dataset.ts";
import { escapeXml } from "../text/html.ts";
import { writeFileAtomic } from "./write_file.ts";

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

/** What a gallery says. */
export interface Gallery {
  /** Of every picture of the split. */
  readonly captions: readonly string[];
  /** Whether each is true of its scene. */
  readonly truths: readonly boolean[];
  /** Lines of text with the run's figures. */
  readonly lines: readonly string[];
}

/** Most pictures shown. */
const SHOWN = 60;

/** Writes `gallery.html` into a world's folder, with the first pictures of a split. */
export async function writeGallery(
  dir: string,
  split: Split,
  { captions, truths, lines }: Gallery,
): Promise<void> {
  const pictures = await Promise.all(
    split.images.slice(0, SHOWN).map(async ({ fileName }, i) => ({
      jpeg: await Deno.readFile(`${dir}/img/${fileName}`),
      caption: captions[i],
      true: truths[i],
      reference: split.captions[i][0],
    })),
  );
  const shown = pictures.length < split.images.length
    ? `Here are the first ${pictures.length} of the ${split.images.length} pictures`
    : `Here are all ${pictures.length} pictures`;
  const order = truths.slice(0, SHOWN).includes(false) ? "; captions that are not true come first." : ".";
  await writeFileAtomic(`${dir}/gallery.html`, galleryPage(pictures, [...lines, shown + order]));
}

const STYLE = `
  :root { color-scheme: light dark; font-family: system-ui, sans-serif; }
  body { margin: 2rem auto; max-width: 72rem; padding: 0 1rem; line-height: 1.45; overflow-wrap: anywhere; }
  h1 { margin-bottom: .25rem; }
  ul { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(13rem, 50% - .75rem), 1fr)); gap: 1.25rem; padding: 0; list-style: none; }
  img { width: 100%; image-rendering: pixelated; border-radius: .5rem; }
  .caption { margin: .4rem 0 .1rem; font-weight: 600; }
  .reference { margin: 0; font-size: .85rem; opacity: .75; }
  .false .caption { color: #c62828; color: light-dark(#c62828, #ff8a80); }
  .false .caption::after { content: " ✗ not true"; font-weight: 400; }
`;

/** A page that opens offline: held-out pictures with what the model says of them; false captions come first. */
export function galleryPage(pictures: readonly GalleryPicture[], lines: readonly string[]): string {
  const ordered = [...pictures].sort((a, b) => Number(a.true) - Number(b.true));
  const items = ordered.map((picture) =>
    `<li class="${picture.true}"><img src="data:image/jpeg;base64,${picture.jpeg.toBase64()}" alt="${
      escapeXml(picture.caption)
    }"><p class="caption">${escapeXml(picture.caption)}</p><p class="reference">The world says: ${
      escapeXml(picture.reference)
    }</p></li>`
  );
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Pictures the model had never seen</title><style>${STYLE}</style></head><body>
<h1>Pictures the model had never seen</h1>
${lines.map((line) => `<p>${escapeXml(line)}</p>`).join("\n")}
<ul>
${items.join("\n")}
</ul></body></html>
`;
}
