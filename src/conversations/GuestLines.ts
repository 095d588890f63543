import type { Peer } from "../chat/Peer.js"
import type { ConversationId } from "../ports/StoreLines.js"
import type { UndeliveredRange } from "../ports/StoreUpkeep.js"

/** The runs remembered of all conversations together, about 10 MB. */
const defaultMaxRuns = 100_000

/** Consecutive lines of one connection in a conversation. */
interface Run {
  readonly peer: Peer
  readonly first: number
  last: number
}

/** The lines of a return that one connection has sent. */
export interface OwnLines extends Pick<UndeliveredRange, "first" | "last" | "count"> {
  readonly peer: Peer
}

/**
 * Which connected guest has sent which lines, as long as these may return. A name is not enough: several clients that
 * only send may share one and take turns in a conversation.
 */
export class GuestLines {
  private readonly runs = new Map<ConversationId, Array<Run>>()
  private readonly writersOf = new Map<ConversationId, Set<Peer>>()
  private readonly conversations = new Map<Peer, Set<ConversationId>>()
  /** The number of runs of each connection. */
  private readonly counts = new Map<Peer, number>()
  private count = 0

  /**
   * @param breakOff ends a connection whose lines are no longer remembered. Its client then treats their fate as
   * unknown, as after every lost connection, instead of as delivered.
   */
  constructor(
    private readonly breakOff: (guest: Peer) => void,
    private readonly maxRuns = defaultMaxRuns
  ) {}

  /** A line of a guest has been stored. */
  stored(conversation: ConversationId, seq: number, guest: Peer) {
    // The guest may have left while its line was being stored. Nothing would remove the run then.
    if (guest.outbox.ended !== undefined) return
    const runs = this.runs.get(conversation)
    const latest = runs?.at(-1)
    if (latest?.peer === guest && latest.last === seq - 1) {
      latest.last = seq
      return
    }
    const run = { peer: guest, first: seq, last: seq }
    if (runs === undefined) this.runs.set(conversation, [run])
    else runs.push(run)
    addTo(this.writersOf, conversation, guest)
    addTo(this.conversations, guest, conversation)
    this.counted(guest, 1)
    if (this.count > this.maxRuns) this.endOfMost()
  }

  /** The reader was given everything up to this line, so none of it returns. */
  given(conversation: ConversationId, seq: number) {
    const runs = this.runs.get(conversation)
    if (runs === undefined) return
    const left = runs.findIndex(({ last }) => last > seq)
    const done = runs.splice(0, left === -1 ? runs.length : left)
    for (const { peer } of done) this.counted(peer, -1)
    if (runs.length === 0) this.runs.delete(conversation)
  }

  /** The connected guests that have written in a conversation. */
  writersIn(conversation: ConversationId): ReadonlyArray<Peer> {
    return [...(this.writersOf.get(conversation) ?? [])]
  }

  /** The connected guests that have written lines that were stored. */
  get writers(): ReadonlyArray<Peer> {
    return [...this.conversations.keys()]
  }

  /** A connection has ended. The next client with its name may have written already. */
  ended(peer: Peer) {
    for (const conversation of this.conversations.get(peer) ?? []) {
      const writers = this.writersOf.get(conversation)
      writers?.delete(peer)
      if (writers?.size === 0) this.writersOf.delete(conversation)
      const left = this.runs.get(conversation)?.filter((run) => run.peer !== peer) ?? []
      if (left.length === 0) this.runs.delete(conversation)
      else this.runs.set(conversation, left)
    }
    this.conversations.delete(peer)
    this.count -= this.counts.get(peer) ?? 0
    this.counts.delete(peer)
  }

  private counted(peer: Peer, runs: number) {
    this.counts.set(peer, (this.counts.get(peer) ?? 0) + runs)
    this.count += runs
  }

  private endOfMost() {
    let [most, runs]: [Peer | undefined, number] = [undefined, 0]
    for (const [peer, count] of this.counts) if (count > runs) [most, runs] = [peer, count]
    if (most === undefined) return
    this.ended(most)
    this.breakOff(most)
  }

  /** Divides undelivered lines among the connections that have sent them. */
  among({ conversation, first, last }: UndeliveredRange): ReadonlyArray<OwnLines> {
    const shares = new Map<Peer, OwnLines>()
    for (const run of this.runs.get(conversation) ?? []) {
      const [from, to] = [Math.max(run.first, first), Math.min(run.last, last)]
      if (from > to || run.peer.outbox.ended !== undefined) continue
      const before = shares.get(run.peer)
      const count = (before?.count ?? 0) + to - from + 1
      shares.set(run.peer, { peer: run.peer, first: before?.first ?? from, last: to, count })
    }
    return [...shares.values()]
  }
}

const addTo = <Key, Value>(sets: Map<Key, Set<Value>>, key: Key, value: Value) => {
  const set = sets.get(key)
  if (set === undefined) sets.set(key, new Set([value]))
  else set.add(value)
}
