import { type TextMemory, parseJson } from "./Ports.js"

/** A list in the browser's memory, which outlives the page. */
export class SavedList<A> {
  private items: ReadonlyArray<A>
  private isToBeSaved = false

  /** @param parse an item from JSON; undefined if it is none, such as one of another version, which is left out */
  constructor(
    private readonly memory: TextMemory,
    private readonly key: string,
    parse: (value: unknown) => A | undefined
  ) {
    const saved = parseJson(memory.read(key))
    this.items = Array.isArray(saved) ? saved.flatMap((value) => parse(value) ?? []) : []
  }

  get all(): ReadonlyArray<A> {
    return this.items
  }

  /** Removes everything, also from the memory, before it returns. */
  clear(): void {
    this.items = []
    this.memory.write(this.key, undefined)
  }

  /** Writes once for all changes of one task, such as a paste of many lines, and before anything else happens. */
  set(items: ReadonlyArray<A>): void {
    this.items = items
    if (this.isToBeSaved) return
    this.isToBeSaved = true
    queueMicrotask(() => {
      this.isToBeSaved = false
      this.memory.write(this.key, this.items.length === 0 ? undefined : JSON.stringify(this.items))
    })
  }
}
