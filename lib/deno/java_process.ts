// This module runs in Deno only.
/** A Java program that is spoken to over a pipe, line by line; its death is an error that says what it said. */

/** How to start a Java program. */
export interface JavaOptions {
  /** The Java to run. Default "java", found on the path. */
  readonly java?: string;
  /** Most memory it may take, as Java's -Xmx takes it. */
  readonly memory: string;
}

const LAST_WORDS = 5; // lines of its complaints that an error shows

/** What mends a death that says less than it should. */
const HINTS: readonly [sign: RegExp, advice: string][] = [
  [/scriptEngine" is null/, "this program needs Java 8 to 14"], // the JavaScript engine left Java with version 15
  [
    /NoClassDefFoundError: edu\/stanford/,
    "this program needs Stanford CoreNLP 3.6.0 and its models in lib/ beside it",
  ],
];

/** A running jar. */
export class JavaProcess implements AsyncDisposable {
  readonly #jar: string;
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #output: ReadableStreamDefaultReader<string>;
  readonly #complaints: Promise<string>;
  #rest = "";
  #lines: string[] = [];

  /**
   * @param args Arguments of the jar.
   * @throws {Error} If the jar or Java is not there.
   */
  constructor(jar: string, args: readonly string[], options: JavaOptions) {
    const { java = "java", memory } = options;
    requireFile(jar);
    this.#jar = jar;
    try {
      this.#child = new Deno.Command(java, {
        args: [`-Xmx${memory}`, "-jar", jar, ...args],
        stdin: "piped",
        stdout: "piped",
        stderr: "piped",
      }).spawn();
    } catch (error) {
      if (error instanceof Deno.errors.NotCapable) {
        throw new Error(
          `Cannot run ${jar}: starting programs is not allowed, add --allow-run=${java} to the command`,
        );
      }
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      throw new Error(`Cannot run ${jar}: found no "${java}", install a Java runtime (openjdk 8 or later)`);
    }
    this.#input = this.#child.stdin.getWriter();
    this.#output = this.#child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    this.#complaints = new Response(this.#child.stderr).text();
  }

  /**
   * Sends one line.
   *
   * @throws {Error} If the program ended.
   */
  async send(line: string): Promise<void> {
    try {
      await this.#input.write(new TextEncoder().encode(`${line}\n`));
    } catch {
      throw await this.#death(); // a broken pipe says less than the program's own last words
    }
  }

  /**
   * The next line it writes.
   *
   * @throws {Error} If the program ended instead.
   */
  async receive(): Promise<string> {
    while (this.#lines.length === 0) {
      const { value, done } = await this.#output.read();
      if (done) throw await this.#death();
      const lines = (this.#rest + value).split("\n");
      this.#rest = lines.pop()!;
      this.#lines = lines.reverse(); // taken from the end
    }
    return this.#lines.pop()!.trimEnd();
  }

  /** Waits until the program has ended by itself. @throws {Error} If it failed. */
  async finish(): Promise<void> {
    await this.#input.close();
    while (!(await this.#output.read()).done);
    if (!(await this.#child.status).success) throw await this.#death();
  }

  /** Ends the program. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill();
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // it had ended already
    }
    await this.#child.status;
    await this.#complaints;
    await Promise.allSettled([this.#input.abort(), this.#output.cancel()]);
  }

  async #death(): Promise<Error> {
    const { code, signal } = await this.#child.status;
    const lines = (await this.#complaints).trim().split("\n");
    const telling = lines.filter((line) => /error|exception/i.test(line)); // not the chatter, not the stack
    const said = (telling.length > 0 ? telling : lines).slice(-LAST_WORDS).join("\n  ");
    const how = signal ? `was ended by ${signal}` : `ended with code ${code}`;
    const hint = HINTS.filter(([sign]) => sign.test(said)).map(([, advice]) => `\n${advice}`).join("");
    return new Error(`Cannot go on with ${this.#jar}: java ${how}, it said\n  ${said || "(nothing)"}${hint}`);
  }
}

function requireFile(path: string): void {
  try {
    if (Deno.statSync(path).isFile) return;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  throw new Error(`Cannot run ${path}: not found, should be the path of a jar file`);
}
