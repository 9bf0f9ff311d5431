// This module is browser compatible.
/** The many names that one and the same tensor has in other people's files, brought to torchvision's. */

/** What torchvision calls the children of a ResNet that a Sequential numbers; 3 is the pooling, 2 the ReLU. */
const RESNET_CHILDREN: ReadonlyMap<string, string> = new Map([
  ["0", "conv1"],
  ["1", "bn1"],
  ["4", "layer1"],
  ["5", "layer2"],
  ["6", "layer3"],
  ["7", "layer4"],
]);

/**
 * Tensors under plain names: without the `module` that DataParallel puts in, and ResNets in a Sequential
 * (`resnet.0.weight`, `resnet.4.0.conv1.weight`) as torchvision names them (`resnet.conv1.weight`, …).
 */
export function plainNames<T>(tensors: ReadonlyMap<string, T>): Map<string, T> {
  const names = resnetNames(withoutModule([...tensors.keys()]));
  return new Map([...tensors.values()].map((tensor, i) => [names[i], tensor]));
}

/** Leaves out each `module` that all names beginning alike have at the same place. */
function withoutModule(names: readonly string[]): string[] {
  const counts = new Map<string, { all: number; wrapped: number }>();
  const prefixes = (parts: readonly string[]) => parts.map((_, i) => parts.slice(0, i).join("."));
  const split = names.map((name) => name.split("."));
  for (const parts of split) {
    for (const [i, prefix] of prefixes(parts).entries()) {
      const count = counts.get(prefix) ?? { all: 0, wrapped: 0 };
      count.all++;
      if (parts[i] === "module" && i < parts.length - 1) count.wrapped++;
      counts.set(prefix, count);
    }
  }
  return split.map((parts) => {
    const starts = prefixes(parts);
    const kept = parts.filter((_, i) => {
      const { all, wrapped } = counts.get(starts[i])!;
      return all !== wrapped;
    });
    return kept.join(".");
  });
}

/** Names a Sequential's numbered ResNet. */
function resnetNames(names: readonly string[]): string[] {
  const all = new Set(names);
  const isResnet = (prefix: string) =>
    ["0.weight", "1.running_mean", "4.0.conv1.weight", "7.0.conv1.weight"].every((end) =>
      all.has(prefix + end)
    );
  const starts = names.filter((name) => name.endsWith("4.0.conv1.weight"))
    .map((name) => name.slice(0, -"4.0.conv1.weight".length))
    .filter((prefix) => (prefix === "" || prefix.endsWith(".")) && isResnet(prefix));
  return names.map((name) => {
    const prefix = starts.find((start) => name.startsWith(start));
    if (prefix === undefined) return name;
    const [child, ...rest] = name.slice(prefix.length).split(".");
    return prefix + [RESNET_CHILDREN.get(child) ?? child, ...rest].join(".");
  });
}

/** The reverse: a tensor's name in a ResNet's Sequential from torchvision's (`layer1.0.conv1.weight` → `4.0.…`). */
export function sequentialResnetName(name: string): string {
  const [child, ...rest] = name.split(".");
  const number = [...RESNET_CHILDREN].find(([, name]) => name === child)?.[0];
  return [number ?? child, ...rest].join(".");
}
