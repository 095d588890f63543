import * as Effect from "effect/Effect"
import type { ClusterUnavailable } from "../ports/Cluster.js"

/** What happens to one likeness, one after the other. */
export interface ClaimSlot {
  readonly turn: Effect.Semaphore
  users: number
  /**
   * The revision at which a removal was asked for, if it is not known whether it was done. It may still be on its way:
   * the entry must not be kept at this revision.
   */
  removing: number | undefined
}

/** The likenesses whose claims are under way: requests about the same one follow each other. */
export class ClaimSlots {
  private readonly slots = new Map<string, ClaimSlot>()

  inTurn<A>(likeness: string, act: (slot: ClaimSlot) => Effect.Effect<A, ClusterUnavailable>) {
    return Effect.acquireUseRelease(
      Effect.sync(() => {
        const slot = this.slots.get(likeness) ?? {
          turn: Effect.unsafeMakeSemaphore(1),
          users: 0,
          removing: undefined
        }
        slot.users += 1
        this.slots.set(likeness, slot)
        return slot
      }),
      (slot) => slot.turn.withPermits(1)(Effect.suspend(() => act(slot))),
      (slot) =>
        Effect.sync(() => {
          slot.users -= 1
          if (slot.users === 0 && slot.removing === undefined) this.slots.delete(likeness)
        })
    )
  }
}
