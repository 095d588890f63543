import * as Chunk from "effect/Chunk"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { StoreFacts, StoreService, StoreState } from "../ports/Store.js"
import { StoreError } from "../ports/StoreError.js"
import type { StoreLines } from "../ports/StoreLines.js"
import type { StoreSharing } from "../ports/StoreSharing.js"
import type { StoreFault, StoreLimits, StoreRecord } from "../ports/StoreUpkeep.js"
import * as SqlExport from "./SqlExport.js"
import type { Arguments, RequestName, Result } from "./SqlRequests.js"
import type { SqlLimits } from "./SqlState.js"

/** The parts of a store that depend on the database. */
export interface SqlDatabase extends StoreFacts {
  /** As in `StoreService`. */
  readonly sharing?: StoreSharing | undefined
  /** Carries out a request, in one transaction if it writes. Requests are answered in order. */
  readonly call: <Name extends RequestName>(
    name: Name,
    ...args: Arguments<Name>
  ) => Effect.Effect<Result<Name>, StoreError>
  readonly append: StoreLines["append"]
  readonly page: StoreLines["page"]
  readonly state: () => StoreState
  readonly diskBytes: Effect.Effect<number, StoreError>
  /** The database's own check of its files. */
  readonly checkFiles: Effect.Effect<ReadonlyArray<StoreFault>, StoreError>
  readonly backup: (file: string) => Effect.Effect<void, StoreError>
}

/** The store for a database. */
export const make = (database: SqlDatabase): StoreService => {
  const { append, call } = database
  return {
    kind: database.kind,
    log: database.log,
    state: database.state,
    sharing: database.sharing,
    append,
    saveCursors: (cursors) => Effect.asVoid(append([], cursors)),
    page: database.page,
    waiting: (account, device) => call("waiting", account, device),
    find: (key) => call("find", key),
    conversations: (account, limit) => call("conversations", account, limit),
    search: (request) => call("search", request),
    index: Effect.flatMap(call("readForIndex"), (step) =>
      step === "write" ? Effect.as(call("writeIndex"), true) : Effect.succeed(step === "more")
    ),
    markRead: (account, conversation, seq) => call("markRead", account, conversation, seq),
    accounts: {
      all: call("accounts"),
      freed: call("freed"),
      create: (account) => call("create", account),
      credential: (account) => call("credential", account),
      setCredential: (account, credential, before) => call("setCredential", account, credential, before),
      remove: (account) => call("remove", account),
      free: (account) => call("free", account),
      devices: (account) => call("devices", account),
      openDevice: (account, device, options) => call("openDevice", account, device, options),
      setToken: (account, device, hash) => call("setToken", account, device, hash),
      deviceOfToken: (account, hash) => call("deviceOfToken", account, hash),
      forget: (account, device) => call("forget", account, device),
      seen: (present, others) => call("seen", present, others),
      left: (devices) => call("left", devices)
    },
    rooms: {
      all: call("rooms"),
      create: (room) => call("createRoom", room),
      change: (room, changes, by) => call("changeRoom", room, changes, by),
      join: (room, account) => call("joinRoom", room, account),
      leave: (room, account, by) => call("leaveRoom", room, account, by),
      invite: (room, account, by) => call("invite", room, account, by),
      uninvite: (room, account) => call("uninvite", room, account),
      end: (room, ifEmpty) => call("endRoom", room, ifEmpty)
    },
    configure: (limits) => call("configure", toSqlLimits(limits)),
    retain: (held, since) =>
      call("retain", new Map(held.map(({ after, conversation }) => [conversation, after])), since),
    returns: {
      pending: (account) => call("pendingReturns", account),
      told: (returns, dead = 0) => call("toldReturns", returns, dead)
    },
    statistics: Effect.zipWith(call("statistics"), database.diskBytes, (statistics, diskBytes) => ({
      ...statistics,
      diskBytes
    })),
    check: Effect.flatMap(database.checkFiles, (files) =>
      Effect.map(checkedTables(database, files), (tables) => [...files, ...tables])
    ),
    backup: database.backup,
    exported: exported(database),
    imported: (records) => imported(database, records)
  }
}

/**
 * The faults that queries find. If damage makes the queries fail, the faults found by the database's own check remain.
 */
const checkedTables = (
  { call }: SqlDatabase,
  files: ReadonlyArray<StoreFault>
): Effect.Effect<ReadonlyArray<StoreFault>, StoreError> =>
  Effect.catchIf(
    call("check"),
    ({ reason }) => reason === "damaged",
    ({ description }) => Effect.succeed(files.length > 0 ? [] : [description])
  )

export const toSqlLimits = ({ keep, ...limits }: StoreLimits): SqlLimits => ({
  ...limits,
  keepMillis: Duration.toMillis(keep)
})

const exported = ({ call }: SqlDatabase): Stream.Stream<StoreRecord, StoreError> =>
  Stream.paginateChunkEffect(SqlExport.start, (position) =>
    call("exportPiece", position).pipe(
      Effect.catchAll((error) => {
        const next = error.reason === "damaged" ? SqlExport.afterDamage(position) : undefined
        return next === undefined ? Effect.fail(error) : Effect.succeed({ records: [], next })
      }),
      Effect.map(({ next, records }) => [Chunk.unsafeFromArray(records), Option.fromNullable(next)])
    )
  )

/** Records in one transaction of an import. */
const importedRecords = 500

const imported = <E, R>(
  { call }: SqlDatabase,
  records: Stream.Stream<StoreRecord, E, R>
): Effect.Effect<void, E | StoreError, R> =>
  Effect.flatMap(call("isEmpty"), (isEmpty) =>
    isEmpty
      ? Stream.runForEach(Stream.grouped(records, importedRecords), (group) =>
          call("importPiece", Chunk.toReadonlyArray(group))
        )
      : Effect.fail(new StoreError({ reason: "unavailable", description: "the store is not empty" }))
  )
