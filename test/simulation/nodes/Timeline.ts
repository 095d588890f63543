interface Due {
  readonly at: number
  readonly order: number
  readonly run: () => void
  isCalledOff: boolean
}

/** The time that all nodes and the engine share: what is due, in the order of time and then of the calls. */
export class Timeline {
  now = 0
  /** How much was run so far. */
  count = 0
  private order = 0
  /** A binary heap. */
  private readonly heap: Array<Due> = []

  /** Calls back later; returns what calls it off. */
  readonly after = (millis: number, run: () => void): (() => void) => {
    const due = { at: this.now + Math.max(0, millis), order: ++this.order, run, isCalledOff: false }
    this.push(due)
    return () => {
      due.isCalledOff = true
    }
  }

  /** Moves the time forward. */
  pass(millis: number) {
    const until = this.now + millis
    for (;;) {
      const [next] = this.heap
      if (next === undefined || next.at > until) break
      this.pop()
      if (next.isCalledOff) continue
      this.now = next.at
      this.count += 1
      next.run()
    }
    this.now = until
  }

  private isBefore(one: number, other: number) {
    const [a, b] = [this.heap[one], this.heap[other]]
    if (a === undefined || b === undefined) return b === undefined
    return a.at < b.at || (a.at === b.at && a.order < b.order)
  }

  private swap(one: number, other: number) {
    const [a, b] = [this.heap[one], this.heap[other]]
    if (a === undefined || b === undefined) return
    this.heap[one] = b
    this.heap[other] = a
  }

  private push(due: Due) {
    this.heap.push(due)
    for (let place = this.heap.length - 1; place > 0;) {
      const parent = (place - 1) >> 1
      if (this.isBefore(parent, place)) return
      this.swap(parent, place)
      place = parent
    }
  }

  private pop() {
    const last = this.heap.pop()
    if (last === undefined || this.heap.length === 0) return
    this.heap[0] = last
    for (let place = 0; ;) {
      const [left, right] = [2 * place + 1, 2 * place + 2]
      const child = right < this.heap.length && this.isBefore(right, left) ? right : left
      if (child >= this.heap.length || this.isBefore(place, child)) return
      this.swap(place, child)
      place = child
    }
  }
}
