import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { StoreService } from "../../src/ports/Store.js"
import type { AccountId } from "../../src/ports/StoreAccounts.js"
import * as Keys from "../../src/ports/StoreLines.js"
import { append, balanced, device, line, register } from "../ports/StoreFixtures.js"
import { create } from "../ports/StoreRoomFixtures.js"
import { damagePage, rootOf } from "../support/SqliteFiles.js"
import { countOf, execute, file, open, recordsOf, using } from "../support/SqliteStores.js"

const of = (number: number) => number as AccountId

describe("a store whose devices are gone, and their places are not", () => {
  const withoutDevices = Effect.gen(function* () {
    const path = yield* file
    yield* using(path, (store) =>
      Effect.gen(function* () {
        yield* register(store, "alice")
        yield* register(store, "bob")
        yield* device(store, of(2))
        yield* append(store, line(Keys.keyBetween(of(1), of(2)), of(1), "one"))
        const conversation = yield* store.find(Keys.keyBetween(of(1), of(2)))
        assert.isDefined(conversation)
        yield* store.saveCursors([{ account: of(2), device: "main", conversation, seq: 1 }])
      })
    )
    const whole = yield* using(path, recordsOf)
    execute(path, "delete from device")
    return { path, whole }
  })

  it.scopedLive("is named by the check, and lets a device log in, which continues at its place", () =>
    Effect.gen(function* () {
      const { path } = yield* withoutDevices
      const store = yield* open(path)
      assert.deepStrictEqual(yield* store.check, ["account 2 has cursors of a device that it does not have"])
      assert.strictEqual((yield* device(store, of(2)))._tag, "Opened")
      assert.lengthOf(yield* store.waiting(of(2), "main"), 0)
      assert.deepStrictEqual(yield* store.check, [])
    })
  )

  it.scopedLive("is copied without these places", () =>
    Effect.gen(function* () {
      const { path, whole } = yield* withoutDevices
      assert.strictEqual(countOf(yield* using(path, recordsOf), "cursor"), 0)
      // As earlier versions have exported it.
      const copy = yield* open(`${path}-copy`)
      yield* copy.imported(Stream.fromIterable(whole.filter(({ type }) => type !== "device")))
      assert.deepStrictEqual(yield* copy.check, [])
      assert.strictEqual((yield* device(copy, of(2)))._tag, "Opened")
    })
  )
})

describe("an account that is lost, and that only", () => {
  const [alice, bob] = [of(1), of(2)]

  const references = {
    "a room invites": (store: StoreService) =>
      Effect.gen(function* () {
        const room = yield* create(store, "secret", alice)
        yield* store.rooms.invite(room.id, bob)
      }),
    "is the author of a line": (store: StoreService) =>
      Effect.gen(function* () {
        const room = yield* create(store, "open", alice)
        yield* store.rooms.join(room.id, bob)
        yield* append(store, line(Keys.ofRoom(room.id), bob, "one"))
        yield* store.accounts.remove(bob)
      }),
    "had a conversation": (store: StoreService) =>
      Effect.gen(function* () {
        yield* append(store, line(Keys.keyBetween(alice, bob), alice, "one"))
        yield* store.accounts.remove(bob)
      })
  }

  for (const [name, refer] of Object.entries(references)) {
    it.scopedLive(`${name}, leaves its number to nobody`, () =>
      Effect.gen(function* () {
        const path = yield* file
        yield* using(path, (store) =>
          Effect.gen(function* () {
            yield* register(store, "alice")
            yield* register(store, "bob")
            yield* refer(store)
          })
        )
        const whole = yield* using(path, recordsOf)
        damagePage(path, rootOf(path, "account"))
        const rescued = yield* open(`${path}-rescued`)
        yield* rescued.imported(Stream.fromIterable(yield* using(path, recordsOf)))
        assert.strictEqual(yield* register(rescued, "somebody"), 3)
        // As earlier versions have exported it.
        const earlier = whole
          .filter((record) => record.type !== "account" || record.id !== bob)
          .map((record) => (record.type === "totals" ? { ...record, partial: true as const } : record))
        const copy = yield* open(`${path}-copy`)
        yield* copy.imported(Stream.fromIterable(earlier))
        assert.strictEqual(yield* register(copy, "somebody"), 3)
        assert.deepStrictEqual(yield* copy.check, [])
      })
    )
  }
})

describe("rows that are gone without a trace, as in a page of zeros, which Postgres takes for an empty one", () => {
  const [alice, bob, carol] = [of(1), of(2), of(3)]
  const key = Keys.keyBetween(bob, carol)

  const without = (sql: string) =>
    Effect.gen(function* () {
      const path = yield* file
      yield* using(path, (store) =>
        Effect.gen(function* () {
          for (const name of ["alice", "bob", "carol"]) yield* register(store, name)
          yield* append(store, line(Keys.keyBetween(alice, bob), alice, "one"))
          yield* append(store, line(key, bob, "two"))
          yield* store.accounts.remove(alice) // its places in conversations are gone, as they should
        })
      )
      assert.deepStrictEqual(yield* using(path, (store) => store.check), [])
      execute(path, sql)
      const faults = yield* using(path, (store) => store.check)
      const records = yield* using(path, recordsOf)
      const rescued = yield* open(`${path}-rescued`)
      yield* rescued.imported(Stream.fromIterable(records))
      assert.deepStrictEqual(yield* rescued.check, [])
      return { faults, lost: records.filter(({ type }) => type === "lost"), rescued }
    })

  for (const [which, gone] of [
    ["in the middle", bob],
    ["at the end", carol]
  ] as const) {
    it.scopedLive(`of an account ${which} are named, and leave its number to nobody`, () =>
      Effect.gen(function* () {
        const { faults, lost, rescued } = yield* without(`delete from account where id = ${gone}`)
        assert.include(faults, `account ${gone} is missing`)
        assert.deepStrictEqual(lost, [{ type: "lost", what: "account", id: gone }])
        assert.strictEqual(yield* register(rescued, "somebody"), 4)
      })
    )
  }

  it.scopedLive("of a member are named, and it can read the conversation in the copy", () =>
    Effect.gen(function* () {
      const { faults, lost, rescued } = yield* without("delete from member where account = 3")
      assert.include(faults, "carol is missing among the members of conversation 2 (bob and carol)")
      assert.deepStrictEqual(lost, [{ type: "lost", what: "members", id: 2 }])
      const page = yield* rescued.page({ conversation: key, reader: carol, limit: 9 })
      assert.lengthOf(page.lines, 1)
      yield* balanced(rescued)
    })
  )
})

describe("damage in the invitations to rooms", () => {
  it.scopedLive("costs the invitations, and is named", () =>
    Effect.gen(function* () {
      const path = yield* file
      const room = yield* using(path, (store) =>
        Effect.gen(function* () {
          yield* register(store, "alice")
          yield* register(store, "bob")
          const { id } = yield* create(store, "secret", of(1))
          yield* append(store, line(Keys.ofRoom(id), of(1), "one"))
          yield* store.rooms.invite(id, of(2))
          return id
        })
      )
      damagePage(path, rootOf(path, "invitation"))
      const records = yield* using(path, recordsOf)
      assert.deepStrictEqual(
        records.filter(({ type }) => type === "lost"),
        [{ type: "lost", what: "invitations", id: room }]
      )
      const rescued = yield* open(`${path}-rescued`)
      yield* rescued.imported(Stream.fromIterable(records))
      const [{ invited, members } = { invited: undefined, members: undefined }] = yield* rescued.rooms.all
      assert.deepStrictEqual([invited, members], [[], [1]])
      assert.strictEqual((yield* rescued.statistics).lines, 1)
      assert.deepStrictEqual(yield* rescued.check, [])
    })
  )
})

describe("a room that is lost", () => {
  it.scopedLive("leaves the numbers of its lines to no other room", () =>
    Effect.gen(function* () {
      const path = yield* file
      yield* using(path, (store) =>
        Effect.gen(function* () {
          yield* register(store, "alice")
          const { id } = yield* create(store, "ops", of(1))
          for (const text of ["one", "two"]) yield* append(store, line(Keys.ofRoom(id), of(1), text))
        })
      )
      damagePage(path, rootOf(path, "room"))
      const rescued = yield* open(`${path}-rescued`)
      yield* rescued.imported(Stream.fromIterable(yield* using(path, recordsOf)))
      assert.lengthOf(yield* rescued.rooms.all, 0)
      assert.strictEqual((yield* create(rescued, "ops", of(1))).last, 2)
      assert.deepStrictEqual(yield* rescued.check, [])
    })
  )
})
