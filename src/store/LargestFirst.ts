import type { ConversationId } from "../ports/StoreLines.js"

interface Entry {
  readonly id: ConversationId
  bytes: number
}

/**
 * A binary heap of conversations, the largest first. There may be hundreds of thousands, of which a step of retention
 * needs a few. Sorting them all, or a linear search each time, would occupy the store's thread for too long.
 */
export class LargestFirst {
  private readonly heap: Array<Entry>

  constructor(sizes: ReadonlyMap<ConversationId, { readonly bytes: number }>) {
    this.heap = Array.from(sizes, ([id, { bytes }]) => ({ id, bytes }))
    for (let at = (this.heap.length >> 1) - 1; at >= 0; at--) this.sink(at)
  }

  get largest(): ConversationId | undefined {
    return this.heap[0]?.id
  }

  /** The largest conversation has become smaller. */
  shrink(bytes: number) {
    const [top] = this.heap
    if (top === undefined) return
    top.bytes = bytes
    this.sink(0)
  }

  /** Removes the largest conversation. */
  pop() {
    const last = this.heap.pop()
    if (last === undefined || this.heap.length === 0) return
    this.heap[0] = last
    this.sink(0)
  }

  private sink(from: number) {
    const { heap } = this
    const moved = heap[from]
    if (moved === undefined) return
    let at = from
    for (;;) {
      let child = 2 * at + 1
      const [left, right] = [heap[child], heap[child + 1]]
      if (left === undefined) break
      if (right !== undefined && right.bytes > left.bytes) child += 1
      const larger = right !== undefined && right.bytes > left.bytes ? right : left
      if (larger.bytes <= moved.bytes) break
      heap[at] = larger
      at = child
    }
    heap[at] = moved
  }
}
