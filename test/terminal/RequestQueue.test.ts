import { assert, describe, it } from "@effect/vitest"
import * as Received from "../../src/client/Received.js"
import { RequestQueue } from "../../src/terminal/RequestQueue.js"

const make = () => {
  let wakes = 0
  const requests = new RequestQueue(() => (wakes += 1))
  return { requests, wakes: () => wakes }
}

describe("RequestQueue", () => {
  it("sends lines in order, those of the program with a label", () => {
    const { requests, wakes } = make()
    requests.add("/rooms")
    requests.ask("start", "/who")
    requests.askAs("read", "/read #ops 1")
    requests.askAs("read", "/read #ops 2")
    assert.deepStrictEqual(requests.take(), ["/rooms", "@start /who", "@read-1 /read #ops 1", "@read-2 /read #ops 2"])
    assert.deepStrictEqual([requests.take(), wakes()], [[], 4])
  })

  it("knows which of the program's own requests the server takes later, and no other line", () => {
    const { requests } = make()
    requests.ask("start", "/who")
    const postponed = (line: string) => requests.postponed(Received.parse(line))
    const expected = { label: "start", command: "/who", retryMillis: 5 }
    assert.deepStrictEqual(postponed("! slow-down @start retry=5: x"), expected)
    for (const line of [
      "! slow-down @other retry=5: x",
      "! slow-down retry=5: x",
      "! slow-down @start: x",
      "! refused @start who reason=x retry=5: x",
      "* who @start 0: "
    ]) {
      assert.isUndefined(postponed(line), line)
    }
    assert.strictEqual(requests.command("start"), "/who")
    requests.clear()
    assert.isUndefined(requests.command("start"))
    assert.deepStrictEqual(requests.take(), [])
  })

  it("remembers a bounded number of them", () => {
    const { requests } = make()
    for (let at = 0; at < 300; at++) requests.ask(`r${at}`, "/who")
    assert.deepStrictEqual([requests.command("r0"), requests.command("r299")], [undefined, "/who"])
    assert.lengthOf(requests.take(), 300)
  })
})
