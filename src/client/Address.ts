import * as Name from "../protocol/Name.js"

/** Lines in a room that are addressed to one name: `bob: hi`, `bob, hi`, `@bob hi` or `bob` alone. */

const address = /^(@?)([\p{L}\p{M}\p{Nd}_.-]+)([:,]?)(?:\s+|$)/u

/**
 * The rest of a line that is addressed to this name; undefined if it is not. Case makes no difference, because only one
 * of two names that look the same can be present.
 */
export const textFor = (text: string, name: string): string | undefined => {
  const [whole = "", at = "", found = "", mark = ""] = address.exec(text) ?? []
  // `.` and `-` may end a name or a sentence.
  const isName = name !== "" && Name.likeness(found) === Name.likeness(name)
  if (!isName) return undefined
  const rest = text.slice(whole.length)
  // `Bob is away` is about bob.
  return at !== "" || mark !== "" || rest === "" ? rest : undefined
}
