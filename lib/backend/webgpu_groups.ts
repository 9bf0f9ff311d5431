// This module is browser compatible.
/** Bind groups, found again by the buffers they hold: every dispatch looks for one, so nothing here allocates. */

import type { PooledBuffer } from "./webgpu_pool.ts";

/** A bind group that is remembered until one of its buffers is destroyed. */
export interface BoundGroup {
  readonly gpu: GPUBindGroup;
  readonly buffers: readonly PooledBuffer[];
  /** Drops it from the cache and from every buffer it holds. */
  forget(): void;
}

interface Link extends BoundGroup {
  readonly hash: number;
  /** Others of the same hash. */
  next: Link | undefined;
}

/** The bind groups of one layout. */
export class BoundGroups {
  #links = new Map<number, Link>();
  #size = 0;

  /** How many there are. */
  get size(): number {
    return this.#size;
  }

  /** The group of just these buffers. */
  find(buffers: readonly PooledBuffer[]): BoundGroup | undefined {
    let link = this.#links.get(hashOf(buffers));
    while (link && !sameBuffers(link.buffers, buffers)) link = link.next;
    return link;
  }

  /** Remembers a group of these buffers, of which there is none yet. */
  add(gpu: GPUBindGroup, buffers: readonly PooledBuffer[]): BoundGroup {
    const hash = hashOf(buffers);
    const link: Link = {
      gpu,
      buffers,
      hash,
      next: this.#links.get(hash),
      forget: () => this.#forget(link),
    };
    this.#links.set(hash, link);
    this.#size++;
    for (const buffer of buffers) buffer.boundIn.add(link);
    return link;
  }

  /** Forgets all. */
  clear(): void {
    for (const first of this.#links.values()) {
      for (let link: Link | undefined = first; link; link = link.next) {
        for (const buffer of link.buffers) buffer.boundIn.delete(link);
      }
    }
    this.#links.clear();
    this.#size = 0;
  }

  #forget(link: Link): void {
    const first = this.#links.get(link.hash);
    if (first === link) {
      if (link.next) this.#links.set(link.hash, link.next);
      else this.#links.delete(link.hash);
    } else {
      let before = first;
      while (before && before.next !== link) before = before.next;
      if (!before) return; // forgotten already
      before.next = link.next;
    }
    this.#size--;
    for (const buffer of link.buffers) buffer.boundIn.delete(link);
  }
}

/** FNV's hash of the ids, a small integer, which V8's maps find fastest. */
function hashOf(buffers: readonly PooledBuffer[]): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < buffers.length; i++) hash = Math.imul(hash ^ buffers[i].id, 0x01000193);
  return hash & 0x3fffffff;
}

function sameBuffers(a: readonly PooledBuffer[], b: readonly PooledBuffer[]): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return a.length === b.length;
}
