import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { StoreService } from "../../src/ports/Store.js"
import type { AccountId } from "../../src/ports/StoreAccounts.js"
import * as Keys from "../../src/ports/StoreLines.js"
import * as Checksum from "../../src/store/Checksum.js"
import { migrations } from "../../src/store/SqlSchema.js"
import { append, balanced, line } from "../ports/StoreFixtures.js"

/** The schema of the versions before rooms. */
export const schema = migrations.slice(0, 2)

const [alice, bob] = [1 as AccountId, 2 as AccountId]

const stored = [
  { conversation: 1, seq: 1, at: 1000, account: 1, author: "alice", flags: 1, recipients: "carol", text: "déjà vu" },
  { conversation: 1, seq: 2, at: 2000, account: 2, author: "bob", flags: 0, recipients: "", text: "vu" },
  { conversation: 1, seq: 3, at: 3000, account: 1, author: "alice", flags: 0, recipients: "", text: "" },
  { conversation: 5, seq: 10, at: 4000, account: 0, author: "Carol", flags: 0, recipients: "", text: "hello" }
].map(({ text, ...line }) => ({ ...line, body: Buffer.from(text), text }))

const size = ({ author, body, recipients }: (typeof stored)[number]) =>
  Keys.sizeOf(body.length, { author, to: recipients })

/**
 * The content of such a store, as SQL: Alice and Bob have three lines, of which Bob's device was given one, and a guest
 * has written to Bob after a conversation had ended.
 *
 * @param blob a literal of these bytes
 */
export const content = (blob: (bytes: Buffer) => string): ReadonlyArray<string> => [
  `insert into meta (id, log, commits, clean, running, stored, given, expired, lines, bytes, ended_id, ended_seq, dead)
   values (1, 'abc', 7, 1, 5000, 4, 1, 0, 4, ${stored.reduce((sum, line) => sum + size(line), 0)}, 4, 9, 0)`,
  "insert into account values (1, 'alice', 'ALICE', 'hash', 0, 0), (2, 'bob', 'BOB', 'hash', 0, 0)",
  "insert into device values (1, 'main', null, 0, 0), (2, 'main', null, 0, 0)",
  "insert into conversation values (1, 1, 1, 2, '', 1, 0), (5, 2, 2, 0, 'CAROL', 10, 0)",
  "insert into member values (1, 1, 1, 1, 0), (1, 2, 1, 2, 1), (5, 2, 10, 0, 0)",
  "insert into cursor values (2, 'main', 1, 1)",
  ...stored.map((line, index) => {
    const { account, at, author, body, conversation, flags, recipients, seq } = line
    const place = `${index + 1}, ${conversation}, ${seq}, ${at}, ${at}`
    const common = `${place}, ${account}, '${author}', ${flags}, '${recipients}'`
    const label = index === 0 ? "'main', 'k1'" : "null, null"
    return `insert into line values (${common}, ${blob(body)}, ${size(line)}, ${Checksum.ofLine(line)}, ${label})`
  })
]

/** Nothing of it is lost, and there can be rooms. */
export const verify = (store: StoreService) =>
  Effect.gen(function* () {
    assert.strictEqual(store.log, "abc")
    const [key, guest] = [Keys.keyBetween(alice, bob), Keys.withGuest(bob, "CAROL")]
    const conversation = yield* store.find(key)
    assert.isDefined(conversation)
    const { lines } = yield* store.page({ conversation, reader: bob, after: 0, limit: 9 })
    assert.deepStrictEqual(
      lines.map(({ author, seq, text, to }) => [seq, author, Buffer.from(text, "latin1").toString(), to]),
      stored.slice(0, 3).map(({ author, recipients, seq, text }) => [seq, author, text, recipients])
    )
    const waits = yield* store.waiting(bob, "main")
    assert.deepStrictEqual(
      waits.map(({ cursor, first, key, last }) => ({ cursor, first, key, last })),
      [
        { key, cursor: 1, first: 1, last: 3 },
        { key: guest, cursor: 9, first: 10, last: 10 }
      ]
    )
    assert.deepInclude(yield* balanced(store), { stored: 4, given: 1, lines: 4, rooms: 0, conversations: 2 })
    assert.deepStrictEqual(yield* store.check, [])
    assert.deepStrictEqual(yield* store.rooms.all, [])
    const room = yield* store.rooms.create({ name: "#ops", likeness: "OPS", owner: alice })
    assert.deepInclude(room, { last: 9, members: [alice] })
    assert.isDefined(room)
    yield* store.rooms.join(room.id, bob)
    const once = { device: "main", label: "k1" }
    const again = yield* append(store, line(key, alice, lines[0]?.text ?? "", { once }))
    assert.deepInclude(again, { seq: 1, again: true })
    const [one, other] = yield* store.append([
      line(Keys.ofRoom(room.id), alice, "both", { to: "bob" }),
      line(key, alice, "both", { to: "#ops" })
    ])
    assert.deepStrictEqual(
      [one, other].map((result) => result?._tag === "Stored" && result.seq),
      [10, 4]
    )
    const page = yield* store.page({ conversation, reader: bob, after: 0, limit: 9 })
    assert.deepStrictEqual(page.lines.slice(0, 3), lines)
    assert.deepStrictEqual(yield* store.check, [])
  })
