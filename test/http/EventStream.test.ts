import { assert, describe, it } from "@effect/vitest"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import * as EventStream from "../../src/http/EventStream.js"

const dataOf = (wire: string, arrival = 0): unknown => {
  const { fields = "" } = EventStream.of(wire, new Date(arrival)) ?? {}
  return JSON.parse(fields.replace(/^data: /u, "")) as unknown
}

setFlagsFromString("--expose-gc")
const collect = runInNewContext("gc") as () => void
setFlagsFromString("--no-expose-gc")

const heapUsed = () => {
  collect()
  collect()
  return process.memoryUsage().heapUsed
}

describe("EventStream", () => {
  it("makes the event of a stored message once for all streams", () => {
    const line = "from alice seq=7 at=1700000000000 #ops: hi"
    assert.strictEqual(EventStream.of(line, new Date(1)), EventStream.of(`${line}`, new Date(2)))
    const first = { from: "alice", text: "hi", at: "2023-11-14T22:13:20.000Z", room: "#ops", seq: 7 }
    assert.deepStrictEqual(dataOf(line), first)
    assert.deepStrictEqual(dataOf(line.replace("seq=7", "seq=8")), { ...first, seq: 8 })
  })

  it("keeps alive no reads that its lines were cut from", () => {
    const before = heapUsed()
    for (let seq = 1; seq <= 200; seq++) {
      const read = Buffer.from(`${"x".repeat(65_000)}\nfrom alice seq=${seq} at=1700000000000 #ops: hi\n`).toString(
        "latin1"
      )
      EventStream.of(read.split("\n")[1] ?? "", new Date(1))
    }
    assert.isBelow(heapUsed() - before, 2_000_000)
  })

  it("gives a message without a time that of its arrival, also if its text looks like a time", () => {
    for (const line of ["from alice: hi", "from alice: it began at=1700000000000: hi"]) {
      for (const arrival of [1, 2_000]) {
        assert.deepInclude(dataOf(line, arrival), { at: new Date(arrival).toISOString() })
      }
    }
  })

  it("makes the right event for each of many different messages", () => {
    for (const round of [1, 2]) {
      for (let seq = 1; seq <= 1_000; seq++) {
        assert.deepInclude(dataOf(`from bob seq=${seq} at=1700000000000 #ops: line ${seq}`, round), {
          seq,
          text: `line ${seq}`
        })
      }
    }
  })
})
