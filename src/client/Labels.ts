import { randomBytes } from "node:crypto"

/**
 * The labels of one run of a client, over all its connections: a prefix, and a number that is never used twice. So a line
 * that is sent again on the next connection has the label that it had before, and no other line has it (`once`, protocol,
 * section 10).
 */
export class Labels {
  private last = 0

  /** @param prefix at most 16 of the characters that a label may have; empty where labels end with their connection */
  constructor(readonly prefix = "") {}

  next(): number {
    this.last += 1
    return this.last
  }
}

/** Labels that no other run has: the server remembers those of a device for as long as it keeps their lines. */
export const unique = (): Labels => new Labels(`${randomBytes(9).toString("base64url")}.`)
