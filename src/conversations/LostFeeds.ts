import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type { Peer } from "../chat/Peer.js"
import { StoreError } from "../ports/StoreError.js"
import * as FatalReply from "../protocol/FatalReply.js"
import type { Feed } from "./Feed.js"

/** The milliseconds after which a device may come back to which nothing can be given now. */
const retryMillis = 60_000

interface Collaborators {
  readonly inTurn: <A>(run: () => A) => Effect.Effect<A>
  readonly expel: (peer: Peer, fatal: FatalReply.Fatal) => void
  /** Reports that the store cannot read what it has. */
  readonly unreadable: (error: StoreError) => Effect.Effect<void>
}

/**
 * Feeds that cannot continue. Their connections are closed: otherwise the devices would see no more messages, and no
 * sign of that.
 */
export class LostFeeds {
  /** Each feed, and why it cannot continue. */
  private readonly lost: Array<readonly [feed: Feed, cause: unknown]> = []
  private readonly hasLost = Effect.unsafeMakeLatch(false)

  constructor(private readonly broker: Collaborators) {}

  /** A feed has a defect, or what waits for its device cannot be read. */
  readonly lose = (feed: Feed, cause: unknown) => {
    feed.end()
    this.lost.push([feed, cause])
    this.hasLost.unsafeOpen()
  }

  /** Closes the connections of lost feeds, for ever. */
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
