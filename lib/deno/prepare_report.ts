// This module runs in Deno only.
/** What `prepare` says of what it made, to people and to machines. */

import { count } from "../data/captions.ts";
import { describeDataset, type DiskDataset } from "./dataset_disk.ts";
import type { encodePhotos } from "./encode_photos.ts";

/** What was made. */
export interface Prepared {
  readonly dataset: DiskDataset;
  /** Where an encoder ran. */
  readonly features?: Awaited<ReturnType<typeof encodePhotos>>;
}

/** The first training caption as it was written, as words of the vocabulary, and as their ids. */
function captionAsNumbers({ train, vocabulary }: DiskDataset): string[] {
  const [written] = train.captions[0];
  const ids = [...train.tokens.caption(train.tokens.imageStarts[0])];
  const words = ids.map((id) => vocabulary.words[id]);
  const padded = ids.map((id, i) => `${id}`.padEnd(words[i].length));
  return [
    `"${written.trim()}" becomes`,
    `  ${words.map((word, i) => word.padEnd(padded[i].length)).join(" ").trimEnd()}`,
    `  ${padded.join(" ").trimEnd()}`,
  ];
}

/** Lines for people. */
export function prepareLines({ dataset, features }: Prepared, minCount: number): string[] {
  const { report: { coverage }, shardReport: { added, kept, bad, damaged } } = dataset;
  const lines = [...describeDataset(dataset), ...captionAsNumbers(dataset)];
  if (coverage) {
    const { typesKept, types, unknownShare, longest, mostFrequent } = coverage;
    const unknown = (100 * unknownShare).toFixed(2);
    lines.push(
      `words: ${count(typesKept)} of ${count(types)} occur ${minCount} times or more, ` +
        `${unknown} % of the text becomes unknown, the longest caption has ${longest}`,
      `most frequent: ${mostFrequent.map(([word, times]) => `${word} ${count(times)}`).join(", ")}`,
    );
  }
  lines.push(
    `photos: ${count(added + kept - bad.length)} packed in ${dataset.shards}, ${count(added)} read now, ` +
      `${count(kept)} before${damaged > 0 ? `; ${count(damaged)} were damaged and are mended` : ""}`,
  );
  if (features) {
    const { dir, origin: { positions, channels, type }, report: { added, kept, damaged } } = features;
    lines.push(
      `features: ${positions} × ${channels} ${type} of ${count(added)} photos made now, ${
        count(kept)
      } before` +
        `${damaged > 0 ? `, ${count(damaged)} of them damaged and mended` : ""}, in ${dir}`,
    );
  }
  return lines;
}

/** The same as an object, for `--json`. */
export function prepareJson({ dataset, features }: Prepared, seconds: number) {
  const { hash, shards, size, train, val, test, vocabulary, report: { coverage }, shardReport } = dataset;
  return {
    hash,
    shards,
    size,
    images: { train: train.images.length, val: val.images.length, test: test?.images.length ?? 0 },
    captions: { train: train.tokens.captions, val: val.tokens.captions, test: test?.tokens.captions ?? 0 },
    vocabulary: { size: vocabulary.size, hash: vocabulary.hash, ...coverage },
    ...(features && { features: { dir: features.dir, origin: features.origin, ...features.report } }),
    packed: { added: shardReport.added, kept: shardReport.kept, bad: shardReport.bad, seconds },
    problems: [...dataset.captionReport.problems, ...dataset.pictureProblems],
  };
}
