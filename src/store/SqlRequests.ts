import type { AccountId, OpenDeviceOptions } from "../ports/StoreAccounts.js"
import type { ConversationId, ConversationKey, Cursor, PageRequest } from "../ports/StoreLines.js"
import type { RoomPatch } from "../ports/StoreRooms.js"
import type { SearchRequest } from "../ports/StoreSearch.js"
import type { StoreRecord, ToldReturn } from "../ports/StoreUpkeep.js"
import * as SqlAccounts from "./SqlAccounts.js"
import * as SqlExport from "./SqlExport.js"
import * as SqlImport from "./SqlImport.js"
import * as SqlIndex from "./SqlIndex.js"
import * as SqlAppend from "./SqlAppend.js"
import * as SqlChanges from "./SqlChanges.js"
import * as SqlChecks from "./SqlChecks.js"
import * as SqlLines from "./SqlLines.js"
import type { Sql } from "./SqlQuery.js"
import * as SqlReturns from "./SqlReturns.js"
import * as SqlRooms from "./SqlRooms.js"
import * as SqlSearch from "./SqlSearch.js"
import type { Moment, SqlLimits, SqlState } from "./SqlState.js"
import * as SqlUpkeep from "./SqlUpkeep.js"

type Run<Args extends ReadonlyArray<unknown>, A> = (state: SqlState, moment: Moment, ...args: Args) => Sql<A>

interface Request<Args extends ReadonlyArray<unknown>, A> {
  /** Whether it needs a transaction. */
  readonly writes: boolean
  readonly run: Run<Args, A>
}

const reads = <Args extends ReadonlyArray<unknown>, A>(run: Run<Args, A>): Request<Args, A> => ({ writes: false, run })

/** A request that writes. Its transaction ends by writing the totals and the running time. */
const writes = <Args extends ReadonlyArray<unknown>, A>(run: Run<Args, A>): Request<Args, A> => ({
  writes: true,
  *run(state, moment, ...args) {
    const result = yield* run(state, moment, ...args)
    yield* state.flush(moment)
    return result
  }
})

/** All requests of a store in SQL. */
export const requests = {
  append: writes((state, moment, lines: ReadonlyArray<SqlAppend.NewLineBytes>, cursors: ReadonlyArray<Cursor>) =>
    SqlAppend.append(state, lines, cursors, moment)
  ),
  page: reads((state, _, request: PageRequest) => SqlLines.page(state, request)),
  waiting: reads((_state, _, account: AccountId, device: string) => SqlLines.waiting(account, device)),
  find: reads((state, _, key: ConversationKey) => state.idOf(key)),
  conversations: reads((state, _, account: AccountId, limit: number) => SqlLines.conversations(state, account, limit)),
  search: reads((state, _, request: SearchRequest) => SqlSearch.search(state, request)),
  readForIndex: reads((state) => SqlIndex.read(state)),
  writeIndex: writes((state) => SqlIndex.write(state)),
  markRead: writes((state, _, account: AccountId, conversation: ConversationId, seq: number) =>
    SqlLines.markRead(state, account, conversation, seq)
  ),

  accounts: reads(() => SqlAccounts.all()),
  freed: reads(() => SqlAccounts.allFreed()),
  create: writes((state, moment, account: { name: string; likeness: string; credential: string }) =>
    SqlAccounts.create(state, account, moment)
  ),
  credential: reads((_state, _, account: AccountId) => SqlAccounts.credential(account)),
  setCredential: writes((state, _, account: AccountId, credential: string, before?: string) =>
    SqlAccounts.setCredential(state, account, credential, before)
  ),
  remove: writes((state, moment, account: AccountId) => SqlAccounts.remove(state, account, moment)),
  free: writes((state, _, account: AccountId) => SqlAccounts.free(state, account)),
  devices: reads((_state, _, account: AccountId) => SqlAccounts.devices(account)),
  openDevice: writes((state, moment, account: AccountId, device: string, options: OpenDeviceOptions) =>
    SqlAccounts.openDevice(state, account, device, options, moment)
  ),
  setToken: writes((state, _, account: AccountId, device: string, hash: Uint8Array) =>
    SqlAccounts.setToken(state, account, device, hash)
  ),
  deviceOfToken: reads((_state, _, account: AccountId, hash: Uint8Array) => SqlAccounts.deviceOfToken(account, hash)),
  forget: writes((state, _, account: AccountId, device: string) => SqlAccounts.forget(state, account, device)),
  seen: writes(
    (state, moment, present: ReadonlyArray<SqlAccounts.DeviceOf>, others: ReadonlyArray<string> | undefined) =>
      SqlAccounts.seen(state, present, others, moment)
  ),
  left: writes((state, moment, devices: ReadonlyArray<SqlAccounts.DeviceOf>) =>
    SqlAccounts.left(state, devices, moment)
  ),

  rooms: reads(() => SqlRooms.all()),
  createRoom: writes((state, _, room: { name: string; likeness: string; owner: AccountId | undefined }) =>
    SqlRooms.create(state, room)
  ),
  changeRoom: writes((state, _, room: ConversationId, changes: RoomPatch, by?: string) =>
    SqlRooms.change(state, room, changes, by)
  ),
  joinRoom: writes((state, _, room: ConversationId, account: AccountId) => SqlRooms.join(state, room, account)),
  leaveRoom: writes((state, _, room: ConversationId, account: AccountId, by?: string) =>
    SqlRooms.leave(state, room, account, by)
  ),
  invite: writes((state, _, room: ConversationId, account: AccountId, by?: string) =>
    SqlRooms.invite(state, room, account, by)
  ),
  uninvite: writes((state, _, room: ConversationId, account: AccountId) => SqlRooms.uninvite(state, room, account)),
  endRoom: writes((state, _, room: ConversationId, ifEmpty?: boolean) => SqlRooms.end(state, room, ifEmpty)),

  changes: reads((_state, _, after: number) => SqlChanges.after(after)),
  latestChange: reads(() => SqlChanges.latest()),
  given: reads((_state, _, of: ReadonlyArray<{ conversation: ConversationId; account: AccountId }>) =>
    SqlLines.given(of)
  ),

  configure: reads((state, _, limits: SqlLimits) => state.configure(limits)),
  goOn: writes((state) => SqlChanges.goOn(state)),
  retain: writes((state, moment, held: ReadonlyMap<ConversationId, number>, since?: number) =>
    SqlUpkeep.retain(state, held, since, moment)
  ),
  pendingReturns: reads((_state, _, account: AccountId) => SqlReturns.pending(account)),
  toldReturns: writes((state, _, returns: ReadonlyArray<ToldReturn>, dead: number) =>
    SqlReturns.told(state, returns, dead)
  ),
  statistics: reads((state, moment) => SqlUpkeep.statistics(state, moment)),
  check: reads((state) => SqlChecks.check(state)),

  isEmpty: reads(() => SqlImport.isEmpty()),
  exportPiece: reads((state, moment, position: SqlExport.ExportPosition) =>
    SqlExport.exportPiece(state, position, moment)
  ),
  importPiece: writes((state, moment, records: ReadonlyArray<StoreRecord>) =>
    SqlImport.importPiece(state, records, moment)
  )
}

export type RequestName = keyof typeof requests

/** The arguments of a request after the state and the moment. */
export type Arguments<Name extends RequestName> = (typeof requests)[Name]["run"] extends (
  state: SqlState,
  moment: Moment,
  ...args: infer Args
) => unknown
  ? Args
  : never

/** The result of a request. */
export type Result<Name extends RequestName> = (typeof requests)[Name]["run"] extends (...args: never) => Sql<infer A>
  ? A
  : never

/** The queries of a request. */
export const sqlOf = <Name extends RequestName>(
  name: Name,
  state: SqlState,
  moment: Moment,
  args: Arguments<Name>
): Sql<Result<Name>> => {
  // The table relates the name, the arguments and the result. TypeScript loses this relation in a union.
  const run = requests[name].run as unknown as Run<Arguments<Name>, Result<Name>>
  state.trim()
  return run(state, moment, ...args)
}
