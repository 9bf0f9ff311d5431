// This module runs in Deno only.
/** The backends that tests run on, opened once per process, before any test counts what it leaves behind. */

import type { Backend } from "../lib/backend/backend.ts";
import { openCpu } from "../lib/backend/cpu.ts";
import { openWebgpu } from "../lib/backend/webgpu.ts";
import { IN_CI } from "./fixtures.ts";

/** Whether tests that need WebGPU are to be ignored: there is no adapter. In CI there must be one. */
export const lacksAdapter = !IN_CI && await navigator.gpu?.requestAdapter() == null;

/** The CPU, with a worker beside the main thread. */
const cpu = await openCpu({ threads: 2 });
/** The GPU or what plays one, where there is an adapter. */
const gpu = lacksAdapter ? undefined : await openWebgpu();

/** Every backend of this machine, in f32. */
export const backends: readonly Backend[] = gpu ? [cpu, gpu] : [cpu];
