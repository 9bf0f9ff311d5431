// This module is browser compatible.
import { copyKernel } from "../../kernels/elementwise.ts";
import type { Backend } from "./backend.ts";

/** Numbers that halves hold exactly, the largest and the smallest among them, odd in number. */
const NUMBERS = [0, 1, -1, 0.5, -2.25, 1000, 65_504, -65_504, 2 ** -14, 2 ** -24, 0.333251953125];

/**
 * Copies numbers to half floats and back: drivers exist that offer them and store zeros.
 *
 * @throws {Error} If they come back changed.
 */
export async function testHalves(backend: Backend): Promise<void> {
  const count = NUMBERS.length;
  const [from, to] = [backend.alloc(count), backend.alloc(count)];
  const halves = backend.alloc(count, "f16");
  backend.write(from, NUMBERS);
  const params = { count, x_offset: 0, y_offset: 0 };
  backend.run(copyKernel, { x: from, y: halves }, params);
  backend.run(copyKernel, { x: halves, y: to }, params);
  const [stored, back] = await Promise.all([backend.read(halves), backend.read(to)]);
  for (const storage of [from, to, halves]) backend.free(storage);
  const wrong = NUMBERS.findIndex((value, i) => stored[i] !== value || back[i] !== value);
  if (wrong < 0) return;
  throw new Error(
    `Cannot use f16 on ${backend.description}: its driver stored ${NUMBERS[wrong]} as ${
      stored[wrong]
    } and read ` +
      `${back[wrong]}, use --precision f32`,
  );
}
