import { writeSync } from "node:fs"
import type { AccountId } from "../../src/ports/StoreAccounts.js"
import * as Keys from "../../src/ports/StoreLines.js"
import { SqliteEngine } from "../../src/store/SqliteEngine.js"

/**
 * A program that writes into a store until it is killed: `node Writer.cjs PATH`. After each transaction it prints how
 * many lines have been stored, and only then continues. The texts of all lines are their numbers.
 */

const [path = ""] = process.argv.slice(2)

const limits = {
  keepMillis: 1e12,
  keepBytes: 1e12,
  keepLines: 1e9,
  unreadLines: 1e9,
  unreadBytes: 1e12
}

const engine = new SqliteEngine({ path, base: __filename, limits, reserveBytes: 4096 })
const moment = () => ({ wall: Date.now(), now: performance.now() })

const accounts = engine.call("accounts", moment(), [])
for (let number = accounts.length; number < 10; number++) {
  const name = `account${number}`
  const account = engine.call("create", moment(), [{ name, likeness: name.toUpperCase(), credential: "hash" }])
  if (account !== undefined) engine.call("openDevice", moment(), [account.id, "main", { maxDevices: 1, present: [] }])
}

let stored = engine.call("statistics", moment(), []).lines

for (;;) {
  const count = 1 + Math.floor(Math.random() * 100)
  const lines = Array.from({ length: count }, (_, index) => {
    const account = ((index % 10) + 1) as AccountId
    const body = Buffer.from(`${stored + index}`.padEnd(Math.floor(Math.random() * 500), " "))
    const once = { device: "main", label: `${stored + index}` }
    const key = Keys.keyBetween(account, (((index + count) % 10) + 1) as AccountId)
    return { conversation: key, account, author: "a", body, isAuto: false, to: "", isLive: false, once }
  })
  const results = engine.call("append", moment(), [lines, []])
  const cursors = results.flatMap((result, index) => {
    const line = lines[index]
    if (result._tag !== "Stored" || line === undefined || index % 3 > 0) return []
    const [one, other] = line.conversation.kind === "accounts" ? line.conversation.accounts : []
    const account = one === line.account ? other : one
    return account === undefined
      ? []
      : [{ account, device: "main", conversation: result.conversation, seq: result.seq }]
  })
  stored += count
  writeSync(1, `${stored}\n`)
  engine.call("append", moment(), [[], cursors])
}
