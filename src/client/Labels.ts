/**
 * The labels of one run of a client, over all its connections: a prefix, and a number that is never used twice. So a
 * line that is sent again on the next connection keeps its label, and no other line has it (`once`, protocol, section
 * 10).
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
export const unique = (): Labels => new Labels(`${randomText()}.`)

/** Twelve random characters that a label may have. Works in browsers as well, also over plain HTTP. */
export const randomText = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => alphabet[byte & 63]).join("")

/** base64url */
const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
