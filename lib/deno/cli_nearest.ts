// This module runs in Deno only.
/** "Did you mean": the known name that a mistyped one is closest to. */

/** Fewest single-letter insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`. */
export function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replace = previous[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      row[j] = Math.min(replace, previous[j] + 1, row[j - 1] + 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) row[j] = Math.min(row[j], before[j - 2] + 1);
    }
    before = previous;
    previous = row;
  }
  return previous[b.length];
}

/**
 * The candidate nearest to `name`, or undefined when none is near: more than a third of the letters differ. The initials
 * of a candidate's words are near to it, and so are its beginning and, nearer still, its end.
 */
export function nearest(name: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Infinity;
  for (const candidate of candidates) {
    const words = candidate.split("-");
    const short = name.length >= 3 && candidate.startsWith(name) || // "--check" for "--checksum"
      words.length > 1 && words.map(([letter]) => letter).join("") === name; // "--lr" for "--learning-rate"
    const ends = name.length >= 3 && candidate.endsWith(name); // "gpu" for "webgpu", not "cpu"
    const distance = ends ? 0.5 : short ? 1 : editDistance(name.toLowerCase(), candidate);
    const allowed = ends || short ? 1 : Math.max(1, Math.ceil(Math.max(name.length, candidate.length) / 3));
    if (distance <= allowed && distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}
