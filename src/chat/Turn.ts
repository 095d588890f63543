/**
 * How much the broker does before the event loop gets a turn, in units of work. A unit is the time it takes to move one
 * byte of a block, about 3 ns. Units rather than time, so that the same input always gives the same turns.
 */
export interface TurnBounds {
  /** The work of one turn: a few milliseconds. With less, a mesh does not fit into one turn, and takes two writes. */
  readonly work: number
  /** The work for one client before it is the next client's turn. */
  readonly share: number
  /** The outboxes flushed at the end of a turn, each with a system call; the others wait for the next turn. */
  readonly flushes: number
}

export const turnBounds: TurnBounds = { work: 1_048_576, share: 16_384, flushes: 128 }

/**
 * The cost in units of everything that takes more time than moving its bytes. `npm run fairness` shows what is missing.
 */
export const work = {
  /** An event, or a client in the queue. */
  event: 100,
  /** A line that is not routed together with others. */
  line: 100,
  /** Parsing a line that is not a message to a known address. */
  parse: 500,
  /** Each byte of an address that is parsed, which may be thousands of names. */
  addressByte: 20,
  /** Resolving an address that is not remembered, and remembering it. */
  route: 2_000,
  /** The same for each of its names. */
  name: 600,
  /** Putting a line into an outbox. */
  put: 50,
  /** A line from the server. */
  reply: 200,
  /** Handing a batch to a writer, which makes a system call. */
  flush: 4_000,
  /** Probing a client that is not read from, which makes a system call. */
  probe: 2_000,
  /** Asking a question, which takes a fiber (benchmark: 1,000 logins with passwords at once). */
  question: 10_000,
  /**
   * A login that is refused: a client that joins and leaves, with a line in the log. Thousands may retry at once, and
   * they can wait (benchmark: 1,000 logins with passwords at once).
   */
  refusedLogin: 500_000,
  /** A client that joins or leaves, with the work of its fibers. */
  membership: 20_000
} as const

/** Lines up to this many bytes come many to a read. */
const largeLine = 4_096

/**
 * The work of a line. A large one was read, checked and decoded separately before the turn, which also kept other
 * clients waiting (fairness: same, commas, spaces).
 */
export const workOfLine = (bytes: number): number => work.line + bytes + 2 * Math.max(0, bytes - largeLine)

interface Flushable {
  /** See `WriterKind.isFirst`. */
  readonly isFirst: boolean
  touch(): boolean
  flush(): void
}

interface Client {
  shareUsed: number
}

/**
 * Measures the work of the broker's turn and of the client that it serves, and keeps track of the outboxes that the
 * broker has put lines into.
 *
 * Clients share the broker by deficit round robin (Shreedhar and Varghese, 1995) with two queues, as in FQ-CoDel (RFC
 * 8290): a client that has used less than its share is served at once. Any other client waits in the queue, and gets
 * one share each time it reaches the front. A line is never divided, so a client may overdraw its share; it then waits
 * until later shares have made up for that.
 */
export class Turn {
  /** When the turn began, on the monotonic clock. */
  startedAt = 0
  /** The work since the turn began. */
  private done = 0
  /**
   * The work of the flushes at the end of the turn. It counts against no client's share: many clients share the flush
   * of one outbox, and would otherwise wait for the next turn, where their lines would take a second flush (benchmark:
   * mesh).
   */
  private flushWork = 0
  /** The value of `done` at which the client that is being served has used its share. */
  private shareEnd = Infinity
  private served = 0
  private touched: Array<Flushable> = []
  private later: Array<Flushable> = []
  /**
   * Touched outboxes whose writers may put lines into others, and functions to run once these writers have their
   * batches.
   */
  private first: Array<Flushable> = []
  private atEnds = new Set<() => void>()

  constructor(private readonly bounds: TurnBounds) {}

  begin(now: number) {
    this.startedAt = now
    this.done = 0
    this.flushWork = 0
  }

  /** Counts work. */
  spend(units: number) {
    this.done += units
  }

  /** Counts work that is not charged to the client that is being served: otherwise its next lines would wait. */
  spendUnshared(units: number) {
    this.done += units
    this.served += units
    this.shareEnd += units
  }

  /** No more work in this turn. */
  get isOver(): boolean {
    return this.done + this.flushWork >= this.bounds.work
  }

  /** The second half of a turn is for the clients in the queue. */
  get isHalfOver(): boolean {
    return this.done + this.flushWork >= this.bounds.work / 2
  }

  // The client that is being served.

  /** Whether a client has used its share, and has to wait in the queue. */
  hasUsedShare(client: Client): boolean {
    return client.shareUsed >= this.bounds.share
  }

  /** Gives a client its next share. */
  renewShare(client: Client) {
    client.shareUsed -= this.bounds.share
  }

  /** From now on, work is done for this client. */
  beginShare(client: Client) {
    this.served = this.done
    this.shareEnd = this.done + this.bounds.share - client.shareUsed
  }

  /** The client that is being served has used its share. */
  get isShareUsed(): boolean {
    return this.done >= this.shareEnd
  }

  endShare(client: Client) {
    client.shareUsed += this.done - this.served
    this.shareEnd = Infinity
  }

  /** `hasReached` is true for this value after one share of work. */
  get afterOneShare(): number {
    return this.done + this.bounds.share
  }

  hasReached(work: number): boolean {
    return this.done >= work
  }

  // Outboxes.

  /** Registers an outbox to be flushed at the end of the turn. */
  touch(outbox: Flushable) {
    if (!outbox.touch()) return
    if (outbox.isFirst) {
      this.first.push(outbox)
      return
    }
    this.touched.push(outbox)
    this.flushWork += work.flush
  }

  /**
   * Runs a function at the end of the turn, once: after all lines that were put have reached the writers that go first,
   * and before anything is written to a socket.
   */
  atEnd(run: () => void) {
    this.atEnds.add(run)
  }

  private flushFirst() {
    const { atEnds, first } = this
    if (first.length > 0) {
      this.first = []
      for (const outbox of first) outbox.flush()
    }
    if (atEnds.size === 0) return
    this.atEnds = new Set()
    for (const run of atEnds) run()
  }

  /**
   * Flushes the outboxes touched since the last call to their writers. What a writer that goes first puts into outboxes
   * meanwhile is left to `flushSome`: one line may be for thousands of them.
   */
  flush() {
    const { touched } = this
    this.touched = []
    this.flushFirst()
    for (const outbox of touched) outbox.flush()
  }

  /** The same, up to the bound: further outboxes are left for the next turns. */
  flushSome() {
    this.flushFirst()
    const { flushes } = this.bounds
    const { later, touched } = this
    this.touched = []
    const all = later.length === 0 ? touched : later.concat(touched)
    this.later = all.length <= flushes ? [] : all.slice(flushes)
    for (let i = 0; i < flushes && i < all.length; i++) all[i]?.flush()
  }

  /** Whether outboxes or functions are left for the next turn. */
  get hasUnflushed(): boolean {
    return this.later.length > 0 || this.atEnds.size > 0
  }
}
