/**
 * Time for which a crowd is only accepted: enough for some ten thousand clients. They count against the limit of
 * connections.
 */
const maxMillis = 500

/** Connections admitted in one turn. Their logins take the server less than a millisecond. */
const atOnce = 4

/** Consecutive turns with an accept that make a crowd. */
const crowdedAfter = 4

export interface AcceptedCrowdOptions<Socket> {
  /** Called for each socket in the order of accepts: immediately, unless a crowd arrives. */
  readonly admit: (socket: Socket) => void
  /**
   * Makes a socket wait: it reports nothing until `release`. Returns false if that is impossible; the socket is then
   * admitted at once.
   */
  readonly hold: (socket: Socket) => boolean
  /** Called before a waiting socket is admitted. */
  readonly release: (socket: Socket) => void
  /** Calls back at the end of this turn of the event loop. */
  readonly endOfTurn: (run: () => void) => void
  /** Milliseconds on a monotonic clock. */
  readonly now: () => number
}

/**
 * Accepts a crowd of clients before it admits the first of them. libuv accepts one connection in each turn of the event
 * loop, and a login takes several times as long as an accept. If each turn did both, a few thousand clients that
 * connect at once would overflow the kernel's queue, and those that find it full retry one second later, and then after
 * two more (benchmark: rush). Clients that are already connected are served meanwhile.
 */
export class AcceptedCrowd<Socket> {
  private waiting: Array<Socket> = []
  /** The number of sockets in `waiting` that are already admitted. */
  private admitted = 0
  /** Time of the first accept among them. */
  private since = 0
  private hasAccepted = false
  private isScheduled = false
  /** Consecutive turns with an accept. */
  private turns = 0

  constructor(private readonly options: AcceptedCrowdOptions<Socket>) {}

  /** A connection was accepted. */
  accepted(socket: Socket) {
    const { admit, hold, now } = this.options
    this.hasAccepted = true
    this.schedule()
    if (this.waiting.length === 0) {
      if (this.turns < crowdedAfter) return admit(socket)
      this.since = now()
    }
    if (!hold(socket)) return admit(socket)
    this.waiting.push(socket)
    return undefined
  }

  /** Admits all waiting sockets. */
  flush() {
    this.admitNext(this.waiting.length)
  }

  private schedule() {
    if (this.isScheduled) return
    this.isScheduled = true
    this.options.endOfTurn(this.turnEnds)
  }

  private readonly turnEnds = () => {
    this.isScheduled = false
    const { hasAccepted } = this
    this.hasAccepted = false
    this.turns = hasAccepted ? this.turns + 1 : 0
    if (hasAccepted || this.waiting.length > 0) this.schedule()
    if (!hasAccepted || this.options.now() - this.since >= maxMillis) this.admitNext(atOnce)
  }

  private admitNext(count: number) {
    const { admit, release } = this.options
    const end = Math.min(this.waiting.length, this.admitted + count)
    while (this.admitted < end) {
      const socket = this.waiting[this.admitted++] as Socket // in range
      release(socket)
      admit(socket)
    }
    if (this.admitted < this.waiting.length) return
    this.waiting = []
    this.admitted = 0
  }
}
