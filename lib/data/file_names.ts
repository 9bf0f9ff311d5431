// This module is browser compatible.
/** File names that come from other people's files, and must not lead out of the picture folder. */

/**
 * Refuses a name that would leave its folder on any system: absolute, with `..`, a drive or a backslash.
 *
 * @param source The file that holds the name, for the message.
 * @throws {SyntaxError} If the name is unsafe.
 */
export function checkFileName(name: string, source: string): void {
  const problem = unsafe(name);
  if (!problem) return;
  throw new SyntaxError(
    `Cannot read ${source}: the file name ${JSON.stringify(name.slice(0, 200))} ${problem}, ` +
      `it should be a name inside the picture folder, such as "dog.jpg" or "park/dog.jpg"`,
  );
}

function unsafe(name: string): string | undefined {
  if (name.trim() === "") return "is empty";
  if (name.length > 1024) return "is longer than 1,024 characters";
  // deno-lint-ignore no-control-regex -- control characters are what is looked for
  if (/[\u0000-\u001f\u007f]/.test(name)) return "holds a control character";
  if (name.includes("\\")) return "holds a backslash";
  if (name.startsWith("/")) return "is an absolute path";
  if (/^[A-Za-z]:/.test(name)) return "names a drive";
  if (name.split("/").includes("..")) return 'holds ".."';
  return undefined;
}

/**
 * One spelling for all names of one file: "./dog.jpg" and "park//dog.jpg" as "dog.jpg" and "park/dog.jpg", and accents
 * composed. Else a picture would be two, and one of them might be trained on and the other tested.
 */
export function tidyFileName(name: string): string {
  return name.trim().replace(/\/{2,}/g, "/").replace(/(^|\/)(?:\.\/)+/g, "$1").normalize("NFC");
}
