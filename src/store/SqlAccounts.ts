import type {
  AccountId,
  FreedAccount,
  OpenDeviceOptions,
  OpenedDevice,
  StoredAccount,
  StoredDevice
} from "../ports/StoreAccounts.js"
import type { Undelivered } from "../ports/StoreUpkeep.js"
import * as Wire from "../protocol/Wire.js"
import { isOwed } from "./SqlKeys.js"
import { row, rows, run, type Sql } from "./SqlQuery.js"
import { dropAll, keepReturns, type OwedLine } from "./SqlReturns.js"
import { removeMember } from "./SqlRooms.js"
import type { Moment, SqlState } from "./SqlState.js"

/** One device of one account. */
export interface DeviceOf {
  readonly account: AccountId
  readonly device: string
}

const active = 0
const removed = 1
const freed = 2

/** `StoreAccounts.all`. */
export function* all(): Sql<ReadonlyArray<StoredAccount>> {
  const found = yield* rows<{ id: AccountId; name: string; likeness: string; created: number; state: number }>(
    "select id, name, likeness, created, state from account where state <> ? order by id",
    freed
  )
  return found.map(({ state, name, ...account }) => ({
    ...account,
    name: Wire.encode(name),
    isRemoved: state === removed
  }))
}

/** `StoreAccounts.freed`. */
export function* allFreed(): Sql<ReadonlyArray<FreedAccount>> {
  const found = yield* rows<{ id: AccountId; name: string }>("select id, name from account where state = ?", freed)
  return found.map(({ id, name }) => ({ id, name: Wire.encode(name) }))
}

/** `StoreAccounts.create`. */
export function* create(
  state: SqlState,
  account: { readonly name: string; readonly likeness: string; readonly credential: string },
  { wall }: Moment
): Sql<StoredAccount | undefined> {
  const { credential, likeness, name } = account
  const taken = yield* row("select id from account where likeness = ? and state < ?", likeness, freed)
  if (taken !== undefined) return undefined
  const accounts = yield* state.activeAccounts()
  const id = (yield* state.nextId("account")) as AccountId // an id of that table
  const created = Math.floor(wall)
  yield* run(
    "insert into account values (?, ?, ?, ?, ?, ?)",
    id,
    Wire.decode(name),
    likeness,
    credential,
    created,
    active
  )
  accounts.add(id)
  return { id, name, likeness, created, isRemoved: false }
}

/** `StoreAccounts.credential`. */
export function* credential(account: AccountId): Sql<string | undefined> {
  const found = yield* row<{ credential: string }>(
    "select credential from account where id = ? and state = ?",
    account,
    active
  )
  return found?.credential
}

/** `StoreAccounts.setCredential`. */
export function* setCredential(
  state: SqlState,
  account: AccountId,
  hash: string,
  before: string | undefined
): Sql<boolean> {
  if (!(yield* state.activeAccounts()).has(account)) return false
  if (before !== undefined && (yield* credential(account)) !== before) return false
  yield* run("update account set credential = ? where id = ?", hash, account)
  return true
}

/** `StoreAccounts.remove`. */
export function* remove(
  state: SqlState,
  account: AccountId,
  moment: Moment
): Sql<ReadonlyArray<Undelivered> | undefined> {
  const accounts = yield* state.activeAccounts()
  if (!accounts.has(account)) return undefined
  const meta = yield* state.meta()
  const owed: Array<OwedLine> = []
  for (const head of yield* state.headsOf(account)) {
    if (head.key.kind === "room") {
      yield* removeMember(state, head, account)
      continue
    }
    const member = head.members.get(account)
    if (member === undefined) continue
    for (const line of yield* rows<{ seq: number; account: number }>(
      "select seq, account from line where conversation = ? and seq > ? order by seq",
      head.id,
      member.given
    )) {
      if (isOwed(head.key, line.account, account))
        owed.push({ head, recipient: account, author: line.account, seq: line.seq })
    }
    head.members.delete(account)
  }
  meta.expired += owed.length
  yield* run("delete from member where account = ?", account)
  yield* run("delete from invitation where account = ?", account)
  yield* run("delete from cursor where account = ?", account)
  yield* run("delete from device where account = ?", account)
  yield* dropAll(state, account)
  yield* run("update line set device = null, label = null where account = ? and label is not null", account)
  yield* run("update account set credential = null, state = ? where id = ?", removed, account)
  accounts.delete(account)
  state.unread.delete(account)
  state.devices.delete(account)
  return (yield* keepReturns(state, owed, "removed", moment)).toGuests
}

/** `StoreAccounts.free`. */
export function* free(account: AccountId): Sql<boolean> {
  const found = yield* row("select id from account where id = ? and state = ?", account, removed)
  if (found === undefined) return false
  yield* run("update account set state = ? where id = ?", freed, account)
  return true
}

/** `StoreAccounts.devices`. */
export function* devices(account: AccountId): Sql<ReadonlyArray<StoredDevice>> {
  const found = yield* rows<{ name: string; token: Uint8Array | null; seen: number }>(
    "select name, token, seen from device where account = ? order by ran, name",
    account
  )
  return found.map(({ name, seen, token }) => ({ name, hasToken: token !== null, seen }))
}

/** `StoreAccounts.openDevice`. */
export function* openDevice(
  state: SqlState,
  account: AccountId,
  device: string,
  options: OpenDeviceOptions,
  moment: Moment
): Sql<OpenedDevice> {
  if (!(yield* state.activeAccounts()).has(account)) return { _tag: "TooMany" }
  const names = yield* state.devicesOf(account)
  if (names.includes(device)) {
    yield* markSeen(state, { account, device }, moment)
    return { _tag: "Opened", isNew: false, forgotten: undefined }
  }
  if (options.isKnown === true) return { _tag: "Unknown" }
  let forgotten: string | undefined
  if (names.length >= options.maxDevices) {
    const oldestFirst = yield* rows<{ name: string }>(
      "select name from device where account = ? order by ran, name",
      account
    )
    forgotten = oldestFirst.find(({ name }) => !options.present.includes(name))?.name
    if (forgotten === undefined) return { _tag: "TooMany" }
    yield* forget(state, account, forgotten)
  }
  const running = yield* state.running(moment)
  yield* run("insert into device values (?, ?, null, ?, ?)", account, device, Math.floor(moment.wall), running)
  state.devices.set(account, [...(yield* state.devicesOf(account)), device])
  for (const [conversation, given] of yield* furthest(account)) {
    // A copy that an earlier version rescued may have the places of a device that was lost: it continues there.
    yield* run(
      "insert into cursor values (?, ?, ?, ?) on conflict (account, device, conversation) do nothing",
      account,
      device,
      conversation,
      given
    )
  }
  return { _tag: "Opened", isNew: true, forgotten }
}

/** How far the account's devices have been given its conversations; 0 is left out. */
function* furthest(account: AccountId): Sql<ReadonlyMap<number, number>> {
  const given = yield* rows<{ conversation: number; given: number }>(
    "select conversation, given from member where account = ? and given > 0",
    account
  )
  const inRooms = yield* rows<{ conversation: number; given: number }>(
    `select r.conversation, max(r.seq) as given from member m join device d on d.account = m.account
     join cursor r on r.account = m.account and r.device = d.name and r.conversation = m.conversation
     where m.account = ? and m.joined > 0 group by r.conversation`,
    account
  )
  const found = new Map(given.map(({ conversation, given }) => [conversation, given]))
  for (const { conversation, given } of inRooms) {
    found.set(conversation, Math.max(given, found.get(conversation) ?? 0))
  }
  return found
}

/** `StoreAccounts.setToken`. */
export function* setToken(state: SqlState, account: AccountId, device: string, hash: Uint8Array): Sql<boolean> {
  if (!(yield* state.devicesOf(account)).includes(device)) return false
  yield* run("update device set token = ? where account = ? and name = ?", hash, account, device)
  return true
}

/** `StoreAccounts.deviceOfToken`. */
export function* deviceOfToken(account: AccountId, hash: Uint8Array): Sql<string | undefined> {
  const found = yield* row<{ name: string }>("select name from device where account = ? and token = ?", account, hash)
  return found?.name
}

/** `StoreAccounts.forget`. */
export function* forget(state: SqlState, account: AccountId, device: string): Sql<boolean> {
  const names = yield* state.devicesOf(account)
  if (!names.includes(device)) return false
  state.devices.set(
    account,
    names.filter((name) => name !== device)
  )
  // In rooms, only cursors say what an account has been given: see `SqlLines.moveCursor`.
  for (const { conversation, seq } of yield* rows<{ conversation: number; seq: number }>(
    `select r.conversation, r.seq from cursor r
     join member m on m.conversation = r.conversation and m.account = r.account
     where r.account = ? and r.device = ? and m.joined > 0 and r.seq > m.given`,
    account,
    device
  )) {
    yield* run("update member set given = ? where conversation = ? and account = ?", seq, conversation, account)
  }
  yield* run("delete from cursor where account = ? and device = ?", account, device)
  yield* run("delete from device where account = ? and name = ?", account, device)
  yield* run(
    "update line set device = null, label = null where account = ? and device = ? and label is not null",
    account,
    device
  )
  return true
}

/** `StoreAccounts.seen`. */
export function* seen(state: SqlState, present: ReadonlyArray<DeviceOf>, moment: Moment): Sql<ReadonlyArray<DeviceOf>> {
  yield* left(state, present, moment)
  const oldest = (yield* state.running(moment)) - state.limits.keepMillis
  const away = yield* rows<{ account: AccountId; device: string }>(
    "select account, name as device from device where ran < ? order by account, name",
    oldest
  )
  for (const { account, device } of away) yield* forget(state, account, device)
  return away.map(({ account, device }) => ({ account, device }))
}

/** `StoreAccounts.left`. */
export function* left(state: SqlState, devices: ReadonlyArray<DeviceOf>, moment: Moment): Sql<void> {
  for (const device of devices) yield* markSeen(state, device, moment)
}

function* markSeen(state: SqlState, { account, device }: DeviceOf, moment: Moment): Sql<void> {
  const running = yield* state.running(moment)
  yield* run(
    "update device set seen = ?, ran = ? where account = ? and name = ?",
    Math.floor(moment.wall),
    running,
    account,
    device
  )
}
