import type { Peer } from "../chat/Peer.js"
import type { ConversationId } from "../ports/StoreLines.js"
import type { UndeliveredRange } from "../ports/StoreUpkeep.js"

/**
 * Runs of lines that are remembered of a conversation. Several clients that only send may take turns in it without end.
 */
const maxRuns = 256

/** Consecutive lines of one connection in a conversation. */
interface Run {
  readonly peer: Peer
  readonly first: number
  last: number
}

/** What one connection has sent of the lines that a return is about. */
export interface OwnLines extends Pick<UndeliveredRange, "first" | "last" | "count"> {
  readonly peer: Peer
}

/** Which lines the connected guests have sent: a conversation can have several writers with one name that only send. */
export class GuestLines {
  private readonly runs = new Map<ConversationId, Array<Run>>()
  private readonly conversations = new Map<Peer, Set<ConversationId>>()

  /** A line of a guest has been stored. */
  stored(conversation: ConversationId, seq: number, guest: Peer) {
    // It may end while its line is in the store's hands: nothing would remove it then.
    if (guest.outbox.ended !== undefined) return
    const runs = this.runs.get(conversation) ?? []
    const latest = runs.at(-1)
    if (latest?.peer === guest && latest.last === seq - 1) {
      latest.last = seq
      return
    }
    runs.push({ peer: guest, first: seq, last: seq })
    if (runs.length > maxRuns) runs.shift()
    this.runs.set(conversation, runs)
    const conversations = this.conversations.get(guest)
    if (conversations === undefined) this.conversations.set(guest, new Set([conversation]))
    else conversations.add(conversation)
  }

  /** The connected guests that have written in a conversation. */
  writersIn(conversation: ConversationId): ReadonlyArray<Peer> {
    return [...new Set(this.runs.get(conversation)?.map(({ peer }) => peer))]
  }

  /** The guests that have written anything that was stored, while they are connected. */
  get writers(): ReadonlyArray<Peer> {
    return [...this.conversations.keys()]
  }

  /** A connection has ended. The next client of its name may have written already. */
  ended(peer: Peer) {
    for (const conversation of this.conversations.get(peer) ?? []) {
      const left = this.runs.get(conversation)?.filter((run) => run.peer !== peer) ?? []
      if (left.length === 0) this.runs.delete(conversation)
      else this.runs.set(conversation, left)
    }
    this.conversations.delete(peer)
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
