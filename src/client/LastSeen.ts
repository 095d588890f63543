import * as Name from "../protocol/Name.js"
import * as PastReports from "./PastReports.js"
import type * as Received from "./Received.js"

/** The place of a kept line in its conversation (protocol, section 10). */
export interface KeptPlace {
  /** A room, the name of the other account, or `guest:` and the likeness of the guest's name. */
  readonly conversation: string
  /** The number of the line in its conversation, from 1. */
  readonly seq: number
  /** When the line was stored, in milliseconds since 1970. */
  readonly at: number
}

/** The state of a `LastSeen` that a program may save for its next run, as JSON. */
export interface SavedPlaces {
  /** The `log=` of the server's `* hello`. */
  readonly log: string
  /** The last line of each conversation: the conversation, `seq` and `at`. */
  readonly places: ReadonlyArray<readonly [conversation: string, seq: number, at: number]>
}

/** Beyond this number, the conversation that has been quiet for longest is forgotten. */
const maxConversations = 10_000

/** No a-chat server has a longer log id; of one that does, nothing is remembered. */
const maxLogLength = 128

/**
 * The last line of each conversation that a client has processed. With `ack`, a server repeats a line until it knows
 * that the client has it: after a lost connection, or after a crash of the server. This record lets the client drop the
 * repeats.
 *
 * A line is a repeat if neither its number nor its time is greater than that of the last one. The time matters if a
 * name was freed and given to a new account: the numbers of that conversation begin again.
 */
export class LastSeen {
  private log = ""
  private readonly places = new Map<string, KeptPlace>()

  /** @param saved what an earlier run has saved */
  constructor(saved?: SavedPlaces) {
    if (saved === undefined) return
    this.log = saved.log
    for (const [conversation, seq, at] of saved.places) this.passed({ conversation, seq, at })
  }

  /** Sets the server's log id. Numbers of another log mean nothing. */
  useLog(log = ""): void {
    if (log === this.log && log !== "" && log.length <= maxLogLength) return
    this.places.clear()
    this.log = log.length <= maxLogLength ? log : ""
  }

  /** Whether this line, or a later one of its conversation, has been processed before. */
  isRepeat({ at, conversation, seq }: KeptPlace): boolean {
    const last = this.places.get(conversation)
    return last !== undefined && seq <= last.seq && at <= last.at
  }

  /** Records that a line, and all before it in its conversation, have been processed. */
  passed(place: KeptPlace): void {
    if (this.isRepeat(place)) return
    this.places.delete(place.conversation)
    this.places.set(place.conversation, place)
    if (this.places.size <= maxConversations) return
    for (const oldest of this.places.keys()) return void this.places.delete(oldest)
  }

  /** The state for the next run; undefined if there is none. */
  get saved(): SavedPlaces | undefined {
    if (this.log === "" || this.places.size === 0) return undefined
    return {
      log: this.log,
      places: Array.from(this.places.values(), ({ at, conversation, seq }) => [conversation, seq, at])
    }
  }
}

/** What a client remembers from one run to the next. */
export interface SeenRecord {
  readonly seen: LastSeen
  /** Called after each change of `seen`. */
  readonly changed: () => void
}

/** The place of a message, or of a line that another device of the account has sent; undefined for any other line. */
export const placeOf = (received: Received.Received): KeptPlace | undefined => {
  if (received._tag === "Message") {
    const { at, from, guest, room, seq } = received
    if (seq === undefined || at === undefined) return undefined
    return { conversation: room ?? (guest === true ? `guest:${Name.likeness(from)}` : from), seq, at }
  }
  const copy = PastReports.copyIn(received)
  return copy && { conversation: copy.conversation, seq: copy.seq, at: copy.at }
}
