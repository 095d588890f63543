import { fieldsOf, type Memory, parseJson } from "./Ports.js"
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
 * The lines that no server keeps, in the memory of the tab: they are acknowledged once they are here, and so are still on
 * the screen after the page was loaded again.
 */
export class UnkeptLines {
  private lines: ReadonlyArray<UnkeptLine>
  private isToBeSaved = false

  constructor(
    private readonly memory: Memory,
    private readonly key: string
  ) {
    const saved = parseJson(memory.read(key))
    this.lines = Array.isArray(saved) ? saved.flatMap((value) => parse(value) ?? []) : []
  }

  get all(): ReadonlyArray<UnkeptLine> {
    return this.lines
  }

  add(added: UnkeptLine): void {
    let units = 0
    // The newest first.
    const all = [added, ...this.lines.toReversed()].slice(0, maxLines)
    this.lines = all.filter(({ line }) => (units += line.text.length) <= maxUnits).toReversed()
    this.save()
  }

  clear(): void {
    this.lines = []
    this.save()
  }

  private save() {
    if (this.isToBeSaved) return
    this.isToBeSaved = true
    queueMicrotask(() => {
      this.isToBeSaved = false
      this.memory.write(this.key, this.lines.length === 0 ? undefined : JSON.stringify(this.lines))
    })
  }
}
