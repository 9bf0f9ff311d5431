// This module runs in Deno only. It stands in for the functions of the same names in jsr:@std/testing; see README.
/** `describe` and `it` on `Deno.test`: a top-level describe is a test, what it holds are its steps. */

/** A test's or a hook's body. */
export type TestBody = () => void | Promise<void>;

/** Options of {@linkcode describe} and {@linkcode it}. */
export interface TestOptions {
  /** Report it as ignored and do not run it. */
  ignore?: boolean;
}

interface Suite {
  readonly name: string;
  readonly ignore: boolean;
  readonly parent: Suite | undefined;
  readonly children: (Suite | Case)[];
  readonly hooks: Record<Hook, TestBody[]>;
}
interface Case {
  readonly name: string;
  readonly ignore: boolean;
  readonly body: TestBody;
}
type Hook = "beforeAll" | "afterAll" | "beforeEach" | "afterEach";
type Arguments = [name: string, body: TestBody] | [name: string, options: TestOptions, body: TestBody];

let current: Suite | undefined;

function unpack(args: Arguments): { name: string; options: TestOptions; body: TestBody } {
  return args.length === 2
    ? { name: args[0], options: {}, body: args[1] }
    : { name: args[0], options: args[1], body: args[2] };
}

/** Groups tests. Its body registers them; at the top level it becomes one `Deno.test`. */
export function describe(...args: Arguments): void {
  const { name, options, body } = unpack(args);
  const suite: Suite = {
    name,
    ignore: options.ignore ?? false,
    parent: current,
    children: [],
    hooks: { beforeAll: [], afterAll: [], beforeEach: [], afterEach: [] },
  };
  current = suite;
  try {
    body();
  } finally {
    current = suite.parent;
  }
  if (suite.parent) suite.parent.children.push(suite);
  else {
    Deno.test({
      name,
      ignore: suite.ignore,
      sanitizeOps: true,
      sanitizeResources: true,
      fn: (context) => runSuite(suite, context),
    });
  }
}

/** A group that is reported and not run. */
describe.ignore = (name: string, body: TestBody): void => describe(name, { ignore: true }, body);

/** One test. */
export function it(...args: Arguments): void {
  const { name, options, body } = unpack(args);
  const ignore = options.ignore ?? false;
  if (current) current.children.push({ name, ignore, body });
  else Deno.test({ name, ignore, fn: body, sanitizeOps: true, sanitizeResources: true });
}

/** A test that is reported and not run. */
it.ignore = (name: string, body: TestBody): void => it(name, { ignore: true }, body);

async function runSuite(suite: Suite, context: Deno.TestContext): Promise<void> {
  try {
    for (const hook of suite.hooks.beforeAll) await hook();
    for (const child of suite.children) {
      await context.step({
        name: child.name,
        ignore: child.ignore,
        sanitizeOps: false, // the top-level test is checked as a whole: hooks may open what steps share
        sanitizeResources: false,
        fn: async (step) => {
          if ("children" in child) return runSuite(child, step);
          const suites = lineage(suite);
          try {
            for (const each of suites) for (const hook of each.hooks.beforeEach) await hook();
            await child.body();
          } finally {
            for (const each of suites.toReversed()) for (const hook of each.hooks.afterEach) await hook();
          }
        },
      });
    }
  } finally {
    for (const hook of suite.hooks.afterAll) await hook();
  }
}

function lineage(suite: Suite): Suite[] {
  return suite.parent ? [...lineage(suite.parent), suite] : [suite];
}

function addHook(kind: Hook, body: TestBody): void {
  if (!current) throw new Error(`Cannot register ${kind}() here: it must be called inside describe()`);
  current.hooks[kind].push(body);
}

/** Runs once before the tests of the enclosing describe. */
export function beforeAll(body: TestBody): void {
  addHook("beforeAll", body);
}
/** Runs once after them, also when one failed. */
export function afterAll(body: TestBody): void {
  addHook("afterAll", body);
}
/** Runs before each of them. */
export function beforeEach(body: TestBody): void {
  addHook("beforeEach", body);
}
/** Runs after each of them, also when it failed. */
export function afterEach(body: TestBody): void {
  addHook("afterEach", body);
}
