import * as Effect from "effect/Effect"
import { FifoSemaphore } from "../concurrency/FifoSemaphore.js"
import type { StoreService } from "../ports/Store.js"
import { StoreError } from "../ports/StoreError.js"
import type { ConversationId } from "../ports/StoreLines.js"
import type { Feed, WantedPage } from "./Feed.js"
import { pageBytes, pageLines } from "./FeedWindow.js"

interface Collaborators {
  readonly store: StoreService
  readonly inTurn: <A>(run: () => A) => Effect.Effect<A>
  /** Reports a failure, and calls `again` after a while. */
  readonly failed: (error: StoreError, again: () => void) => Effect.Effect<void>
  /** Reports that a page is damaged. */
  readonly unreadable: (error: StoreError) => Effect.Effect<void>
  /** A feed has a defect. */
  readonly lost: (feed: Feed, defect: unknown) => void
}

/** Fetches pages for the feeds that are behind, one page of one feed at a time. */
export class Pager {
  /** In the order of their next pages. */
  private readonly waiting = new Set<Feed>()
  private readonly hasWork = Effect.unsafeMakeLatch(false)
  private readonly oneByOne = new FifoSemaphore(1)

  constructor(private readonly broker: Collaborators) {}

  /** Fetches the next page of a feed when its turn comes. Idempotent. */
  add(feed: Feed) {
    this.waiting.add(feed)
    this.hasWork.unsafeOpen()
  }

  /** Runs `step` while no page is on its way from the store to an outbox. */
  between<A, E>(step: Effect.Effect<A, E>): Effect.Effect<A, E> {
    return this.oneByOne.withPermit(step)
  }

  get run(): Effect.Effect<never> {
    return Effect.forever(
      Effect.zipRight(
        this.hasWork.await,
        Effect.suspend(() => this.next())
      )
    )
  }

  private next(): Effect.Effect<void> {
    for (const feed of this.waiting) {
      this.waiting.delete(feed)
      const wanted = feed.nextPage()
      if (wanted !== undefined) return this.fetch(feed, wanted)
    }
    this.hasWork.unsafeClose()
    return Effect.void
  }

  private fetch(feed: Feed, { after, before, conversation }: WantedPage): Effect.Effect<void> {
    const { broker } = this
    const request = {
      conversation,
      reader: feed.device?.account ?? ("guest" as const),
      device: feed.device?.device,
      after,
      before,
      limit: pageLines,
      maxBytes: pageBytes
    }
    return broker.store.page(request).pipe(
      Effect.tap(({ damaged }) => (damaged === undefined ? Effect.void : broker.unreadable(damagedIn(conversation)))),
      Effect.flatMap((page) => broker.inTurn(() => feed.page(conversation, page))),
      (fetched) => this.oneByOne.withPermit(fetched),
      // Retrying would fail again. The feed reads the intact lines of the page one by one, and other feeds do not wait.
      Effect.catchAll((error) =>
        error.reason === "damaged"
          ? Effect.zipRight(
              broker.unreadable(error),
              broker.inTurn(() => feed.damaged(conversation))
            )
          : broker.failed(error, () => this.add(feed))
      ),
      Effect.catchAllDefect((defect) => Effect.sync(() => broker.lost(feed, defect)))
    )
  }
}

const damagedIn = (conversation: ConversationId) =>
  new StoreError({ reason: "damaged", description: `lines of conversation ${conversation} are damaged` })
