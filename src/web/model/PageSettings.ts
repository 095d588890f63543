import { fieldsOf, type TextMemory, parseJson } from "./Ports.js"

/** What the browser remembers of one conversation. */
export interface KeptSettings {
  readonly draft?: string
  readonly isMuted?: boolean
  /** Lines up to this number were given to the other one: the server says so only once. */
  readonly delivered?: number
}

/** A conversation beyond these is forgotten. */
const maxKept = 500

const parseOne = (value: unknown): KeptSettings => {
  const { delivered, draft, isMuted } = fieldsOf(value)
  return {
    ...(typeof draft === "string" && draft !== "" ? { draft } : {}),
    ...(isMuted === true ? { isMuted } : {}),
    ...(typeof delivered === "number" ? { delivered } : {})
  }
}

/**
 * What the browser remembers of the user's conversations: drafts, which are muted, receipts; and which log they belong
 * to.
 */
export class PageSettings {
  private log: string
  private readonly kept: Map<string, KeptSettings>
  private isToBeSaved = false

  constructor(
    private readonly memory: TextMemory,
    private readonly key: string
  ) {
    const { conversations, log } = fieldsOf(parseJson(memory.read(key)))
    this.log = typeof log === "string" ? log : ""
    this.kept = new Map(Object.entries(fieldsOf(conversations)).map(([name, value]) => [name, parseOne(value)]))
  }

  of(name: string): KeptSettings {
    return this.kept.get(name) ?? {}
  }

  get names(): ReadonlyArray<string> {
    return [...this.kept.keys()]
  }

  change(name: string, by: KeptSettings): void {
    const changed = parseOne({ ...this.of(name), ...by })
    this.kept.delete(name)
    if (Object.keys(changed).length > 0) this.kept.set(name, changed)
    for (const oldest of this.kept.keys()) {
      if (this.kept.size <= maxKept) break
      this.kept.delete(oldest)
    }
    this.save()
  }

  /** The server has said which log it has. Returns whether it is another one than before. */
  useLog(log: string): boolean {
    if (log === this.log) return false
    this.log = log
    for (const [name, { delivered: _, ...rest }] of this.kept) this.kept.set(name, rest)
    this.save()
    return true
  }

  /** Removes everything, also from the memory, before it returns. */
  clear(): void {
    this.log = ""
    this.kept.clear()
    this.memory.write(this.key, undefined)
  }

  private save() {
    if (this.isToBeSaved) return
    this.isToBeSaved = true
    queueMicrotask(() => {
      this.isToBeSaved = false
      const isEmpty = this.kept.size === 0 && this.log === ""
      const value = { log: this.log, conversations: Object.fromEntries(this.kept) }
      this.memory.write(this.key, isEmpty ? undefined : JSON.stringify(value))
    })
  }
}
