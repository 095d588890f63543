import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type { Peer } from "../chat/Peer.js"
import { StoreError } from "../ports/StoreError.js"
import * as FatalReply from "../protocol/FatalReply.js"
import type { Feed } from "./Feed.js"

/** When a disconnected device may try again, in milliseconds. */
const retryMillis = 60_000

interface Collaborators {
  readonly inTurn: <A>(run: () => A) => Effect.Effect<A>
  readonly expel: (peer: Peer, fatal: FatalReply.Fatal) => void
  /** Reports that stored data cannot be read. */
  readonly unreadable: (error: StoreError) => Effect.Effect<void>
}

/**
 * Closes the connections of feeds that cannot continue. Otherwise their devices would stop receiving messages without
 * noticing.
 */
export class LostFeeds {
  /** Each feed, and why it cannot continue. */
  private readonly lost: Array<readonly [feed: Feed, cause: unknown]> = []
  private readonly hasLost = Effect.unsafeMakeLatch(false)

  constructor(private readonly broker: Collaborators) {}

  /** A feed has a defect, or the lines that wait for its device cannot be read. */
  readonly lose = (feed: Feed, cause: unknown) => {
    feed.end()
    this.lost.push([feed, cause])
    this.hasLost.unsafeOpen()
  }

  /** Closes the connections of lost feeds, forever. */
  get close(): Effect.Effect<never> {
    const next = Effect.suspend(() => {
      const lost = this.lost.splice(0)
      this.hasLost.unsafeClose()
      return Effect.forEach(lost, ([{ peer }, cause]) =>
        Effect.zipRight(
          cause instanceof StoreError
            ? this.broker.unreadable(cause)
            : Effect.logError("a defect in what a device is given", Cause.die(cause)),
          this.broker.inTurn(() => {
            if (peer.outbox.ended === undefined) this.broker.expel(peer, FatalReply.cannotGive(retryMillis))
          })
        )
      )
    })
    return Effect.forever(Effect.zipRight(this.hasLost.await, next))
  }
}
