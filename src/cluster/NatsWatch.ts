import type { TableEvents } from "../ports/Cluster.js"
import type { NatsConnection } from "./NatsConnection.js"
import { deliveredOf } from "./NatsJetStream.js"
import type { NatsTable } from "./NatsTable.js"

/** A watch that fails to start is started again after this time. */
const retryMillis = 500

/** A watch without a message or heartbeat for this number of heartbeats is started again. */
const missedHeartbeats = 4

/** After this many heartbeats, a watch is compared with the leader of its stream. */
const checkEvery = 6

/**
 * A watch of a table. It begins anew, with every entry, after each connection, when the engine ends it, when anything
 * it delivered was lost, when its heartbeats stop because the server that had it is gone, and when that one goes on
 * with the heartbeats and falls behind the leader of the stream.
 */
export class NatsWatch {
  private isClosed = false
  /** What is delivered to an inbox of an earlier start is ignored. */
  private start: Start | undefined
  private retry: NodeJS.Timeout | undefined
  /** The losses of the table when the watch has started last; undefined: it has not yet. */
  private losses: number | undefined
  private readonly timer: NodeJS.Timeout
  private readonly unuse: () => void

  constructor(
    private readonly connection: NatsConnection,
    private readonly table: NatsTable,
    private readonly events: TableEvents,
    private readonly heartbeatMillis: number
  ) {
    this.timer = setInterval(() => this.tick(), heartbeatMillis)
    this.unuse = connection.use({ up: () => this.begin(), down: () => this.end() })
  }

  /** Starts again. */
  begin(): void {
    this.end()
    if (this.isClosed || !this.connection.isUp) return
    const start: Start = {
      number: 0,
      sequence: 0,
      count: 0,
      early: new Set(),
      isCurrent: false,
      silentTicks: 0,
      ticks: 0,
      due: 0,
      checked: undefined,
      end: () => {}
    }
    this.start = start
    void this.run(start).catch(() => {
      if (this.start !== start) return
      this.end()
      this.retry = setTimeout(() => this.begin(), retryMillis)
    })
  }

  close(): void {
    this.isClosed = true
    clearInterval(this.timer)
    this.unuse()
    this.end()
  }

  private async run(start: Start): Promise<void> {
    const inbox = this.connection.inbox()
    // Messages come before the answer to the request. They wait for it, because only then the prefix of subjects is
    // known.
    let waiting: Array<() => void> | undefined = []
    const unsubscribe = this.connection.subscribe(inbox, (message) => {
      if (this.start !== start) return
      const take = () => this.take(start, deliveredOf(message, this.connection))
      if (waiting === undefined) take()
      else waiting.push(take)
    })
    start.end = unsubscribe
    const { count, last, name } = await this.table.deliver(inbox, this.heartbeatMillis)
    const endConsumer = () => {
      unsubscribe()
      if (this.connection.isUp) void this.table.endDelivery(name).catch(() => {}) // or the engine does, after a while
    }
    if (this.start !== start) return endConsumer()
    start.end = endConsumer
    start.count = count
    start.due = last
    const { losses } = this.table
    const isEmptied = this.losses !== undefined && this.losses < losses
    this.losses = losses
    this.events.restarted(isEmptied)
    if (count === 0) this.current(start)
    const early = waiting
    waiting = undefined
    for (const take of early) if (this.start === start) take()
  }

  private take(start: Start, delivery: ReturnType<typeof deliveredOf>): void {
    start.silentTicks = 0
    if (delivery._tag === "FlowControl") return
    if (delivery._tag === "Ended") return this.begin()
    if (delivery._tag === "Heartbeat") {
      if (delivery.number > start.number) this.begin() // what it delivered last was lost
      return
    }
    if (delivery.number !== start.number + 1) return this.begin()
    start.number = delivery.number
    const { isMarker, sequence, subject, value } = delivery.message
    // nats-server 2.9.10 may forget what was written while the machine of its leader was cut off.
    if (sequence <= start.sequence) return this.table.wentBack() // which starts it again
    start.sequence = sequence
    const key = this.table.keyOf(subject)
    if (key === undefined) return this.begin()
    const revision = this.table.revisionOf(sequence)
    this.table.saw(key, sequence, isMarker)
    if (!start.isCurrent && isMarker) this.table.toDelete(key, sequence) // left by a node that is gone, perhaps
    if (!isMarker) {
      if (!start.isCurrent) start.early.add(key)
      this.events.put({ key, value, revision })
    } else if (start.isCurrent || start.early.has(key)) this.events.removed(key, revision)
    if (!start.isCurrent && (delivery.pending === 0 || start.number >= start.count)) this.current(start)
  }

  private current(start: Start): void {
    start.isCurrent = true
    start.early.clear()
    this.events.current()
  }

  private tick(): void {
    const { start } = this
    if (start === undefined) return
    start.silentTicks += 1
    if (start.silentTicks > missedHeartbeats * (start.isCurrent ? 1 : 2)) return this.begin()
    start.ticks += 1
    if (start.ticks % checkEvery > 0) return
    // If the leader does not answer, the next one asks again.
    if (start.isCurrent) void this.check(start).catch(() => {})
    else if (start.number === start.checked) this.begin()
    else start.checked = start.number
  }

  /**
   * The copy of the stream at the server that delivers may stand still while that of its leader goes on: nats-server
   * 2.9 does so after partitions. The last messages may also have been deleted before the watch came to them.
   */
  private async check(start: Start): Promise<void> {
    const { sequence } = start
    const isBehind = sequence < start.due && (await this.table.hasAfter(sequence))
    if (this.start === start && isBehind && start.sequence === sequence) return this.begin()
    const last = await this.table.lastNumber()
    start.due = last
  }

  private end(): void {
    clearTimeout(this.retry)
    const start = this.start
    this.start = undefined
    start?.end()
  }
}

/** What a watch knows since it began. */
interface Start {
  /** The number of the last message. */
  number: number
  /** That of the stream. */
  sequence: number
  /** How many messages the table had when the watch began. */
  count: number
  /** The keys that were there before the watch was current. */
  readonly early: Set<string>
  isCurrent: boolean
  /** How often `tick` came since the last message or heartbeat. */
  silentTicks: number
  /** How often it came. */
  ticks: number
  /**
   * The number of the last message of the stream when that was asked for last: what a watch must have reported by the
   * next time.
   */
  due: number
  /** The number of the last message when that was compared last, before the watch is current. */
  checked: number | undefined
  end: () => void
}
