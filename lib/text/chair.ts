// This module is browser compatible.
/**
 * Object hallucination: objects that a caption names and the picture does not hold (CHAIR, Rohrbach et al. 2018).
 * A picture holds what its instance annotations and its reference captions name.
 */
import { isRecord } from "./json.ts";
import type { Candidates, ImageId, References } from "./encode_captions.ts";
import {
  AFTER_ORANGE,
  ANIMAL_AGES,
  ANIMALS,
  COCO_CLASSES,
  LONGEST_PHRASE,
  OBJECT_PHRASES,
} from "./coco_objects.ts";

/** COCO classes by picture. */
export type ImageObjects = ReadonlyMap<ImageId, ReadonlySet<string>>;

/** What captions hallucinate. */
export interface Hallucinations {
  /** Captions with a hallucinated object, as a share. */
  readonly CHAIRs: number;
  /** Hallucinated objects as a share of all objects named. */
  readonly CHAIRi: number;
  /** Objects named, each mention counted. */
  readonly mentions: number;
  /** Hallucinated classes of each picture that has one. */
  readonly perImage: ReadonlyMap<ImageId, readonly string[]>;
}

/** COCO classes that a caption's words name, in order, each mention once. */
export function mentionedObjects(tokens: readonly string[]): string[] {
  const found: string[] = [];
  for (let at = 0; at < tokens.length;) {
    const [name, length] = phraseAt(tokens, at);
    const isFruit = tokens[at] !== "orange" || length > 1 || at + 1 === tokens.length ||
      AFTER_ORANGE.has(tokens[at + 1]);
    const isAge = ANIMAL_AGES.has(tokens[at]) && ANIMALS.has(phraseAt(tokens, at + 1)[0]);
    if (name !== "none" && isFruit && !isAge) found.push(name);
    at += length;
  }
  return found;
}

/** The class of the longest phrase at a word, and how many words it has. */
function phraseAt(tokens: readonly string[], at: number): [name: string, length: number] {
  for (let length = Math.min(LONGEST_PHRASE, tokens.length - at); length > 0; length--) {
    const name = OBJECT_PHRASES.get(length === 1 ? tokens[at] : tokens.slice(at, at + length).join(" "));
    if (name) return [name, length];
  }
  return ["none", 1];
}

/**
 * Classes by picture of COCO's instances JSON.
 *
 * @throws {SyntaxError} If it is no instances file, or a category is none of COCO's 80.
 */
export function parseInstances(json: unknown, { source }: { source: string }): ImageObjects {
  const { annotations, categories } = (json ?? {}) as {
    annotations?: { image_id: ImageId; category_id: number }[];
    categories?: { id: number; name: string }[];
  }; // checked below
  const isList = (list: unknown) => Array.isArray(list) && list.every(isRecord);
  if (!annotations || !isList(annotations) || !categories || !isList(categories)) {
    throw new SyntaxError(
      `Cannot read ${source} as COCO instances: should have lists of "annotations" and "categories", as instances_val2014.json`,
    );
  }
  const names = new Map(categories.map(({ id, name }) => [id, name]));
  const known = new Set(COCO_CLASSES);
  const objects = new Map<ImageId, Set<string>>();
  for (const { image_id, category_id } of annotations) {
    const name = names.get(category_id);
    if (name === undefined || !known.has(name)) {
      throw new SyntaxError(
        `Cannot read ${source} as COCO instances: category ${category_id} is ${name ?? "not listed"}, ` +
          "should be one of COCO's 80 classes",
      );
    }
    let own = objects.get(image_id);
    if (!own) objects.set(image_id, own = new Set());
    own.add(name);
  }
  return objects;
}

/**
 * CHAIR of captions.
 *
 * @param candidates Words of each picture's caption.
 * @param instances Classes by picture; pictures without an entry hold what their references name.
 * @param references Words of each picture's references.
 */
export function hallucinations(
  candidates: Candidates,
  instances: ImageObjects,
  references: References,
): Hallucinations {
  const perImage = new Map<ImageId, string[]>();
  let [mentions, hallucinated] = [0, 0];
  for (const [id, tokens] of candidates) {
    const named = mentionedObjects(tokens);
    const there = new Set([
      ...instances.get(id) ?? [],
      ...(references.get(id) ?? []).flatMap(mentionedObjects),
    ]);
    const absent = named.filter((name) => !there.has(name));
    mentions += named.length;
    hallucinated += absent.length;
    if (absent.length > 0) perImage.set(id, [...new Set(absent)]);
  }
  return {
    CHAIRs: candidates.size === 0 ? 0 : perImage.size / candidates.size,
    CHAIRi: mentions === 0 ? 0 : hallucinated / mentions,
    mentions,
    perImage,
  };
}
