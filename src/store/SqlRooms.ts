import type { AccountId } from "../ports/StoreAccounts.js"
import { type ConversationId, ofRoom } from "../ports/StoreLines.js"
import type { StoreFault } from "../ports/StoreUpkeep.js"
import type { RoomDeparture, RoomPatch, StoredRoom } from "../ports/StoreRooms.js"
import * as Wire from "../protocol/Wire.js"
import * as SqlChanges from "./SqlChanges.js"
import { row, rows, run, type Sql, type SqlValue } from "./SqlQuery.js"
import { endedKind, roomKind } from "./SqlKeys.js"
import type { Head } from "./SqlHead.js"
import type { SqlState } from "./SqlState.js"

interface RoomRow {
  readonly id: ConversationId
  readonly name: string
  readonly likeness: string
  readonly topic: string
  readonly topicBy: string
  readonly owner: number
  readonly locked: number
  readonly slow: number
  readonly first: number
  readonly last: number | null
  readonly missing: number | null
}

/** `StoreRooms.all`. */
export function* all(): Sql<ReadonlyArray<StoredRoom>> {
  const found = yield* rows<RoomRow>(
    `select r.conversation as id, r.name, c.likeness, r.topic, r.topic_by as "topicBy",
        r.owner, r.locked, r.slow, c.first,
            (select max(l.seq) from line l where l.conversation = r.conversation) as last,
            (select max(g.last) from gap g where g.conversation = r.conversation) as missing
     from room r join conversation c on c.id = r.conversation order by r.conversation`
  )
  const members = yield* accountsByRoom(
    "select conversation, account from member where joined > 0 order by conversation, joined"
  )
  const invited = yield* accountsByRoom("select conversation, account from invitation order by conversation, account")
  return found.map(({ first, id, last, likeness, locked, missing, name, owner, slow, topic, topicBy }) => ({
    id,
    name: Wire.encode(name),
    likeness,
    topic: Wire.encode(topic),
    topicBy: Wire.encode(topicBy),
    owner: owner === 0 ? undefined : (owner as AccountId), // the column holds ids of accounts
    isLocked: locked === 1,
    slowMillis: slow,
    last: Math.max(last ?? first - 1, missing ?? 0),
    members: members.get(id) ?? [],
    invited: invited.get(id) ?? []
  }))
}

function* accountsByRoom(sql: string): Sql<ReadonlyMap<ConversationId, ReadonlyArray<AccountId>>> {
  const found = new Map<ConversationId, Array<AccountId>>()
  for (const { account, conversation } of yield* rows<{ conversation: ConversationId; account: AccountId }>(sql)) {
    const accounts = found.get(conversation)
    if (accounts === undefined) found.set(conversation, [account])
    else accounts.push(account)
  }
  return found
}

/** `StoreRooms.create`. */
export function* create(
  state: SqlState,
  room: { readonly name: string; readonly likeness: string; readonly owner: AccountId | undefined }
): Sql<StoredRoom | undefined> {
  const { likeness, name, owner } = room
  if (owner !== undefined && !(yield* state.activeAccounts()).has(owner)) return undefined
  const taken = yield* row(
    "select id from conversation where kind = ? and one = 0 and other = 0 and likeness = ?",
    roomKind,
    likeness
  )
  if (taken !== undefined) return undefined
  const id = (yield* state.nextId("conversation")) as ConversationId // an id of that table
  const last = (yield* state.meta()).endedSeq
  yield* run("insert into conversation values (?, ?, 0, 0, ?, ?, 0, '')", id, roomKind, likeness, last + 1)
  yield* run("insert into room values (?, ?, '', '', ?, 0, 0)", id, Wire.decode(name), owner ?? 0)
  const head: Head = {
    id,
    key: ofRoom(id),
    isEnded: false,
    first: last + 1,
    next: last + 1,
    at: 0,
    members: new Map()
  }
  state.added(head)
  if (owner !== undefined) yield* addMember(head, owner)
  const members = owner === undefined ? [] : [owner]
  const settings = { topic: "", topicBy: "", isLocked: false, slowMillis: 0, invited: [] }
  const created = { id, name, likeness, owner, last, members, ...settings }
  yield* SqlChanges.add(state, { _tag: "RoomCreated", room: created })
  return created
}

/** `StoreRooms.change`. */
export function* change(state: SqlState, id: ConversationId, changes: RoomPatch, by: string | undefined): Sql<boolean> {
  const head = yield* state.room(id)
  if (head === undefined) return false
  const { isLocked, owner, slowMillis, topic } = changes
  if (owner !== undefined && (yield* state.member(head, owner)) === undefined) return false
  if (topic !== undefined) yield* set(id, "topic = ?, topic_by = ?", Wire.decode(topic.text), Wire.decode(topic.by))
  if (owner !== undefined) yield* set(id, "owner = ?", owner)
  if (isLocked !== undefined) yield* set(id, "locked = ?", isLocked ? 1 : 0)
  if (slowMillis !== undefined) yield* set(id, "slow = ?", slowMillis)
  yield* SqlChanges.add(state, { _tag: "RoomChanged", room: id, changes, by })
  return true
}

const set = (room: ConversationId, assignments: string, ...values: ReadonlyArray<SqlValue>) =>
  run(`update room set ${assignments} where conversation = ?`, ...values, room)

/** `StoreRooms.join`. */
export function* join(state: SqlState, id: ConversationId, account: AccountId): Sql<number | undefined> {
  const head = yield* state.room(id)
  if (head === undefined || !(yield* state.activeAccounts()).has(account)) return undefined
  if ((yield* state.member(head, account)) === undefined) {
    const isInvited = yield* withdraw(id, account)
    const room = yield* row<{ locked: number }>("select locked from room where conversation = ?", id)
    if (!isInvited && room?.locked === 1) return undefined
    yield* addMember(head, account)
    yield* SqlChanges.add(state, { _tag: "RoomJoined", room: id, account, last: head.next - 1 })
  }
  return head.next - 1
}

/** The read mark and devices without a cursor start at the last line. */
function* addMember({ id, next }: Head, account: AccountId): Sql<void> {
  const latest = yield* row<{ joined: number | null }>(
    "select max(joined) as joined from member where conversation = ? and joined > 0",
    id
  )
  const joined = (latest?.joined ?? 0) + 1
  yield* run("insert into member values (?, ?, ?, ?, 0, ?)", id, account, next, next - 1, joined)
}

/** `StoreRooms.leave`. */
export function* leave(
  state: SqlState,
  id: ConversationId,
  account: AccountId,
  by: string | undefined
): Sql<RoomDeparture | undefined> {
  const head = yield* state.room(id)
  if (head === undefined || (yield* state.member(head, account)) === undefined) return undefined
  const departure = yield* removeMember(state, head, account)
  yield* SqlChanges.add(state, { _tag: "RoomLeft", room: id, account, owner: departure.owner ?? null, by })
  return departure
}

/** Ends a membership. If the owner leaves, determines the new one. */
export function* removeMember(state: SqlState, { id, members }: Head, account: AccountId): Sql<RoomDeparture> {
  members.delete(account)
  yield* run("delete from member where conversation = ? and account = ?", id, account)
  for (const device of (yield* state.devicesOf(account)).keys()) {
    yield* run("delete from cursor where account = ? and device = ? and conversation = ?", account, device, id)
  }
  const owner = (yield* row<{ owner: number }>("select owner from room where conversation = ?", id))?.owner ?? 0
  if (owner !== account) return { owner: owner === 0 ? undefined : (owner as AccountId) } // it holds ids of accounts
  const next = yield* row<{ account: AccountId }>(
    "select account from member where conversation = ? and joined > 0 order by joined limit 1",
    id
  )
  yield* set(id, "owner = ?", next?.account ?? 0)
  return { owner: next?.account }
}

/** `StoreRooms.invite`. */
export function* invite(state: SqlState, id: ConversationId, account: AccountId, by: string | undefined): Sql<boolean> {
  const head = yield* state.room(id)
  if (head === undefined || !(yield* state.activeAccounts()).has(account)) return false
  if ((yield* state.member(head, account)) !== undefined) return false
  yield* run("insert into invitation values (?, ?) on conflict (conversation, account) do nothing", id, account)
  yield* SqlChanges.add(state, { _tag: "Invited", room: id, account, by })
  return true
}

/** `StoreRooms.uninvite`. */
export function* uninvite(state: SqlState, id: ConversationId, account: AccountId): Sql<boolean> {
  const isWithdrawn = yield* withdraw(id, account)
  if (isWithdrawn) yield* SqlChanges.add(state, { _tag: "Uninvited", room: id, account })
  return isWithdrawn
}

function* withdraw(id: ConversationId, account: AccountId): Sql<boolean> {
  const found = yield* row("select account from invitation where conversation = ? and account = ?", id, account)
  if (found === undefined) return false
  yield* run("delete from invitation where conversation = ? and account = ?", id, account)
  return true
}

/** `StoreRooms.end`. Retention deletes its lines: deleting thousands at once would delay other requests. */
export function* end(state: SqlState, id: ConversationId, ifEmpty = false): Sql<boolean> {
  const head = yield* state.room(id)
  if (head === undefined || (ifEmpty && (yield* hasMembers(id)))) return false
  yield* run(
    `delete from cursor where (account, device, conversation) in
       (select m.account, d.name, m.conversation from member m join device d on d.account = m.account
         where m.conversation = ?)`,
    id
  )
  yield* run("delete from member where conversation = ?", id)
  yield* run("delete from invitation where conversation = ?", id)
  yield* run("delete from room where conversation = ?", id)
  yield* run("update conversation set kind = ?, one = id, likeness = '' where id = ?", endedKind, id)
  const meta = yield* state.meta()
  meta.endedSeq = Math.max(meta.endedSeq, head.next - 1)
  state.ended(head)
  yield* SqlChanges.add(state, { _tag: "RoomEnded", room: id })
  return true
}

function* hasMembers(id: ConversationId): Sql<boolean> {
  const member = yield* row("select account from member where conversation = ? and joined > 0 limit 1", id)
  return member !== undefined
}

/** Rooms whose rows contradict each other. */
export function* check(): Sql<ReadonlyArray<StoreFault>> {
  const rooms = yield* rows<{ id: number }>(
    `select c.id from conversation c left join room r on r.conversation = c.id
     where (c.kind = ?) <> (r.conversation is not null) order by c.id`,
    roomKind
  )
  const owners = yield* rows<{ id: number }>(
    `select r.conversation as id from room r
      left join member m on m.conversation = r.conversation and m.account = r.owner
     where r.owner <> 0 and m.account is null order by r.conversation`
  )
  return [
    ...rooms.map(({ id }) => `conversation ${id} is a room in one table and none in the other`),
    ...owners.map(({ id }) => `the owner of room ${id} is not in it`)
  ]
}
