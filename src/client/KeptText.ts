import type { Gap, ReturnedLines } from "./Received.js"

/** Sentences about kept lines, for people. */

/** `bob: lines 4 to 9 are no longer kept` */
export const gap = ({ conversation, first, last }: Gap): string =>
  first === last
    ? `${conversation}: line ${first} is no longer kept`
    : `${conversation}: lines ${first} to ${last} are no longer kept`

const reasons = new Map([
  ["expired", "not read in time"],
  ["removed", "not read before the account was removed"]
])

/** `bob: 3 lines came back, not read in time` */
export const returned = ({ conversation, count, reason }: ReturnedLines): string =>
  `${conversation}: ${count === 1 ? "1 line" : `${count} lines`} came back, ${reasons.get(reason) ?? reason}`
