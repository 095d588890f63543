import * as Effect from "effect/Effect"
import type { StoreService } from "../ports/Store.js"
import type { StoreError } from "../ports/StoreError.js"
import type { Waiting } from "../ports/StoreLines.js"
import type { Cursors } from "./Cursors.js"
import type { Feed } from "./Feed.js"

interface Collaborators {
  readonly store: StoreService
  readonly cursors: Cursors
  readonly inTurn: <A>(run: () => A) => Effect.Effect<A>
  /** In the broker's turn: the store has reported which lines wait for a device. */
  readonly opened: (feed: Feed, waiting: ReadonlyArray<Waiting>) => void
  /** Reports a failure, and calls `again` after a while. */
  readonly failed: (error: StoreError, again: () => void) => Effect.Effect<void>
  /** The device cannot be given anything. */
  readonly lost: (feed: Feed, cause: unknown) => void
}

/** Asks the store which lines wait for devices that have logged in, one device at a time. */
export class Opening {
  private readonly feeds = new Set<Feed>()
  private readonly hasFeeds = Effect.unsafeMakeLatch(false)

  constructor(private readonly broker: Collaborators) {}

  add(feed: Feed) {
    this.feeds.add(feed)
    this.hasFeeds.unsafeOpen()
  }

  get run(): Effect.Effect<never> {
    return Effect.forever(
      Effect.zipRight(
        this.hasFeeds.await,
        Effect.suspend(() => this.next())
      )
    )
  }

  private next(): Effect.Effect<void> {
    for (const feed of this.feeds) {
      this.feeds.delete(feed)
      return this.open(feed)
    }
    this.hasFeeds.unsafeClose()
    return Effect.void
  }

  private open(feed: Feed): Effect.Effect<void> {
    const { cursors, failed, inTurn, lost, opened, store } = this.broker
    if (feed.device === undefined) return Effect.void
    const { account, device } = feed.device
    return cursors.save(store, account).pipe(
      // The damaged cursors are then never saved, and the device gets the lines that can be read, some perhaps twice.
      Effect.catchIf(
        ({ reason }) => reason === "damaged",
        () => Effect.void
      ),
      Effect.zipRight(store.waiting(account, device)),
      Effect.flatMap((waiting) => inTurn(() => opened(feed, waiting))),
      Effect.catchAll((error) =>
        error.reason === "damaged" ? Effect.sync(() => lost(feed, error)) : failed(error, () => this.add(feed))
      ),
      Effect.catchAllDefect((defect) => Effect.sync(() => lost(feed, defect)))
    )
  }
}
