// What is known of a room: its lines, and who was in it. Imported, not run.

/** The lines of a room, as anybody has seen them. */
export class RoomLog {
  /** By number. */
  lines = new Map()
  #numbers = new Map()
  /** The highest number that anybody has seen. */
  last = 0
  /** Changes of the room that are not answered yet. */
  pending = 0
  isLocked = false
  /** Names of those who may be silenced. */
  silenced = new Set()

  constructor(name, owner, fail) {
    this.name = name
    this.owner = owner
    this.fail = fail
  }

  /** A client has received a line, or the report that it is stored. */
  saw(seq, author, text, who) {
    const known = this.lines.get(seq)
    if (known === undefined) {
      const other = this.#numbers.get(text)
      if (other !== undefined) this.fail(`${this.name}: "${text}" was stored twice, as ${other} and ${seq}`)
      this.#numbers.set(text, seq)
      this.lines.set(seq, { author, text })
      this.last = Math.max(this.last, seq)
    } else if (known.text !== text || known.author !== author) {
      this.fail(`${this.name}: for ${who}, ${seq} is "${text}" of ${author}; for others "${known.text}"`)
    }
  }
}

/** Numbers that mostly come in order. */
export class Numbers {
  /** First and last of each run, in order. */
  #runs = []
  #late = new Set()

  get last() {
    return this.#runs.at(-1)?.[1] ?? 0
  }

  get first() {
    return this.#runs[0]?.[0]
  }

  has(seq) {
    return this.#late.has(seq) || this.#runs.some(([first, last]) => first <= seq && seq <= last)
  }

  /** Returns false if the number was there. */
  add(seq) {
    const run = this.#runs.at(-1)
    if (run !== undefined && seq === run[1] + 1) run[1] = seq
    else if (run === undefined || seq > run[1]) this.#runs.push([seq, seq])
    else if (this.has(seq)) return false
    else this.#late.add(seq)
    return true
  }
}

/** A time in which a member was in a room: of the lines after `from`, it gets those of others. */
class Span {
  /** Undefined until it is known. */
  from = undefined
  isOver = false
  /** By device. */
  #received = new Map()

  constructor(floor) {
    /** `from` is at least this. */
    this.floor = floor
  }

  of(device) {
    const known = this.#received.get(device) ?? new Numbers()
    this.#received.set(device, known)
    return known
  }
}

/** A member and a room, which it enters and leaves. `state`: out, joining, in, leaving, or unknown after a kill. */
export class Membership {
  state = "out"
  spans = []
  /** The time since which it is out. */
  outSince = -Infinity

  get span() {
    return this.spans.at(-1)
  }

  /** @param last the last line of which anybody knows */
  join(last) {
    this.state = "joining"
    this.spans.push(new Span(last))
  }

  /** @param from the last line before it; undefined if nobody knows */
  entered(from) {
    this.state = "in"
    this.span.from ??= from
  }

  left() {
    this.state = "out"
    this.outSince = performance.now()
    if (this.span !== undefined) this.span.isOver = true
  }

  /** Surely not in the room, and not about to be. */
  get isOut() {
    return this.state === "out"
  }
}

/** The lines of a span that a device lacks. */
export const missing = (log, span, device, isOwed) => {
  const numbers = span.of(device)
  const from = span.from ?? (numbers.first === undefined ? Infinity : numbers.first - 1)
  const to = span.isOver ? numbers.last : log.last
  const lacks = []
  for (let seq = from + 1; seq <= to; seq++) {
    const line = log.lines.get(seq)
    if (line !== undefined && isOwed(line) && !numbers.has(seq)) lacks.push(seq)
  }
  return lacks
}
