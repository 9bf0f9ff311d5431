// This module is browser compatible.

/** Why a picture cannot be used. */
export type PictureProblem =
  | "unreadable" // not found, a folder, no permission
  | "empty" // no bytes at all
  | "unsupported" // a picture of a kind that nobody here decodes
  | "not a picture" // HTML, PDF, text, noise
  | "too large" // more pixels than allowed, by its header
  | "truncated" // ends too early
  | "corrupt" // the decoder refuses it
  | "crashed"; // the decoder's thread died on it

/** A picture that cannot be read, with a message that names it. */
export class PictureError extends Error {
  override readonly name = "PictureError";
  /** What was tried on which file. */
  readonly subject: string;
  /** The kind of problem. */
  readonly problem: PictureProblem;
  /** What is wrong, without the file's name. */
  readonly reason: string;

  /**
   * @param subject What was tried on which file, as in "decode photo.webp".
   * @param problem Kind of problem.
   * @param reason Rest of the sentence, as in "it is empty".
   */
  constructor(subject: string, problem: PictureProblem, reason: string) {
    super(`Cannot ${subject}: ${reason}`);
    this.subject = subject;
    this.problem = problem;
    this.reason = reason;
  }
}
