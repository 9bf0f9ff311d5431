// This module runs in Deno only.
/** Where fixtures outside the project lie, and how tests behave where they are absent. */

/** Folder of photographs, goldens and odd pictures; `SHOWTELL_FIXTURES` names another. */
export const FIXTURES = Deno.env.get("SHOWTELL_FIXTURES") ??
  new URL("../../shared", import.meta.url).pathname;

/** In CI nothing may be ignored: what is missing fails. */
export const IN_CI = Deno.env.get("CI") === "true";

/** Whether tests that need `path` below {@linkcode FIXTURES} are to be ignored. In CI they never are. */
export function lacksFixture(path = ""): boolean {
  if (IN_CI) return false;
  try {
    Deno.statSync(`${FIXTURES}/${path}`);
    return false;
  } catch {
    return true; // absent: the test is reported as ignored
  }
}
