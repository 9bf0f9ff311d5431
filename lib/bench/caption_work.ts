// This module is browser compatible.
/** The captioning that is measured. */

/** Pictures captioned with a model that is loaded already. */
export interface CaptionWork {
  readonly kind: "caption";
  readonly name: string;
  /** Pictures. */
  readonly pictures: number;
  /** Whether they are captioned in one batch, or one after the other. */
  readonly together: boolean;
  /** Rows and columns of a picture. */
  readonly size: number;
  /** k. */
  readonly beam: number;
  /** Words of every caption: the end is banned, so that none stops early. */
  readonly length: number;
  /** V. */
  readonly words: number;
}

const STANDARD = { kind: "caption", size: 64, beam: 5, length: 20, words: 2048 } as const;

/** One picture, and 64 in one batch and one by one. */
export const CAPTION_WORKS: readonly CaptionWork[] = [
  { ...STANDARD, name: "caption one picture", pictures: 1, together: true },
  { ...STANDARD, name: "caption 64 pictures in a batch", pictures: 64, together: true },
  { ...STANDARD, name: "caption 64 pictures one by one", pictures: 64, together: false },
];
