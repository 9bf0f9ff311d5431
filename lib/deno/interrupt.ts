// This module runs in Deno only.

/** Watches for Ctrl-C while a script works. */
export interface Interrupt {
  /** Whether SIGINT, SIGTERM or SIGUSR2 has come. The script then saves and ends; a second one ends it at once. */
  readonly requested: boolean;
  /** Lets signals and timers through: long computations must call it now and then. Returns soon. */
  breathe(): Promise<void>;
  /** Stops watching. */
  close(): void;
}

/** Longest time that a computation keeps signals waiting, in milliseconds. */
const BREATH_MS = 100;

/** Starts to watch. `onFirst` is called at the first signal: it tells the person what will happen now. */
export function watchInterrupt(onFirst: () => void = () => {}): Interrupt {
  let requested = false;
  let last = performance.now();
  const onSignal = () => {
    if (requested) Deno.exit(130);
    requested = true;
    onFirst();
  };
  // SIGUSR2 is what mpirun passes on, and batch systems send before the time is up.
  const signals: Deno.Signal[] = Deno.build.os === "windows" ? ["SIGINT"] : ["SIGINT", "SIGTERM", "SIGUSR2"];
  for (const signal of signals) Deno.addSignalListener(signal, onSignal);
  return {
    get requested() {
      return requested;
    },
    async breathe() {
      if (performance.now() - last < BREATH_MS) return;
      await new Promise((resolve) => setTimeout(resolve, 0));
      last = performance.now();
    },
    close() {
      for (const signal of signals) Deno.removeSignalListener(signal, onSignal);
    },
  };
}
