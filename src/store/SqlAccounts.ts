import {
  type AccountId,
  type FreedAccount,
  type OpenDeviceOptions,
  type OpenedDevice,
  openingMillis,
  type StoredAccount,
  type StoredDevice
} from "../ports/StoreAccounts.js"
import type { Undelivered } from "../ports/StoreUpkeep.js"
import * as Wire from "../protocol/Wire.js"
import { isOwed } from "./LineRecipient.js"
import * as SqlChanges from "./SqlChanges.js"
import { row, rows, run, type Sql } from "./SqlQuery.js"
import { dropAll, keepReturnRows, type OwedLine } from "./SqlReturns.js"
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
  const stored = { id, name, likeness, created, isRemoved: false }
  yield* SqlChanges.add(state, { _tag: "AccountCreated", account: stored })
  return stored
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
  state.touching() // nothing is derived from it
  yield* run("update account set credential = ? where id = ?", hash, account)
  if (before === undefined) yield* SqlChanges.add(state, { _tag: "PasswordChanged", account })
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
  state.unread.forget(account)
  state.devices.delete(account)
  yield* SqlChanges.add(state, { _tag: "AccountRemoved", account })
  return (yield* keepReturnRows(state, owed, "removed", moment)).toGuests
}

/** `StoreAccounts.free`. */
export function* free(state: SqlState, account: AccountId): Sql<boolean> {
  const found = yield* row("select id from account where id = ? and state = ?", account, removed)
  if (found === undefined) return false
  yield* run("update account set state = ? where id = ?", freed, account)
  yield* SqlChanges.add(state, { _tag: "AccountFreed", account })
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
  state.touching()
  const { isAway = false, isKnown = false, maxDevices, others = [], present, takeFrom } = options
  const devices = yield* state.devicesOf(account)
  const owner = devices.get(device)
  if (owner !== undefined) {
    if (owner !== null && !isAway && owner !== takeFrom && others.includes(owner)) return { _tag: "Elsewhere", owner }
    yield* markSeen(state, { account, device }, moment)
    const wasTaken = !isAway && (yield* take(state, { account, device }, owner))
    return { _tag: "Opened", isNew: false, forgotten: undefined, ...(wasTaken ? { wasTaken } : {}) }
  }
  if (isKnown) return { _tag: "Unknown" }
  let forgotten: string | undefined
  if (devices.size >= maxDevices) {
    const oldestFirst = yield* rows<{ name: string; owner: string | null }>(
      "select name, owner from device where account = ? order by ran, name",
      account
    )
    const isPresent = (name: string, owner: string | null) =>
      present.includes(name) || (owner !== null && others.includes(owner))
    forgotten = oldestFirst.find(({ name, owner }) => !isPresent(name, owner))?.name
    if (forgotten === undefined) return { _tag: "TooMany" }
    yield* forget(state, account, forgotten)
  }
  const running = yield* state.running(moment)
  const newOwner = isAway ? null : (state.sharing?.server ?? null)
  yield* run(
    "insert into device values (?, ?, null, ?, ?, ?)",
    account,
    device,
    Math.floor(moment.wall),
    running,
    newOwner
  )
  state.setDevice(account, device, newOwner)
  for (const [conversation, given] of yield* furthest(account)) {
    // A store rescued by an earlier version may still have the cursors of a lost device, which then continues there.
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

/** Assigns a device to this server. Returns whether it belonged to another server, which is then notified. */
function* take(state: SqlState, { account, device }: DeviceOf, before: string | null): Sql<boolean> {
  const server = state.sharing?.server
  if (server === undefined || before === server) return false
  yield* setOwner(state, { account, device }, server)
  if (before === null) return false
  yield* SqlChanges.add(state, { _tag: "DeviceTaken", account, device })
  return true
}

function* setOwner(state: SqlState, { account, device }: DeviceOf, owner: string | null): Sql<void> {
  yield* run("update device set owner = ? where account = ? and name = ?", owner, account, device)
  state.setDevice(account, device, owner)
}

/** The furthest position of the account's devices in each conversation, without those at 0. */
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
  state.touching() // nothing is derived from it
  if (!(yield* state.devicesOf(account)).has(device)) return false
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
  if (!(yield* state.devicesOf(account)).has(device)) return false
  state.setDevice(account, device, undefined)
  // In rooms, only cursors record the lines that an account was given: see `SqlLines.moveCursor`.
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
  yield* SqlChanges.add(state, { _tag: "DeviceForgotten", account, device })
  return true
}

/** `StoreAccounts.seen`. */
export function* seen(
  state: SqlState,
  present: ReadonlyArray<DeviceOf>,
  others: ReadonlyArray<string> | undefined,
  moment: Moment
): Sql<ReadonlyArray<DeviceOf>> {
  state.touching()
  for (const device of present) yield* markSeen(state, device, moment)
  const running = yield* state.running(moment)
  yield* giveUp(state, running - openingMillis)
  const away = yield* rows<{ account: AccountId; device: string; owner: string | null }>(
    "select account, name as device, owner from device where ran < ? order by account, name",
    running - state.limits.keepMillis
  )
  const isElsewhere = (owner: string | null) =>
    state.sharing !== undefined && owner !== null && owner !== state.sharing.server && others?.includes(owner) !== false
  const forgotten = away.filter(({ owner }) => !isElsewhere(owner))
  for (const { account, device } of forgotten) yield* forget(state, account, device)
  return forgotten.map(({ account, device }) => ({ account, device }))
}

/** Releases this server's devices as which no client has logged in after all, or whose departure was not reported. */
function* giveUp(state: SqlState, before: number): Sql<void> {
  if (state.sharing === undefined) return
  const found = yield* rows<{ account: AccountId; device: string }>(
    "select account, name as device from device where owner = ? and ran < ?",
    state.sharing.server,
    before
  )
  for (const device of found) yield* setOwner(state, device, null)
}

/** `StoreAccounts.left`. */
export function* left(state: SqlState, devices: ReadonlyArray<DeviceOf>, moment: Moment): Sql<void> {
  state.touching()
  for (const device of devices) {
    yield* markSeen(state, device, moment)
    if (state.sharing === undefined) continue
    const owner = (yield* state.devicesOf(device.account)).get(device.device)
    if (owner === state.sharing.server) yield* setOwner(state, device, null)
  }
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
