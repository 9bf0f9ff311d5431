// This module runs in Deno only.
/**
 * Progress on stderr: a bar with rate and time left on a terminal; elsewhere one plain line every ten seconds and
 * one at the end, so that a log shows life without filling up.
 */

import cliProgress from "cli-progress";

/** What a bar counts. */
export interface ProgressOptions {
  /** What is being done, e.g. "Downloading". */
  readonly label: string;
  /** How many units make the whole; undefined when not known. */
  readonly total?: number;
  /** e.g. "photos"; "bytes" is printed as kB, MB, GB. */
  readonly unit: string;
  /** Draw a bar. Default: whether stderr is a terminal. */
  readonly terminal?: boolean;
  /** Milliseconds between plain lines. Default 10,000. */
  readonly plainEveryMs?: number;
}

/** A bar (or its plain lines) at work. */
export interface ProgressBar {
  /** Units done so far, and a few words shown behind the rate. */
  update(done: number, note?: string): void;
  /** A line above the bar. */
  log(line: string): void;
  /** Ends it, leaving the last state to be seen. Later calls do nothing. */
  done(note?: string): void;
}

/** The part of cli-progress 3.12 used here; the package has no types. */
interface Bar {
  start(total: number, value: number, payload: { text: string }): void;
  update(value: number, payload: { text: string }): void;
  stop(): void;
}

const encoder = new TextEncoder();
const print = (text: string) => {
  Deno.stderr.writeSync(encoder.encode(text));
};

/** Starts a progress bar. Always end it with {@linkcode ProgressBar.done}, or a half-drawn line stays. */
export function progressBar(options: ProgressOptions): ProgressBar {
  const { label, total, unit, terminal = Deno.stderr.isTerminal(), plainEveryMs = 10_000 } = options;
  const meter = new RateMeter();
  let last = 0;
  let lastNote: string | undefined;
  let printedAt = performance.now();
  let ended = false;
  const state = () => {
    const rate = meter.perSecond();
    const count = total === undefined
      ? formatAmount(last, unit)
      : `${formatAmount(last, unit, total)} of ${formatAmount(total, unit)}`;
    const left = total !== undefined && rate > 0 && last < total
      ? `, ${formatSeconds((total - last) / rate)} left`
      : "";
    const speed = rate > 0 ? `, ${formatAmount(rate, unit)}/s` : "";
    return `${count}${speed}${left}${lastNote ? `, ${lastNote}` : ""}`;
  };
  let bar: Bar | undefined;
  if (terminal) {
    bar = new cliProgress.SingleBar({
      format: total === undefined ? `${label} {text}` : `${label} [{bar}] {percentage} % {text}`,
      barsize: 20,
      barCompleteChar: "=",
      barIncompleteChar: " ",
      fps: 8,
      etaBuffer: 2, // the rate and the time left are ours, in {text}
    }) as Bar;
    bar.start(total ?? 1, 0, { text: "" });
  }
  return {
    update(done, note) {
      if (ended) return;
      last = done;
      lastNote = note ?? lastNote;
      meter.add(done);
      if (bar) bar.update(total === undefined ? 0 : Math.min(done, total), { text: state() });
      else if (performance.now() - printedAt >= plainEveryMs) {
        printedAt = performance.now();
        print(`${label}: ${state()}\n`);
      }
    },
    log(line) {
      print(bar ? `\r\x1b[K${line}\n` : `${line}\n`);
    },
    done(note) {
      if (ended) return;
      ended = true;
      lastNote = note ?? lastNote;
      const text = `${formatAmount(last, unit)} in ${formatSeconds(meter.seconds())}${
        lastNote ? `, ${lastNote}` : ""
      }`;
      if (bar) {
        bar.update(total === undefined ? 0 : Math.min(last, total), { text });
        bar.stop();
      } else print(`${label}: ${text}\n`);
    },
  };
}

/** Units a second over the last ten seconds or so. */
class RateMeter {
  readonly #start = performance.now();
  #samples: [time: number, count: number][] = [[this.#start, 0]];
  #count = 0;

  add(count: number): void {
    this.#count = count;
    const now = performance.now();
    if (now - this.#samples[this.#samples.length - 1][0] < 200) return;
    this.#samples.push([now, count]);
    if (this.#samples.length > 50) this.#samples.shift();
  }

  perSecond(): number {
    const [time, count] = this.#samples[0];
    const seconds = (performance.now() - time) / 1000;
    return seconds > 0 ? Math.max(0, (this.#count - count) / seconds) : 0;
  }

  seconds(): number {
    return (performance.now() - this.#start) / 1000;
  }
}

/** "1,234 photos" or "12.3 MB". With `beside`, the unit is left to the amount that follows where it is the same. */
export function formatAmount(amount: number, unit: string, beside?: number): string {
  if (unit === "bytes") return formatBytes(amount);
  const digits = amount < 10 && !Number.isInteger(amount) ? 1 : 0;
  const number = amount.toLocaleString("en", { maximumFractionDigits: digits });
  const units = amount === 1 ? unit.replace(/(?<=..)(?:(?<=ch)es|s)$/, "") : unit; // "1 batch", but "1 ms"
  return beside === undefined ? `${number} ${units}` : number;
}

/** Bytes with decimal prefixes: 252872794 → "252.9 MB". */
export function formatBytes(bytes: number): string {
  let value = bytes;
  for (const unit of ["B", "kB", "MB", "GB"]) {
    if (value < 999.95) return `${unit === "B" ? Math.round(value) : value.toFixed(1)} ${unit}`;
    value /= 1000;
  }
  return `${value.toFixed(1)} TB`;
}

/** Seconds for people: "0.8 s", "42 s", "3 min 5 s", "2 h 10 min". */
export function formatSeconds(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
