import { assert, describe, it } from "@effect/vitest"
import type { AccountId } from "../../src/ports/StoreAccounts.js"
import * as Keys from "../../src/ports/StoreLines.js"
import type { ConversationId } from "../../src/ports/StoreLines.js"
import type { NewLineBytes } from "../../src/store/SqlAppend.js"
import { lineColumns, type LineRow, ownBody, type SqlRow, type SqlValue } from "../../src/store/SqlQuery.js"
import { type Arguments, type RequestName, type Result, sqlOf } from "../../src/store/SqlRequests.js"
import { migrations } from "../../src/store/SqlSchema.js"
import { SqlState } from "../../src/store/SqlState.js"
import * as SqliteDriver from "../../src/store/SqliteDriver.js"

const columns = [...lineColumns, "shared"] as const
const limits = { keepMillis: 1e12, keepBytes: 1e12, keepLines: 1e9, unreadLines: 1e9, unreadBytes: 1e12 }
const moment = { wall: 1000, now: 1000 }

/** A store in SQLite's memory that counts what its requests ask for. */
class CountedStore {
  readonly state = new SqlState(limits)
  queries = 0
  rows = 0
  private readonly connection = (() => {
    const connect = SqliteDriver.loadDriver(import.meta.filename ?? "")
    assert.isDefined(connect)
    const connection = connect(":memory:")
    for (const statement of migrations.flat()) connection.exec(statement)
    connection.exec(
      "insert into meta (id, log, commits, clean, running, stored, given, expired, lines, bytes) values (1, '', 0, " +
        "1, 0, 0, 0, 0, 0, 0)"
    )
    return connection
  })()

  call<Name extends RequestName>(name: Name, ...args: Arguments<Name>): Result<Name> {
    const sql = sqlOf(name, this.state, moment, args)
    let step = sql.next()
    while (step.done !== true) {
      const query = step.value
      const found = "lines" in query ? this.insert(query.lines) : this.select(query.sql, ...query.values)
      this.queries += 1
      this.rows += found.length
      step = sql.next(found)
    }
    return step.value
  }

  select(sql: string, ...values: ReadonlyArray<SqlValue>): ReadonlyArray<SqlRow> {
    return this.connection.prepare(sql).all(...values)
  }

  private insert(lines: ReadonlyArray<LineRow>): ReadonlyArray<SqlRow> {
    const statement = this.connection.prepare(
      `insert into line (${columns.join()}) values (${columns.map(() => "?").join()})`
    )
    for (const line of lines) {
      statement.run(...columns.map((column) => (column === "body" ? ownBody(line) : line[column])))
    }
    return []
  }

  /** How many queries and rows a request takes. */
  costOf(request: () => unknown): readonly [queries: number, rows: number] {
    const { queries, rows } = this
    request()
    return [this.queries - queries, this.rows - rows]
  }

  register(count: number): ReadonlyArray<AccountId> {
    return Array.from({ length: count }, (_, index) => {
      const account = this.call("create", { name: `a${index}`, likeness: `A${index}`, credential: "" })
      assert.isDefined(account)
      this.call("openDevice", account.id, "main", { maxDevices: 1, present: [] })
      return account.id
    })
  }

  createRoom(name: string, members: ReadonlyArray<AccountId>): ConversationId {
    const room = this.call("createRoom", { name: `#${name}`, likeness: name, owner: members[0] })
    assert.isDefined(room)
    for (const member of members) this.call("joinRoom", room.id, member)
    return room.id
  }
}

const line = (conversation: Keys.ConversationKey, account: AccountId, text: string, to = ""): NewLineBytes => ({
  conversation,
  account,
  author: "a",
  body: Buffer.from(text),
  isAuto: false,
  to,
  isLive: true
})

describe("rooms in SQL", () => {
  it("cost the same with three members as with three hundred, whether or not anything is in memory", () => {
    const store = new CountedStore()
    const accounts = store.register(300)
    const [one, two, three] = accounts as [AccountId, AccountId, AccountId]
    const cost = (request: () => unknown) => {
      store.state.forget()
      return [store.costOf(request), store.costOf(request), store.costOf(request)]
    }
    const costs = [store.createRoom("small", [one, two, three]), store.createRoom("large", accounts)].map((room) => {
      const lines = [one, two, one].map((author) => line(Keys.ofRoom(room), author, "hi"))
      return {
        append: cost(() => store.call("append", lines, [])),
        page: cost(() => store.call("page", { conversation: room, reader: three, limit: 2 })),
        cursor: cost(() => store.call("append", [], [{ account: three, device: "main", conversation: room, seq: 2 }])),
        markRead: cost(() => store.call("markRead", two, room, 3)),
        leave: cost(() => {
          store.call("leaveRoom", room, one)
          store.call("joinRoom", room, one)
        })
      }
    })
    assert.deepStrictEqual(costs[1], costs[0])
  })

  it("store the text of a line to several recipients once, and delete it with the last of these lines", () => {
    const store = new CountedStore()
    // Then it has memory: Node 22 would bind an empty array of its own as NULL.
    assert.isDefined(ownBody({ body: new Uint8Array(1), shared: 1 }).buffer)
    const accounts = store.register(3)
    const [one, two, three] = accounts as [AccountId, AccountId, AccountId]
    const rooms = ["red", "blue"].map((name) => store.createRoom(name, accounts))
    const [red, blue] = rooms as [ConversationId, ConversationId]
    const direct = Keys.keyBetween(one, two)
    store.call(
      "append",
      [
        line(direct, one, "to all of them", "#red+#blue"),
        line(Keys.ofRoom(red), one, "to all of them", "a+#blue"),
        line(Keys.ofRoom(red), three, "to the room"),
        line(Keys.ofRoom(blue), one, "to all of them", "a+#red"),
        line(Keys.ofRoom(blue), three, "to the room"),
        line(Keys.ofRoom(blue), two, "to one that is stored", "guest")
      ],
      []
    )
    const texts = () =>
      store
        .select("select cast(body as text) as body, uses from shared_text")
        .map(({ body, uses }) => `${uses} ${body}`)
    const own = store.select("select cast(body as text) as body from line order by id").map(({ body }) => body)
    assert.deepStrictEqual(own, ["", "", "to the room", "", "to the room", "to one that is stored"])
    assert.deepStrictEqual(texts(), ["3 to all of them"])
    assert.deepStrictEqual(store.call("check"), [])
    store.call("endRoom", red)
    store.call("retain", new Map())
    assert.deepStrictEqual(texts(), ["2 to all of them"])
    store.call("configure", { ...limits, keepLines: 0 })
    while (store.call("retain", new Map()).hasMore);
    assert.deepStrictEqual(texts(), [])
    assert.deepStrictEqual(store.call("check"), [])
  })

  it("are checked: texts without a reference, rooms that do not exist, owners that are not members", () => {
    const faults: ReadonlyArray<readonly [damage: string, fault: string]> = [
      ["update shared_text set uses = 3", "text 1 belongs to 2 lines, and 3 should share it"],
      ["delete from line where conversation = 2", "text 1 belongs to 1 lines, and 2 should share it"],
      ["insert into shared_text values (7, x'61', 0)", "text 7 belongs to 0 lines, and 0 should share it"],
      [
        "update line set shared = 9 where conversation = 2",
        "line 1 of conversation 2 (a0 and a1) is damaged: its checksum is wrong"
      ],
      ["delete from room", "conversation 1 is a room in one table and none in the other"],
      ["update conversation set kind = 4 where id = 1", "conversation 1 is a room in one table and none in the other"],
      ["delete from member where conversation = 1 and account = 1", "the owner of room 1 is not in it"]
    ]
    for (const [damage, fault] of faults) {
      const store = new CountedStore()
      const [one, two] = store.register(2) as [AccountId, AccountId]
      const room = store.createRoom("red", [one, two])
      const lines = [line(Keys.ofRoom(room), one, "hi", "a"), line(Keys.keyBetween(one, two), one, "hi", "#red")]
      store.call("append", lines, [])
      assert.deepStrictEqual(store.call("check"), [])
      store.select(damage)
      assert.include(store.call("check"), fault, damage)
    }
  })
})
