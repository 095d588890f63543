import * as Name from "./Name.js"
import { notice } from "./Reply.js"

/** The server's reports about kept lines (protocol, section 12). Names are in wire form. */

/** The greatest `limit` of a page and of a search. */
export const maxPageLines = 100

/**
 * A kept line.
 *
 * @param conversation a room, or the other name of a direct conversation
 * @param params each after a space
 */
export const past = (
  conversation: string,
  author: string,
  params: string,
  text: string,
  label: string | undefined
): string => notice("past", `${Name.show(conversation)} ${author}${params}`, text, label)

/** A range of line numbers, both ends included. */
interface LineRange {
  readonly first: number
  readonly last: number
}

/**
 * The end of a page.
 *
 * @param covered the numbers of its first and its last line; undefined if there are none
 * @param damaged lines in this range that are left out because they cannot be read
 */
export const endHistory = (
  conversation: string,
  {
    covered,
    damaged = [],
    hasMore
  }: {
    readonly covered: LineRange | undefined
    readonly damaged?: ReadonlyArray<LineRange>
    readonly hasMore: boolean
  },
  label: string | undefined
): string => {
  const range = covered === undefined ? "" : ` first=${covered.first} last=${covered.last}`
  const without = damaged.length === 0 ? "" : ` damaged=${damaged.map(numbersOf).join("+")}`
  const params = `history ${Name.show(conversation)}${range}${without}${hasMore ? " more=yes" : ""}`
  return notice("end", params, without === "" ? "a page" : "a page; the lines of these numbers are damaged", label)
}

const numbersOf = ({ first, last }: LineRange): string => (first === last ? `${first}` : `${first}-${last}`)

/** The end of a search's results; with `isDamaged`, some lines could not be searched. */
export const endSearch = (count: number, isDamaged: boolean, label: string | undefined): string =>
  isDamaged
    ? notice("end", `search count=${count} damaged=yes`, "lines found; damaged ones were not searched", label)
    : notice("end", `search count=${count}`, "lines found, newest first", label)

export interface ListedConversation {
  readonly name: string
  /** The other party is a guest, whose name may later belong to another client. */
  readonly isWithGuest: boolean
  readonly last: number
  readonly read: number
  /** When its last line was stored, in milliseconds since 1970. */
  readonly at: number
}

export const conversations = (
  all: ReadonlyArray<ListedConversation>,
  label: string | undefined
): ReadonlyArray<string> => [
  ...all.map(({ at, isWithGuest, last, name, read }) => {
    const params = `${Name.show(name)}${isWithGuest ? " guest=yes" : ""} last=${last} read=${read} at=${at}`
    return notice("conversation", params, "a conversation", label)
  }),
  notice("end", `conversations count=${all.length}`, "all conversations", label)
]

/** An account's read mark in a conversation; without a label for its other devices. */
export const read = (conversation: string, seq: number, label?: string): string =>
  notice("read", `${Name.show(conversation)} seq=${seq}`, "read up to here", label)
