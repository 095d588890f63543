import type { HelloWord } from "../protocol/HelloWord.js"

/**
 * The form in which a client wants messages: one bit for each word of `/hello` that adds a parameter to them. A number,
 * because lines are grouped by it when a route is resolved.
 */
export type LineForm = number

const bits = { auto: 1, to: 2 } as const satisfies Partial<Record<HelloWord, number>>

/** With all parameters. */
export const all: LineForm = bits.auto | bits.to

/** Without parameters: the form of nearly all clients. */
export const plain: LineForm = 0

export const of = (words: ReadonlySet<HelloWord>): LineForm =>
  (words.has("auto") ? bits.auto : plain) | (words.has("to") ? bits.to : plain)

/** Whether messages from programs are marked. */
export const marksPrograms = (form: LineForm): boolean => (form & bits.auto) !== 0

/** Whether messages list their other recipients. */
export const listsRecipients = (form: LineForm): boolean => (form & bits.to) !== 0
