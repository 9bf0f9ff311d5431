// This module is browser compatible.
/**
 * How threads share a job, in WebAssembly: tickets in shared memory, no lock.
 *
 * A job is a table entry, its arguments and a run of tickets, one a task. Tickets are numbered on from job to
 * job and never reset, so a thread that wakes late either wins a ticket of the job it has read, or none: winning
 * proves that the ticket was still open, and while one is open no other job is published.
 */

import { JOB } from "./arguments.ts";
import { type FunctionBuilder, integers, type ModuleBuilder } from "./assembler.ts";
import { I32 } from "./values.ts";

/** Words of the control block, in bytes from the memory's start; the busy ones have a cache line each. */
export const CONTROL = {
  /** The next ticket to be taken. */
  next: 1024,
  /** The ticket after the job's last. Changing it publishes a job. */
  end: 1088,
  /** Tickets done. Equal to `end` when the job is. */
  done: 1152,
  /** Workers asleep on `end`. */
  asleep: 1216,
  /** Not 0: workers return. */
  stop: 1280,
  /** Tasks that failed in a worker. */
  failed: 1284,
  /** The job: its table entry, and the ticket of its task 0. */
  entry: 1344,
  base: 1348,
  /** One word a worker: 1 from its start until it retires. */
  alive: 1536,
} as const;

/** Most workers: there is one `alive` word for each. */
export const MOST_WORKERS = 63;

/** Where a job's arguments are. */
export const ARGUMENTS = 2048;
/** Room for them. */
export const ARGUMENT_SLOTS = 256;
/** Where the first thread's scratch memory begins. */
export const SCRATCH = 65536;

/** How often a thread looks again before it sleeps: some tens of microseconds. */
const SPINS = 20000;
/** How long a worker sleeps before it retires: a program that forgets to close the pool ends after that. */
const IDLE_NS = 2e9;
/** How long the caller waits without any task being done before it gives the job up. */
const PATIENCE_NS = 30e9;

/**
 * Defines and exports the pool's functions:
 * - `alone(entry, args, scratch, first, last)` runs tasks of a job on this thread.
 * - `work(scratch)` takes tickets until none is left.
 * - `serve(scratch, alive)` works and waits for work, until told to stop or idle for long: a worker's life.
 * - `finish()` waits for the tickets that others hold; `done` differs from `end` afterwards if they never came.
 */
export function definePool(module: ModuleBuilder): void {
  const job = module.type(Object.values(JOB));
  const zero = I32.of(0);
  const word = (name: keyof typeof CONTROL) => zero.atomicLoad(CONTROL[name]);

  const aloneParameters = { entry: "i32", ...JOB } as const;
  module.export(
    "alone",
    module.define(aloneParameters, (f, { entry, args, scratch, first, last }) => {
      f.callEntry(entry, job, args, scratch, first, last);
    }),
  );

  const work = module.define(integers("scratch"), (f, { scratch }) => {
    const [next, end, entry, task] = [f.i32(), f.i32(), f.i32(), f.i32()];
    const look = () => {
      f.set(next, word("next"));
      f.set(end, word("end"));
    };
    look();
    f.while(next.ne(end), () => {
      f.set(entry, zero.load(CONTROL.entry));
      f.set(task, next.sub(zero.load(CONTROL.base)));
      f.if(zero.atomicCompareExchange(next, next.add(1), CONTROL.next).eq(next), () => {
        f.callEntry(entry, job, I32.of(ARGUMENTS), scratch, task, task.add(1));
        f.if(zero.atomicAdd(1, CONTROL.done).add(1).eq(end), () => {
          f.discard(zero.atomicNotify(1, CONTROL.done));
        });
      });
      look();
    });
  });
  module.export("work", work);

  /** Looks until `settled` or tired; the caller then sleeps. */
  const spin = (f: FunctionBuilder, settled: I32) => {
    const spins = f.i32(SPINS);
    f.while(settled.not().and(spins.ne(0)), () => f.step(spins, -1));
  };

  module.export(
    "serve",
    module.define(integers("scratch", "alive"), (f, { scratch, alive }) => {
      const [end, idle] = [f.i32(), f.i32()];
      f.while(word("stop").or(idle).not(), () => {
        f.call(work, { scratch });
        f.set(end, word("next")); // No ticket is open, or another thread has just taken the last one.
        spin(f, word("end").ne(end).or(word("stop")));
        f.discard(zero.atomicAdd(1, CONTROL.asleep));
        f.if(word("stop").not(), () => f.set(idle, zero.atomicWait(end, IDLE_NS, CONTROL.end).eq(2)));
        f.discard(zero.atomicAdd(-1, CONTROL.asleep));
      });
      f.discard(alive.atomicAdd(-1));
    }),
  );

  module.export(
    "finish",
    module.define({}, (f) => {
      const [done, late] = [f.i32(), f.i32()];
      spin(f, word("done").eq(word("end")));
      f.set(done, word("done"));
      f.while(done.ne(word("end")).and(late.not()), () => {
        const answer = f.i32(zero.atomicWait(done, PATIENCE_NS, CONTROL.done));
        f.set(late, answer.eq(2));
        f.set(done, word("done"));
      });
    }),
  );
}
