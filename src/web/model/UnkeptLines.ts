import { fieldsOf, type TextMemory } from "./Ports.js"
import { SavedList } from "./SavedList.js"
import type { ShownLine } from "./Timeline.js"

/** A line that no server keeps, such as one between guests, and the number of the kept line that it came after. */
export interface UnkeptLine {
  readonly conversation: string
  readonly after: number
  readonly line: ShownLine
}

/** The oldest are forgotten beyond this number of lines, and of UTF-16 code units. */
const maxLines = 300
const maxUnits = 400_000

const parse = (value: unknown): UnkeptLine | undefined => {
  const { after, conversation, line } = fieldsOf(value)
  const { at, from, isOwn, key, state, text } = fieldsOf(line)
  if (typeof conversation !== "string" || typeof after !== "number" || typeof at !== "number") return undefined
  if (typeof from !== "string" || typeof text !== "string" || typeof key !== "string") return undefined
  const own = isOwn === true ? ({ state: state === "received" ? "received" : "stored" } as const) : {}
  return { conversation, after, line: { key, kind: "message", from, isOwn: isOwn === true, text, at, ...own } }
}

/**
 * The lines that no server keeps, in the memory of the tab: they are acknowledged once they are here, and so are still
 * on the screen after the page was loaded again.
 */
export class UnkeptLines {
  private readonly saved: SavedList<UnkeptLine>

  constructor(memory: TextMemory, key: string) {
    this.saved = new SavedList(memory, key, parse)
  }

  get all(): ReadonlyArray<UnkeptLine> {
    return this.saved.all
  }

  add(added: UnkeptLine): void {
    let units = 0
    // The newest first.
    const all = [added, ...this.all.toReversed()].slice(0, maxLines)
    this.saved.set(all.filter(({ line }) => (units += line.text.length) <= maxUnits).toReversed())
  }

  clear(): void {
    this.saved.clear()
  }
}
