import * as Mention from "../../client/Mention.js"

/** A part of a text: plain, the user's name, or a link, which leads to `http:` or `https:` and nowhere else. */
export type TextPart =
  | { readonly kind: "plain" | "mention"; readonly text: string }
  | { readonly kind: "link"; readonly text: string; readonly href: string }

/** Not the characters that change the direction of a text: a link could then look like another one. */
const link = /\bhttps?:\/\/[^\s<>"'`\p{Bidi_Control}\p{Default_Ignorable_Code_Point}]+/giu

/** What ends a sentence rather than a link. */
const trailing = ".,;:!?*_~"

/** A closing bracket belongs to a link only if it has the opening one. */
const brackets: ReadonlyMap<string, string> = new Map([
  [")", "("],
  ["]", "["],
  ["}", "{"]
])

/** No one clicks on more, and they would take time. */
const maxLinks = 200

/** The link in what was found, which may reach too far. */
const withoutEnd = (found: string): string => {
  const counts = new Map<string, number>()
  for (const character of found) counts.set(character, (counts.get(character) ?? 0) + 1)
  let end = found.length
  for (; end > 0; end--) {
    const last = found.charAt(end - 1)
    const [closed, opened] = [counts.get(last) ?? 0, counts.get(brackets.get(last) ?? "") ?? 0]
    if (!trailing.includes(last) && !(brackets.has(last) && closed > opened)) break
    counts.set(last, closed - 1)
  }
  return found.slice(0, end)
}

/** The address of a link; undefined if it is none that a browser may open. */
const hrefOf = (text: string): string | undefined => {
  try {
    const { href, protocol } = new URL(text)
    return protocol === "https:" || protocol === "http:" ? href : undefined
  } catch {
    return undefined
  }
}

/** @param own the user's name, which is marked; empty for none */
export const parse = (text: string, own: string): ReadonlyArray<TextPart> => {
  const parts: Array<TextPart> = []
  let at = 0
  for (const { 0: found, index } of text.matchAll(link)) {
    if (parts.length > maxLinks) break
    const shown = withoutEnd(found)
    const href = hrefOf(shown)
    if (href === undefined) continue
    parts.push(...plain(text.slice(at, index), own), { kind: "link", text: shown, href })
    at = index + shown.length
  }
  parts.push(...plain(text.slice(at), own))
  return parts
}

const plain = (text: string, own: string): ReadonlyArray<TextPart> => {
  const parts: Array<TextPart> = []
  let at = 0
  for (const { end, start } of own === "" ? [] : Mention.find(text, own)) {
    if (start > at) parts.push({ kind: "plain", text: text.slice(at, start) })
    parts.push({ kind: "mention", text: text.slice(start, end) })
    at = end
  }
  if (at < text.length) parts.push({ kind: "plain", text: text.slice(at) })
  return parts
}
