import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { OtherServersService, OtherServersPart } from "../ports/OtherServers.js"
import type { StoreService } from "../ports/Store.js"
import type { OpenedDevice } from "../ports/StoreAccounts.js"
import type { StoreError } from "../ports/StoreError.js"
import type { LoggedChange, StoreChange, StoreSharing } from "../ports/StoreSharing.js"
import type { ReturnsElsewhere } from "./ReturnsElsewhere.js"
import type { RoomsFeature } from "./RoomsFeature.js"

/** The accounts in memory. Other servers may change them in the store. */
export interface SharedAccounts {
  /** The latest change of the store before they were loaded. */
  readonly since: number
  readonly take: (change: StoreChange) => void
  readonly reload: Effect.Effect<void, StoreError>
}

/** How often the store is asked when no other server has sent a message. */
const pollInterval = Duration.seconds(1)

interface Collaborators {
  readonly sharing: StoreSharing
  readonly others: OtherServersService
  readonly inTurn: <A>(run: () => A) => Effect.Effect<A>
  /** In the broker's turn: applies another server's change in memory. Idempotent. */
  readonly take: (change: StoreChange) => void
  /** Compares memory with the store, because the log has dropped changes that this server had not read. */
  readonly reload: Effect.Effect<void, StoreError>
  /** Runs a step while no change of rooms is under way here. */
  readonly alone: <A, E>(step: Effect.Effect<A, E>) => Effect.Effect<A, E>
  /** Reports a failure, and waits. */
  readonly failed: (error: StoreError) => Effect.Effect<void>
}

/**
 * Applies other servers' changes of accounts and rooms in memory. The store orders all changes. Changes of rooms, this
 * server's own included, are applied in that order, so that all servers reach the same state. Accounts need no order:
 * each is created, removed and freed once.
 */
export class ChangesElsewhere {
  private last: number
  private mustReload = false
  private readonly isDue = Effect.unsafeMakeLatch(false)
  private readonly part: OtherServersPart

  /** @param last the latest change that memory contains */
  constructor(
    private readonly servers: Collaborators,
    last: number
  ) {
    this.last = last
    const read = () => this.isDue.unsafeOpen()
    this.part = servers.others.part("changes", { appeared: read, received: read, lost: read })
    servers.others.beforeResuming(this.settle)
  }

  /** Notifies the other servers that this one has made changes, which they then read from the log. */
  readonly tell: Effect.Effect<void> = Effect.suspend(() =>
    this.servers.inTurn(() => this.part.send(null, undefined, ""))
  )

  /** Runs until it is interrupted. */
  get run(): Effect.Effect<never> {
    const wait = Effect.timeoutOption(this.isDue.await, pollInterval)
    const read = Effect.suspend(() => {
      this.isDue.unsafeClose()
      return this.all
    })
    return Effect.forever(Effect.zipRight(wait, Effect.catchAll(read, this.servers.failed)))
  }

  /**
   * Reads all changes up to now. Runs before this server resumes after a time in which the others may have presumed it
   * lost.
   */
  readonly settle: Effect.Effect<void> = Effect.suspend(() =>
    Effect.catchAll(this.all, (error) => Effect.zipRight(this.servers.failed(error), this.settle))
  )

  private get all(): Effect.Effect<void, StoreError> {
    return this.servers.alone(this.untilNow)
  }

  private get untilNow(): Effect.Effect<void, StoreError> {
    return Effect.flatMap(this.unread, (unread) => this.taken(unread))
  }

  /**
   * Applies all changes up to now, while no other change of rooms is under way. If reading fails, it is repeated later.
   */
  readonly catchUp: Effect.Effect<void> = Effect.suspend(() => Effect.ignore(this.untilNow))

  /**
   * Applies other servers' earlier changes. Must run after the store has changed a room and before memory does, while
   * no other change of rooms is under way.
   */
  readonly beforeOwn: Effect.Effect<void> = Effect.suspend(() =>
    this.unread.pipe(
      Effect.flatMap((unread) => {
        const own = unread.findLastIndex(({ by, change }) => by === this.servers.sharing.server && "room" in change)
        return this.taken(unread.slice(0, own + 1), unread)
      }),
      // The store has already made the change: a failure here must not fail it.
      Effect.catchAll(() => Effect.sync(() => (this.mustReload = true)))
    )
  )

  /** The changes that are not in memory yet. */
  private get unread(): Effect.Effect<ReadonlyArray<LoggedChange>, StoreError> {
    const { reload, sharing } = this.servers
    const read = (before: ReadonlyArray<LoggedChange>): Effect.Effect<ReadonlyArray<LoggedChange>, StoreError> =>
      Effect.flatMap(sharing.changes(before.at(-1)?.id ?? this.last), ({ changes, isComplete, last }) => {
        this.mustReload ||= !isComplete
        const all = [...before, ...changes]
        return isComplete && last > (all.at(-1)?.id ?? last) ? read(all) : Effect.succeed(all)
      })
    const reloaded = Effect.flatMap(sharing.latest, (latest) =>
      Effect.map(reload, () => {
        this.last = latest
        this.mustReload = false
      })
    )
    return Effect.flatMap(read([]), (unread) => {
      if (!this.mustReload) return Effect.succeed(unread)
      return Effect.flatMap(reloaded, () => read([]))
    })
  }

  /** @param known these changes and those after them in the log, as far as they were read */
  private taken(changes: ReadonlyArray<LoggedChange>, known = changes): Effect.Effect<void> {
    const last = changes.at(-1)
    if (last === undefined) return Effect.void
    const { inTurn, sharing, take } = this.servers
    return inTurn(() => {
      this.last = last.id
      changes.forEach(({ by, change }, index) => {
        if (by === sharing.server) return
        // This server may have taken the device back since.
        const isOver = change._tag === "DeviceTaken" && known.slice(index).some(isTakenBack(sharing.server, change))
        if (!isOver) take(change)
      })
    })
  }
}

type DeviceChange = Extract<StoreChange, { readonly device: string }>

const isTakenBack =
  (server: string, taken: DeviceChange) =>
  ({ by, change }: LoggedChange): boolean =>
    by === server && change._tag === "DeviceTaken" && change.account === taken.account && change.device === taken.device

/** Applies other servers' changes of accounts and rooms; undefined if no other server uses the store. */
export const changesElsewhere = (
  { sharing }: StoreService,
  shared: SharedAccounts | undefined,
  rooms: Pick<RoomsFeature, "alone" | "reload" | "take">,
  returns: Pick<ReturnsElsewhere, "reload" | "take">,
  servers: Pick<Collaborators, "failed" | "inTurn" | "others">
): ChangesElsewhere | undefined => {
  if (sharing === undefined || shared === undefined) return undefined
  return new ChangesElsewhere(
    {
      ...servers,
      sharing,
      take: (change) => {
        shared.take(change)
        rooms.take(change)
        if (change._tag === "LinesReturned") returns.take(change.returns)
      },
      reload: Effect.zipRight(
        Effect.zipRight(shared.reload, rooms.reload),
        servers.inTurn(() => returns.reload())
      ),
      alone: rooms.alone
    },
    shared.since
  )
}

/** Whether a device was taken from another server, or another device was forgotten for it. */
const hasChangedDevices = (opened: OpenedDevice): boolean =>
  opened._tag === "Opened" && (opened.wasTaken === true || opened.forgotten !== undefined)

/** Wraps a store so that it notifies the other servers whenever a request may have changed what they hold in memory. */
export const telling = (plain: StoreService, tell: Effect.Effect<void>): StoreService => {
  const told = <A>(request: Effect.Effect<A, StoreError>, isNews: (answer: A) => boolean = () => true) =>
    Effect.tap(request, (answer) => (isNews(answer) ? tell : Effect.void))
  const { accounts, rooms } = plain
  return {
    ...plain,
    retain: (...step) =>
      told(plain.retain(...step), ({ senders, undelivered }) => senders.length + undelivered.length > 0),
    accounts: {
      ...accounts,
      create: (account) => told(accounts.create(account)),
      forget: (...device) => told(accounts.forget(...device)),
      free: (account) => told(accounts.free(account)),
      openDevice: (...device) => told(accounts.openDevice(...device), hasChangedDevices),
      remove: (account) => told(accounts.remove(account)),
      seen: (...present) => told(accounts.seen(...present), (forgotten) => forgotten.length > 0),
      setCredential: (...credential) => told(accounts.setCredential(...credential))
    },
    rooms: {
      ...rooms,
      change: (...change) => told(rooms.change(...change)),
      create: (room) => told(rooms.create(room)),
      end: (...room) => told(rooms.end(...room)),
      invite: (...invitation) => told(rooms.invite(...invitation)),
      join: (...member) => told(rooms.join(...member)),
      leave: (...member) => told(rooms.leave(...member)),
      uninvite: (...invitation) => told(rooms.uninvite(...invitation))
    }
  }
}
