import * as Effect from "effect/Effect"
import type { FoundLine, SearchRequest, SearchStep, StoreSearch } from "../ports/StoreSearch.js"
import * as Wire from "../protocol/Wire.js"
import * as Words from "../protocol/Words.js"
import * as MemoryLines from "./MemoryLines.js"
import type { MemoryConversation, MemoryLine, MemoryState } from "./MemoryState.js"

/** The most lines that a step passes and the most bytes of text that it reads. It runs in the server's own thread. */
const stepLines = 4_096
const stepBytes = 32_768

/** Searches of the store in memory. They have no index, and read the lines. */
export const make = (state: MemoryState): StoreSearch => ({
  search: (request) => Effect.sync(() => search(state, request)),
  index: Effect.succeed(false)
})

const search = (state: MemoryState, { from, limit, phrases, reader, within }: SearchRequest): SearchStep => {
  const before = from ?? state.lastLine + 1
  const after = Math.max(0, before - stepLines)
  const isMatch = Words.matching(phrases)
  const found: Array<FoundLine> = []
  let bytes = 0
  for (const { conversation, line } of linesBetween(state, { after, before, reader, within })) {
    if (found.length >= limit || bytes >= stepBytes) return { lines: found, next: line.id + 1 }
    bytes += line.text.length
    if (!isMatch(Words.of(Wire.decode(line.text)))) continue
    found.push({ conversation: conversation.id, key: conversation.key, line: MemoryLines.shown(line) })
  }
  return { lines: found, next: after > 1 ? after : undefined }
}

/** The lines between two ids that the reader may read, newest first. */
const linesBetween = (
  state: MemoryState,
  { after, before, reader, within }: Pick<SearchRequest, "reader" | "within"> & { after: number; before: number }
): ReadonlyArray<{ readonly conversation: MemoryConversation; readonly line: MemoryLine }> => {
  const conversations =
    within === undefined
      ? reader === "guest"
        ? []
        : [...state.conversations.values()]
      : [...new Set(within)].flatMap((id) => state.conversations.get(id) ?? [])
  return conversations
    .flatMap((conversation) => {
      const first = MemoryLines.firstFor(conversation, reader)
      if (first === undefined) return []
      const { lines } = conversation
      const start = Math.max(indexOf(lines, after), first - conversation.first)
      return lines.slice(start, indexOf(lines, before)).map((line) => ({ conversation, line }))
    })
    .toSorted((one, other) => other.line.id - one.line.id)
}

/** The index of the first line with this id or a higher one. */
const indexOf = (lines: ReadonlyArray<MemoryLine>, id: number): number => {
  let [low, high] = [0, lines.length]
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    if ((lines[middle]?.id ?? 0) >= id) high = middle
    else low = middle + 1
  }
  return low
}
