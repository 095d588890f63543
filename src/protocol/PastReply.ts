import * as Name from "./Name.js"
import { notice } from "./Reply.js"

/** What the server says about lines that it keeps (protocol, section 12). Names are in wire form. */

/**
 * A line that is kept.
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

/** The end of a page, whose lines have numbers from `first` to `last`; both are undefined if there are none. */
export const endHistory = (
  conversation: string,
  {
    first,
    hasMore,
    last
  }: { readonly first?: number | undefined; readonly last?: number | undefined; readonly hasMore: boolean },
  label: string | undefined
): string => {
  const range = first === undefined ? "" : ` first=${first} last=${last}`
  return notice("end", `history ${Name.show(conversation)}${range}${hasMore ? " more=yes" : ""}`, "a page", label)
}

/** The end of the lines that were found. */
export const endSearch = (count: number, label: string | undefined): string =>
  notice("end", `search count=${count}`, "lines found, newest first", label)

export interface ConversationFacts {
  readonly name: string
  /** The other party is a guest, whose name others may have, too. */
  readonly isWithGuest: boolean
  readonly last: number
  readonly read: number
  /** When its last line was stored, in milliseconds since 1970. */
  readonly at: number
}

export const conversations = (
  all: ReadonlyArray<ConversationFacts>,
  label: string | undefined
): ReadonlyArray<string> => [
  ...all.map(({ at, isWithGuest, last, name, read }) => {
    const params = `${Name.show(name)}${isWithGuest ? " guest=yes" : ""} last=${last} read=${read} at=${at}`
    return notice("conversation", params, "a conversation", label)
  }),
  notice("end", `conversations count=${all.length}`, "all conversations", label)
]

/** How far an account has read a conversation; without a label for its other devices. */
export const read = (conversation: string, seq: number, label?: string): string =>
  notice("read", `${Name.show(conversation)} seq=${seq}`, "read up to here", label)
