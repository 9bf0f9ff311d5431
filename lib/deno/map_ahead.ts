// This module runs in Deno only.

/**
 * Maps items in order while a few of the next are already under way, so that memory stays bounded however many
 * there are.
 *
 * @param ahead Calls of `fn` that run at once, at least 1.
 * @throws Whatever `fn` throws, when its item's turn comes.
 */
export async function* mapAhead<T, R>(
  items: Iterable<T>,
  fn: (item: T) => Promise<R>,
  { ahead }: { ahead: number },
): AsyncGenerator<R> {
  const running: Promise<R>[] = [];
  for (const item of items) {
    const result = fn(item);
    result.catch(() => {}); // thrown below in its turn; without this line, an earlier one's failure hides it as unhandled
    running.push(result);
    if (running.length >= ahead) yield await running.shift()!;
  }
  for (const result of running) yield await result;
}
